"""The options that ``parrot_cvmfs`` has in common with ``parrot_run``: same spelling, same meaning, same code.

They are collected word by word and given to the reader of parrot_run's command line.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any, NoReturn

from parrot_py.brief import BriefParser
from parrot_py.codes import USAGE, tagged
from parrot_py.config.options import OPTIONS
from parrot_py.tools import status

KEYS = (
    "cvmfs-repos",
    "proxy",
    "tempdir",
    "timeout",
    "cvmfs-alien-cache",
    "cvmfs-option",
    "cvmfs-option-file",
    "debug",
    "debug-file",
)
COMMON = frozenset(name for row in OPTIONS if row.key in KEYS for name in row.names.split())
"""The spellings of these options."""

_ABOUT = "the same as for parrot_run; before or behind the subcommand"


class Parser(BriefParser):
    """A parser whose complaints are one line and the status for wrong usage."""

    common = ("repositories, proxies, cache", "output")

    def error(self, message: str) -> NoReturn:
        """Say what is wrong and leave."""
        text = tagged(f"{message} (see {self.prog} --help)", USAGE)
        self.exit(status.USAGE, f"{self.prog}: {text}\n")


def add_common(
    parser: argparse.ArgumentParser, words: list[str], keys: Sequence[str] = KEYS, taken: Sequence[str] = ()
) -> None:
    """Let *parser* append the options of parrot_run with *keys*, as they were written, to *words*.

    *taken* are spellings that mean something else to this command.
    """

    class Collect(argparse.Action):
        def __call__(self, *what: Any, **_: Any) -> None:
            _, _, value, name = what
            # Joined: a value may be empty.
            words.extend([f"{name}={value}"] if name.startswith("--") else [name, value])

    group = parser.add_argument_group("repositories, proxies, cache", _ABOUT)
    for option in (option for option in OPTIONS if option.key in keys and option.has_effect):
        group.add_argument(
            *(name for name in option.names.split() if name not in taken),
            action=Collect,
            metavar=option.argument,
            default=argparse.SUPPRESS,
            help=option.help.replace("%", "%%"),
        )


def add_output(parser: argparse.ArgumentParser) -> None:
    """The options about what is shown."""
    group = parser.add_argument_group("output")
    group.add_argument("--json", action="store_true", default=argparse.SUPPRESS, help="for machines: JSON")
    group.add_argument(
        "-q", "--quiet", action="store_true", default=argparse.SUPPRESS, help="no progress, no remarks on stderr"
    )

"""The command line taken apart by the option table, getopt_long's way."""

from __future__ import annotations

import getopt
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from parrot_py import codes
from parrot_py.config.options import OPTIONS, Option
from parrot_py.errors import ConfigError

REPORT = "print-config"

_BY_NAME = {name: option for option in OPTIONS for name in option.names.split()}


class Given(NamedTuple):
    """What was asked for: every value of every option, in order, and the command behind the options."""

    values: Mapping[str, tuple[str, ...]]
    command: tuple[str, ...]
    remarks: tuple[str, ...]
    absent: tuple[str, ...] = ()
    sequence: tuple[tuple[str, str], ...] = ()
    """Keys and values in the order of the command line."""

    def last(self, key: str) -> str | None:
        """The last value of the option *key* (its first long name); ``""`` for a flag; None if it was not given."""
        return self.values[key][-1] if key in self.values else None


def parse(argv: Sequence[str], environ: Mapping[str, str]) -> Given:
    """Split *argv* (without the program's name) at its first word that is no option.

    Long options may be shortened as long as they stay unambiguous, flags may be clustered, ``--`` ends the options.
    Options and variables of the original that have no effect leave a remark, or a line in ``absent``.  Raises
    ConfigError naming an option that is unknown, lacks its argument, or cannot be obeyed.
    """
    try:
        found, command = _split(list(argv))
    except getopt.GetoptError as error:
        raise ConfigError(f"{error}; `parrot_run --help-all` lists all options", codes.BAD_OPTION) from error
    values: dict[str, tuple[str, ...]] = {}
    sequence: list[tuple[str, str]] = []
    remarks: dict[str, None] = {}
    absent: dict[str, None] = {}
    for name, value in found:
        option = _BY_NAME[name]
        if option.refused:
            raise ConfigError(f"option {name}: {option.refused}", codes.REFUSED_OPTION)
        if not option.has_effect:
            (absent if option.absent else remarks)[f"option {name} has no effect: {option.reason}"] = None
        values[option.key] = (*values.get(option.key, ()), value)
        sequence.append((option.key, value))
    for option, line in _about_variables(environ):
        (absent if option.absent else remarks)[line] = None
    return Given(values, tuple(command), tuple(remarks), tuple(absent), tuple(sequence))


def _split(argv: list[str]) -> tuple[list[tuple[str, str]], list[str]]:
    try:
        return getopt.getopt(argv, short_options(), long_options())
    except getopt.GetoptError as error:
        # The one option whose argument may be left out; getopt knows of no such thing before Python 3.14.
        if error.opt != REPORT:
            raise
        long = [f"{REPORT}=" if name == REPORT else name for name in long_options()]
        return getopt.getopt(argv, short_options(), long)


def _about_variables(environ: Mapping[str, str]) -> list[tuple[Option, str]]:
    """Remarks about variables without effect.  Raises ConfigError for one that cannot be obeyed."""
    remarks = []
    for option in OPTIONS:
        if option.variable not in environ or option.has_effect:
            continue
        if option.refused and environ[option.variable]:
            raise ConfigError(f"{option.variable}: {option.refused}", codes.REFUSED_OPTION)
        remarks.append((option, f"{option.variable} has no effect: {option.reason}"))
    return remarks


def short_options() -> str:
    """The letters of all options, as getopt(3) takes them."""
    return "".join(name[1] + (":" if option.argument else "") for name, option in _names() if name[1] != "-")


def long_options() -> list[str]:
    """The long names of all options; with ``=`` those that have an argument."""
    return [name[2:] + ("=" if option.argument else "") for name, option in _names() if name.startswith("--")]


def _names() -> list[tuple[str, Option]]:
    return list(_BY_NAME.items())

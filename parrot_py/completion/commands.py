"""What can be completed: each command with its options and subcommands."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from typing import NamedTuple

from parrot_py.config import options, values

FILES, COMMAND, SUBCOMMAND = "files", "command", "subcommand"
"""What words that are no options are: files, another command with its arguments, a subcommand with its own."""

_DIRECTORIES = ("DIR", "WEBDIR", "KEYDIR")


class Option(NamedTuple):
    """One option: its spellings, what it is for, its argument (empty for a flag), and the values if there are few."""

    names: tuple[str, ...]
    about: str
    argument: str = ""
    values: tuple[str, ...] = ()

    @property
    def takes_file(self) -> bool:
        """Whether the argument is a file."""
        return self.argument == "FILE"

    @property
    def takes_directory(self) -> bool:
        """Whether the argument is a directory."""
        return self.argument in _DIRECTORIES


class Command(NamedTuple):
    """One command or subcommand."""

    name: str
    about: str
    options: tuple[Option, ...]
    words: str = FILES
    subcommands: tuple[Command, ...] = ()


_HELP = Option(("-h", "--help"), "print a help text and exit")
_FEW = {
    "debug": tuple(sorted(values.DEBUG_FLAGS)),
    "disable-service": ("grow", "http", "https", "fsspec"),
    "debug-file": (":stderr", ":stdout"),
}
"""Options of parrot_run with few values."""


def commands() -> tuple[Command, ...]:
    """All commands.  Needs nothing but the standard library, as a build has nothing else."""
    from parrot_py.drivers.cvmfs.publish.arguments import parser as publish
    from parrot_py.drivers.grow.cli import parser as growfs
    from parrot_py.packages.arguments import parser as packages
    from parrot_py.tools.main import parser as tools

    return (
        Command("parrot_run", "run a command with /cvmfs", _of_table(options.HONOURED), COMMAND),
        of_parser(tools([])),
        of_parser(publish()),
        of_parser(growfs()),
        of_parser(packages([])),
        *_companions(),
    )


def _companions() -> Iterable[Command]:
    """Those that take their few words apart by themselves, to start fast.  A test compares this with what they say."""
    unmount = Option(("--unmount",), "take a mount away", "PATH")
    disable = Option(("--disable",), "forbid all further changes")
    algorithm = Option(("-a",), "another digest than MD5", "ALGORITHM", ("md5", "sha1", "sha256", "sha512"))
    search = (
        Option(("-s",), "stop at the first match"),
        Option(("-m",), "print metadata"),
        Option(("-i",), "count PATH itself in"),
    )
    copying = tuple(Option((f"-{letter}",), f"as for cp -{letter}") for letter in "firRsluv")
    yield Command("parrot_cp", "copy files", copying)
    yield Command("parrot_mount", "change the table of mounts", (unmount, disable, _HELP))
    yield Command("parrot_locate", "tell where files come from", (_HELP,))
    yield Command("parrot_md5", "print digests of files", (algorithm, _HELP))
    yield Command("parrot_search", "find names", (*search, _HELP))
    yield Command("parrot_package_run", "run a command in a package", _PACKAGE_RUN, COMMAND)
    yield Command("parrot_timeout", "set how long to wait for servers", (_HELP,))


_PACKAGE_RUN = (
    Option(("-p", "--package-path"), "the package: a directory or an archive", "FILE"),
    Option(("-e", "--env-list", "--env-path"), "the environment", "FILE"),
    Option(("-s", "--shell-type"), "the shell to run without a command", "SHELL", ("bash", "dash", "sh", "zsh")),
    Option(("-t", "--tempdir"), "session data, and an unpacked archive", "DIR"),
    Option(("-d", "--debug"), "log more", "FLAG", _FEW["debug"]),
    Option(("-o", "--debug-file"), "where the log goes", "FILE", _FEW["debug-file"]),
    Option(("-v", "--version"), "print the version and exit"),
    _HELP,
)


def _of_table(table: Iterable[options.Option]) -> tuple[Option, ...]:
    return tuple(
        Option(
            tuple(row.names.split()), row.help, "DIR" if row.key == "work-dir" else row.argument, _FEW.get(row.key, ())
        )
        for row in table
    )


def of_parser(parser: argparse.ArgumentParser, name: str = "", about: str = "") -> Command:
    """The command that *parser* describes."""
    found, below = [], []
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            told = {choice.dest: choice.help or "" for choice in action._choices_actions}
            below = [of_parser(sub, name, told.get(name, "")) for name, sub in action.choices.items()]
        elif action.option_strings and action.help != argparse.SUPPRESS:
            found.append(_of_action(parser, action))
    return Command(name or parser.prog, about, tuple(found), SUBCOMMAND if below else FILES, tuple(below))


def _of_action(parser: argparse.ArgumentParser, action: argparse.Action) -> Option:
    about = " ".join(parser._get_formatter()._expand_help(action).split()) if action.help else ""
    few = tuple(str(choice) for choice in action.choices or ())
    argument = "" if action.nargs == 0 else str(action.metavar or action.dest.upper())
    key = next((name[2:] for name in action.option_strings if name.startswith("--")), "")
    return Option(tuple(action.option_strings), about, argument, few or _FEW.get(key, ()))

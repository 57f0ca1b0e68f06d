r"""The files of ``-n`` and ``-e``, written by parrot_run and read by the commands for packages.

A name list has a line ``NAME|fullcopy`` or ``NAME|metadatacopy`` for each name.  Names are bytes as they are, but for a
newline, which is ``\012``, and a backslash, which is ``\134``; any other backslash stands for itself, since the
original wrote names without that.

An environment list has each entry with a NUL behind it, then a line ``PWD=DIRECTORY``; one without any NUL has lines
``NAME=VALUE``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

from parrot_py import codes
from parrot_py.errors import ConfigError

FULL, METADATA = b"fullcopy", b"metadatacopy"
_ESCAPED = re.compile(rb"\\(012|134)")


class Wanted(NamedTuple):
    """One name of a list: absolute; *full*: its content is wanted, else only what ``stat`` tells."""

    name: bytes
    full: bool


class Environment(NamedTuple):
    """The entries of a job's environment, and the directory where it started (``b""``: not told)."""

    entries: tuple[bytes, ...]
    directory: bytes


def to_bytes(names: Iterable[Wanted]) -> bytes:
    """The text of a name list."""
    return b"".join(_escaped(name) + b"|" + (FULL if full else METADATA) + b"\n" for name, full in names)


def _escaped(name: bytes) -> bytes:
    return name.replace(b"\\", b"\\134").replace(b"\n", b"\\012")


def parse_names(text: bytes, what: str) -> list[Wanted]:
    """The names of a list.  Raises ConfigError naming *what* and the line."""
    wanted = []
    for number, line in enumerate(text.split(b"\n"), 1):
        if not line:
            continue
        name, bar, kind = line.rpartition(b"|")
        name = _ESCAPED.sub(lambda found: bytes([int(found[1], 8)]), name)
        if not bar or kind not in (FULL, METADATA) or not name.startswith(b"/") or b"\0" in name:
            raise ConfigError(f"{what}:{number}: not a line of a name list: {line!r}", codes.PACKAGE_LIST)
        wanted.append(Wanted(name, kind == FULL))
    return wanted


def parse_environment(text: bytes, what: str) -> Environment:
    """The environment of a list.  Raises ConfigError naming *what*."""
    head, nul, last = text.rpartition(b"\0")
    if not nul:
        lines = [line for line in text.split(b"\n") if line]
        for line in lines:
            if b"=" not in line:
                raise ConfigError(f"{what}: not NAME=VALUE: {line!r}", codes.PACKAGE_LIST)
        return Environment(tuple(lines), _value(lines, b"PWD="))
    if last and not (last.startswith(b"PWD=") and last.endswith(b"\n")):
        raise ConfigError(f"{what}: the end is no line PWD=DIRECTORY: {last!r}", codes.PACKAGE_LIST)
    return Environment(tuple(head.split(b"\0")), last[len(b"PWD=") : -1])


def _value(entries: Iterable[bytes], name: bytes) -> bytes:
    return next((entry[len(name) :] for entry in entries if entry.startswith(name)), b"")

"""The environment as the caller gave it: entry by entry, in the caller's order, whatever an entry looks like.

``os.environ`` is not that: it has each name once and no entry without ``=``, and with the C locale Python itself has
put ``LC_CTYPE`` into it (PEP 538).
"""

from __future__ import annotations

import binascii
import os
from collections.abc import Mapping, Sequence

HANDED_ON = b"pp__environ_"
"""bin/parrot_run is a shell script, and a shell drops, adds and sorts variables: it hands the environment that it got
itself on in variables with this name and a number, in base64."""

IGNORED = b"pp__ignored="
"""Likewise from bin/parrot_run, and no business of the job: see parrot_py/caller.py."""


def of_caller() -> list[bytes]:
    """The entries that the user's shell (or whatever else started us) passed."""
    try:
        with open("/proc/self/environ", "rb") as file:
            entries = file.read().split(b"\0")[:-1]
    except OSError:
        return of_mapping(os.environ)
    entries = [entry for entry in entries if not entry.startswith(IGNORED)]
    parts = dict(entry.partition(b"=")[::2] for entry in entries if entry.startswith(HANDED_ON))
    if not parts:
        return entries
    numbered = (HANDED_ON + b"%d" % number for number in range(len(parts)))
    return binascii.a2b_base64(b"".join(parts[name] for name in numbered)).split(b"\0")[:-1]


def of_mapping(environ: Mapping[str, str]) -> list[bytes]:
    """The entries that *environ* stands for."""
    return [os.fsencode(f"{name}={value}") for name, value in environ.items()]


def mapping(entries: Sequence[bytes]) -> dict[str, str]:
    """Name to value; of several entries for a name the first one counts, as with getenv(3)."""
    pairs = [os.fsdecode(entry).partition("=") for entry in reversed(entries) if b"=" in entry]
    return {name: value for name, _, value in pairs}


def with_variable(entries: Sequence[bytes], name: bytes, value: bytes) -> tuple[bytes, ...]:
    """*entries* with ``name=value`` and nothing else of that name; an equal first entry stays where it is."""
    wanted = name + b"=" + value
    others = [entry for entry in entries if not entry.startswith(name + b"=")]
    at = entries.index(wanted) if entries.count(wanted) == len(entries) - len(others) == 1 else len(others)
    return (*others[:at], wanted, *others[at:])

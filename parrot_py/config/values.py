"""Small values as people write them: times, sizes, paths, debug flags."""

from __future__ import annotations

import os
from pathlib import Path

from parrot_py import codes
from parrot_py.errors import ConfigError

_SECONDS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}
_BYTES = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40, "P": 1 << 50}

# A year.  Larger bounds say nothing more and overflow the time-outs of the system calls below us.
_LONGEST = 366 * 86400

LONGEST_NUMBER = 18
"""Digits that an integer may have: all that make sense, and no trouble for int() or 64 bits."""

ALWAYS_LOGGED = frozenset({"fatal", "error", "notice"})
_DEBUG_WORDS = """
    clear debug syscall channel process resolve libcall tcp dns auth local http ftp nest chirp cvmfs multi dcap rfio
    glite lfc gfal grow pstree alloc cache poll hdfs bxgrid login irods wq mpi user xrootd remote batch rmonitor
    makeflow makeflow_run makeflow_alloc makeflow_lexer makeflow_parser makeflow_hook ext confuga vine tlq jx ssl all
    bucketing time pid
"""
DEBUG_FLAGS = ALWAYS_LOGGED.union(_DEBUG_WORDS.split())
"""Every flag that ``-d`` accepts: those of the original, most of which nothing here writes to."""


def seconds(text: str, what: str) -> float:
    """``30``, ``30s``, ``5m``, ``1h``, ``1d``, fractions allowed; more than zero.  Raises ConfigError naming *what*."""
    unit = text[-1:].lower()
    number = text[:-1] if unit in _SECONDS and unit else text
    if not _is_decimal(number) or not 0 < (value := float(number) * _SECONDS.get(unit, 1)) <= _LONGEST:
        raise ConfigError(f"{what}: not a time: {text!r} (write 30, 30s, 5m, 1h or 1d)", codes.BAD_VALUE)
    return value


def size(text: str, what: str) -> int:
    """``4096``, ``64K``, ``10M`` … in bytes, binary units, zero allowed.  Raises ConfigError naming *what*."""
    unit = text[-1:].upper()
    number = text[:-1] if unit in _BYTES and unit else text
    if not (number.isascii() and number.isdigit() and len(number) <= LONGEST_NUMBER):
        raise ConfigError(f"{what}: not a size: {text!r} (write 4096, 64K, 10M or 1G)", codes.BAD_VALUE)
    return int(number) * _BYTES.get(unit, 1)


def _is_decimal(text: str) -> bool:
    whole, _, fraction = text.partition(".")
    return text.isascii() and (whole + fraction).isdigit()


def current_directory() -> str:
    """The current directory, or ``""`` if it was deleted."""
    try:
        return os.getcwd()
    except FileNotFoundError:
        return ""


def absolute(text: str, what: str, directory: str | None = None) -> Path:
    """*text* as an absolute path, taken from *directory* (default: the current one; ``""``: it is gone).

    Raises ConfigError naming *what* when *text* is no path, and when it is relative to nothing.
    """
    if not text or "\0" in text:
        raise ConfigError(f"{what}: not a path: {text!r}", codes.BAD_VALUE)
    if text.startswith("/"):
        return Path(text)
    start = current_directory() if directory is None else directory
    if not start:
        raise ConfigError(f"{what}: {text!r} is relative, and the current directory is gone", codes.BAD_VALUE)
    return Path(os.path.normpath(os.path.join(start, text)))


def debug_flags(texts: list[str], what: str) -> frozenset[str]:
    """The flags chosen by *texts*, each a list separated by blanks or commas; ``clear`` forgets what stood before it.

    Raises ConfigError naming *what* and the unknown flag.
    """
    chosen: set[str] = set()
    for flag in ",".join(texts).replace(",", " ").split():
        if flag not in DEBUG_FLAGS:
            known = " ".join(sorted(DEBUG_FLAGS))
            raise ConfigError(f"{what}: unknown debug flag {flag!r}; there are: {known}", codes.BAD_VALUE)
        chosen.add(flag)
        if flag == "clear":
            chosen.clear()
    return frozenset(chosen | ALWAYS_LOGGED)

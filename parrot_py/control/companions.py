"""The commands ``parrot_locate``, ``parrot_md5`` and ``parrot_timeout``: questions to the parrot_run around them."""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Callable, Sequence

from parrot_py.control.client import MISUSE, Refused, ask, complain, misuse
from parrot_py.stdout import tells, told

TROUBLE = 1
_BLOCK = 1 << 20


def _words(usage: str, argv: Sequence[str] | None) -> list[str] | None:
    """The arguments; None when the usage was asked for, and printed."""
    words = list(sys.argv[1:] if argv is None else argv)
    if words in (["-h"], ["--help"]):
        sys.stdout.write(usage)
        return None
    return words


def _each(name: str, paths: Sequence[str], about: Callable[[str], str]) -> int:
    """Print what there is to say *about* each of *paths*; 0, or 1 with a line on stderr for each that failed."""
    status = 0
    for path in paths:
        try:
            text = about(path)
        except (OSError, Refused) as error:
            complain(name, path, error)
            status = TROUBLE
            continue
        if text:
            told(text)
    return status


@tells("parrot_locate", MISUSE)
def locate(argv: list[str] | None = None) -> int:
    """``parrot_locate [PATH …]``: where files come from, a line HOST:PATH for each place, the nearest first."""
    words = _words("usage: parrot_locate [PATH ...]\n\nPrint where files come from: lines HOST:PATH.\n", argv)
    if words is None:
        return 0

    def places(path: str) -> str:
        return "\n".join(ask("locate", path=os.path.abspath(path))["places"])

    return _each("parrot_locate", words or ["."], places)


@tells("parrot_md5", MISUSE)
def md5(argv: list[str] | None = None) -> int:
    """``parrot_md5 [-a ALGORITHM] FILE …``: digests as md5sum prints them, unread where parrot_run knows them.

    Works outside parrot_run, too.
    """
    usage = "usage: parrot_md5 [-a ALGORITHM] FILE ...\n\nPrint MD5 (or sha1, sha256 ...) of files.\n"
    words = _words(usage, argv)
    if words is None:
        return 0
    algorithm = "md5"
    if words[:1] == ["-a"] and len(words) > 1:
        algorithm, words = words[1].lower(), words[2:]
    if algorithm not in hashlib.algorithms_available:
        return misuse("parrot_md5", f"there is no digest {algorithm!r}", usage)
    if not words:
        return misuse("parrot_md5", "no file is named", usage)
    return _each("parrot_md5", words, lambda path: f"{_digest(path, algorithm)}  {path}")


def _digest(path: str, algorithm: str) -> str:
    try:
        known = ask("digests", path=os.path.abspath(path))["digests"].get(algorithm)
    except (OSError, Refused):
        known = None  # outside, or not to be had: reading tells, and says what is wrong
    if known:
        return str(known)
    hasher = hashlib.new(algorithm, usedforsecurity=False)
    with open(path, "rb") as file:
        for block in iter(lambda: file.read(_BLOCK), b""):
            hasher.update(block)
    return hasher.hexdigest()


@tells("parrot_timeout", MISUSE)
def timeout(argv: list[str] | None = None) -> int:
    """``parrot_timeout [TIME]``: how long one thing may take to fetch; without TIME as parrot_run was started with."""
    usage = "usage: parrot_timeout [TIME]\n\nGive up fetching after TIME without progress: 30, 5m, 1h.\n"
    words = _words(usage, argv)
    if words is None:
        return 0
    if len(words) > 1:
        return misuse("parrot_timeout", "one TIME at most", usage)
    try:
        ask("timeout", seconds=words[0] if words else None)
    except (OSError, Refused) as error:
        complain("parrot_timeout", "", error)
        return MISUSE if isinstance(error, Refused) and error.name == "EINVAL" else TROUBLE
    return 0

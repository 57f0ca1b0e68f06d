"""Mounts as people write them: ``/from=/to`` of ``-M``, and the lines of mountlist files (``-m``).

A line has two or three fields: a name (or a pattern of fnmatch(3)), what it stands for, and what is permitted there::

    /tmp          /scratch/tmp
    /data/*.key   DENY
    /etc          rx
    /soft         /cvmfs/soft.example.org  rx
"""

from __future__ import annotations

import os
from pathlib import Path

from parrot_py import codes
from parrot_py.config import values
from parrot_py.config.model import DENY, ENOENT, LCACHE, LOCAL, RESOLVER, RWX, Mount
from parrot_py.errors import ConfigError

WORDS = (DENY, ENOENT, LOCAL)
_FSSPEC = "fsspec+"
_NAME_MAX = 255
_BITS = {"r": 4, "w": 2, "x": 1}
_ELSEWHERE = ("anonftp", "bxgrid", "chirp", "ftp", "gridftp", "gsiftp", "hdfs", "irods", "multi", "remote", "xrootd")


def read(path: Path, what: str) -> list[Mount]:
    """The mounts that the file *path* lists, in its order.  Raises ConfigError naming *what*, the file and the line."""
    try:
        text = path.read_text(encoding="utf-8", errors="surrogateescape")
    except OSError as error:
        raise ConfigError(f"{what}: cannot read {str(path)!r}: {error.strerror}", codes.CONFIG_FILE) from error
    mounts = []
    for number, line in enumerate(text.split("\n"), 1):
        fields = line.split()
        if fields and not line.startswith("#"):
            mounts.append(_line(fields, f"{path}:{number}"))
    return mounts


def _line(fields: list[str], what: str) -> Mount:
    if len(fields) > 3 and not fields[3].startswith("#"):
        raise ConfigError(f"{what}: more than three fields: {' '.join(fields)!r}", codes.BAD_MOUNT)
    if len(fields) == 1:
        raise ConfigError(f"{what}: {fields[0]!r} stands alone (write a name and what it stands for)", codes.BAD_MOUNT)
    name, target = fields[:2]
    if len(fields) > 2:
        return entry(name, target, what, permission(fields[2], what))
    if _is_permission(target):
        return entry(name, name, what, permission(target, what))
    return entry(name, target, what)


def redirection(text: str, what: str) -> Mount:
    """``/a=/b``, split at the first ``=``; ``/b`` may be whatever may stand in the second field of a line.

    Raises ConfigError naming *what* and the text.
    """
    name, equals, target = text.partition("=")
    if not equals or not name.startswith("/") or not target:
        raise ConfigError(f"{what}: not a redirection: {text!r} (write /from=/to)", codes.BAD_MOUNT)
    return entry(name, target, f"{what}: {text!r}")


def entry(name: str, target: str, what: str, allowed: int = RWX) -> Mount:
    """The mount of *target* at *name*.  A relative *target* is taken from the current directory.

    Raises ConfigError naming *what*.
    """
    if not name.startswith("/") or "\0" in name:
        raise ConfigError(f"{what}: not an absolute name: {name!r}", codes.BAD_MOUNT)
    prefix = _clean(name)
    if target == name:
        return Mount(prefix, prefix, allowed=allowed)
    if target.startswith(_FSSPEC):
        return Mount(prefix, _quoted(target[len(_FSSPEC) :], what), allowed=allowed)
    if target in WORDS:
        return Mount(prefix, b"", target, allowed)
    word, colon, rest = target.partition(":")
    if colon and word == RESOLVER:
        if not rest:
            raise ConfigError(f"{what}: resolver: without a command", codes.BAD_MOUNT)
        return Mount(prefix, os.fsencode(rest), RESOLVER, allowed)
    if colon and word == LCACHE:
        return _lcache(prefix, rest, what, allowed)
    return Mount(prefix, _place(target, what), allowed=allowed)


def _quoted(url: str, what: str) -> bytes:
    """Where the file system at *url* has its place (parrot_py/services.py)."""
    from urllib.parse import quote_from_bytes

    if "://" not in url:
        raise ConfigError(f"{what}: not a URL of fsspec: {url!r} (write fsspec+s3://bucket/prefix)", codes.BAD_MOUNT)
    name = quote_from_bytes(os.fsencode(url), safe="")
    if len(name) > _NAME_MAX:
        raise ConfigError(f"{what}: a URL of more than {_NAME_MAX} bytes: {url!r}", codes.BAD_MOUNT)
    return b"/fsspec/" + name.encode()


def _lcache(prefix: bytes, places: str, what: str, allowed: int) -> Mount:
    local, bar, remote = places.partition("|")
    if not bar:
        raise ConfigError(f"{what}: lcache: needs two places (write lcache:/local|/remote)", codes.BAD_MOUNT)
    return Mount(prefix, _place(local, what), LCACHE, allowed, _place(remote, what))


def _place(target: str, what: str) -> bytes:
    """The path *target*; ``service:/x``, as the original has it for its services, is ``/service/x``."""
    target = target.removeprefix("buffer:")
    word, colon, rest = target.partition(":")
    if colon and word.isalnum() and rest.startswith("/"):
        if word in _ELSEWHERE:
            raise ConfigError(f"{what}: there is no service {word!r}", codes.BAD_MOUNT)
        target = rest if word == "local" else f"/{word}{rest}"
    return _clean(str(values.absolute(target, what)))


def _is_permission(text: str) -> bool:
    return all(letter in _BITS for letter in text.lower())


def permission(text: str, what: str) -> int:
    """The bits of R, W and X that *text* (``rx``, ``RWX`` …) stands for.  Raises ConfigError naming *what*."""
    if not text or not _is_permission(text):
        raise ConfigError(f"{what}: not a permission: {text!r} (write some of r, w and x)", codes.BAD_MOUNT)
    allowed = 0
    for letter in text.lower():
        allowed |= _BITS[letter]
    return allowed


def _clean(path: str) -> bytes:
    # normpath keeps a leading '//', which POSIX allows to be special and Linux does not.
    return os.fsencode("/" + os.path.normpath(path).lstrip("/"))

"""What the job is to be told that is not so, and other wishes that are off by default."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from parrot_py import codes
from parrot_py.config import values
from parrot_py.errors import ConfigError

if TYPE_CHECKING:
    from parrot_py.config.command_line import Given

_NO_ID = 0xFFFFFFFF  # (uid_t) -1 means "leave it" in calls
_LONGEST_NAME = 64  # __NEW_UTS_LEN
_BIGGEST_BLOCK = 1 << 30
_OFF = ("", "0", "no", "off", "false")

NO_UPDATE = "CVMFS_AUTO_UPDATE=no"
"""What ``-S`` comes to for repositories."""

STOP, WARP, FIXED = "stop", "warp", "fixed"


class Pretences(NamedTuple):
    """Each is off as long as nobody asks for it, and costs nothing then.

    ``uid`` and ``gid`` are who the job is told that it is; with ``fake_setuid`` it may become others.  ``hostname`` is
    that of uname(2).  ``clock`` is STOP or WARP, ``pids`` FIXED or WARP.  ``no_flock``: flock(2) succeeds at once.
    ``sync_writes``: what is opened for writing is so with O_SYNC.  ``block_size`` is st_blksize of everything.
    ``loader`` is the ELF interpreter of every program that has one.  Without ``follow_links`` a link leads nowhere
    outside of the service that it lies in.  ``whole_session``: nothing is looked at again once it is known.
    ``streams``: files of servers are not kept for later runs.  ``decompress``: files that are compressed by gzip show
    what is in them.  Without ``shortcuts`` companions are not told what is known without reading a file.
    """

    uid: int | None = None
    gid: int | None = None
    fake_setuid: bool = False
    hostname: str | None = None
    clock: str = ""
    pids: str = ""
    no_flock: bool = False
    sync_writes: bool = False
    block_size: int | None = None
    loader: Path | None = None
    follow_links: bool = True
    whole_session: bool = False
    streams: bool = False
    decompress: bool = False
    shortcuts: bool = True


def read(given: Given, environ: Mapping[str, str]) -> Pretences:
    """What command line and environment ask for.  Raises ConfigError."""
    return Pretences(
        uid=_id(given, environ, "uid", "-U", "PARROT_UID"),
        gid=_id(given, environ, "gid", "-G", "PARROT_GID"),
        fake_setuid="fake-setuid" in given.values,
        hostname=_hostname(given, environ),
        clock=_last(given, {"time-stop": STOP, "time-warp": WARP}),
        pids=_last(given, {"pid-fixed": FIXED, "pid-warp": WARP}),
        no_flock="no-flock" in given.values,
        sync_writes=_switch(given, environ, "sync-write", "PARROT_FORCE_SYNC"),
        block_size=_block_size(given, environ),
        loader=_loader(given, environ),
        follow_links=_follows(given, environ),
        whole_session=_switch(given, environ, "session-caching", "PARROT_SESSION_CACHE"),
        streams=_switch(given, environ, "stream-no-cache", "PARROT_FORCE_STREAM"),
        decompress="auto-decompress" in given.values,
        shortcuts="no-optimize" not in given.values,
    )


def _text(given: Given, environ: Mapping[str, str], key: str, option: str, variable: str) -> tuple[str | None, str]:
    """What was given, and where; an empty variable is none."""
    value = given.last(key)
    return (value, option) if value is not None else (environ.get(variable) or None, variable)


def _switch(given: Given, environ: Mapping[str, str], key: str, variable: str) -> bool:
    return key in given.values or environ.get(variable, "").lower() not in _OFF


def _last(given: Given, words: Mapping[str, str]) -> str:
    """Of several options that exclude each other the last one counts."""
    return next((words[key] for key, _ in reversed(given.sequence) if key in words), "")


def _id(given: Given, environ: Mapping[str, str], key: str, option: str, variable: str) -> int | None:
    text, what = _text(given, environ, key, option, variable)
    if text is None:
        return None
    number = text.isascii() and text.isdigit() and len(text) <= values.LONGEST_NUMBER
    if not number or int(text) >= _NO_ID:
        who = "user" if key == "uid" else "group"
        raise ConfigError(f"{what}: not the number of a {who}: {text!r}", codes.BAD_VALUE)
    return int(text)


def _hostname(given: Given, environ: Mapping[str, str]) -> str | None:
    text, what = _text(given, environ, "hostname", "-N", "PARROT_HOST_NAME")
    if text is None:
        return None
    if not text or "\0" in text or len(text.encode("utf-8", "surrogateescape")) > _LONGEST_NAME:
        raise ConfigError(f"{what}: not a name of a machine (1 to {_LONGEST_NAME} bytes): {text!r}", codes.BAD_VALUE)
    return text


def _block_size(given: Given, environ: Mapping[str, str]) -> int | None:
    text, what = _text(given, environ, "block-size", "-b", "PARROT_BLOCK_SIZE")
    if text is None:
        return None
    size = values.size(text, what)
    if not 0 < size <= _BIGGEST_BLOCK:
        raise ConfigError(f"{what}: not the size of a block: {text!r} (1 to 1G)", codes.BAD_VALUE)
    return size


def _loader(given: Given, environ: Mapping[str, str]) -> Path | None:
    text, what = _text(given, environ, "ld-path", "-l", "PARROT_LDSO_PATH")
    return None if text is None else values.absolute(text, what)


def _follows(given: Given, environ: Mapping[str, str]) -> bool:
    named = environ.get("PARROT_FOLLOW_SYMLINKS")
    return "no-follow-symlinks" not in given.values and (not named or named.lower() not in _OFF)

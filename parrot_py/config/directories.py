"""The directories of a run: made, and refused where they belong to somebody else."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from parrot_py import codes
from parrot_py.config import values
from parrot_py.config.model import RunConfig
from parrot_py.errors import ConfigError

LONGEST = 440
"""Bytes that the path of a tempdir or cache may have: SQLite opens no file whose path has more than 511."""

_REMEDY = "choose another place with -t DIR or PARROT_TEMP_DIR"


def tempdir(option: str | None, environ: Mapping[str, str]) -> Path:
    """The directory for caches and session data: ``-t``, ``PARROT_TEMP_DIR``, ``$TMPDIR/parrot.<uid>``, /tmp/…"""
    if option is not None:
        return values.absolute(option, "-t")
    named = environ.get("PARROT_TEMP_DIR")
    if named:
        return values.absolute(named, "PARROT_TEMP_DIR")
    usual = values.absolute(environ.get("TMPDIR") or "/tmp", "TMPDIR") / _name()
    if serves(usual):
        return usual
    others = elsewhere(environ)
    return next((place for place in others if serves(place)), usual)


def _name() -> str:
    return f"parrot.{os.getuid()}"


def elsewhere(environ: Mapping[str, str]) -> tuple[Path, ...]:
    """Where a run can go, in this order, if the usual place is read-only or mounted noexec."""
    named = (environ.get("HOME", "") and environ["HOME"] + "/.cache", environ.get("XDG_RUNTIME_DIR", ""))
    parents = ["/var/tmp", *(parent for parent in named if parent.startswith("/")), "/dev/shm"]
    return tuple(Path(parent) / _name() for parent in parents)


def serves(place: Path) -> bool:
    """Whether this user can keep files at *place* (which need not exist yet) and start programs from there."""
    while not os.path.lexists(place) and place != place.parent:
        place = place.parent
    try:
        flags = os.statvfs(place).f_flag
    except OSError:
        return False
    return not flags & (os.ST_RDONLY | os.ST_NOEXEC) and os.access(place, os.W_OK | os.X_OK)


def for_programs(config: RunConfig) -> Path | None:
    """Where the session's objects can be, of which programs are started and libraries mapped: the tempdir, unless it is
    mounted noexec.  Then it is another place, made here, if there is one.
    """
    if not noexec(config.tempdir):
        return config.tempdir
    for place in config.elsewhere:
        if serves(place):
            try:
                _own(place)
            except ConfigError:
                continue  # somebody else's: the next one
            return place
    return None


def noexec(place: Path) -> bool:
    """Whether no program can be started from *place*, which exists."""
    return bool(os.statvfs(place).f_flag & os.ST_NOEXEC)


def prepare(config: RunConfig) -> None:
    """Make the tempdir (0700; 0755 for root) and check whose it is; idempotent, safe against others doing the same.

    Raises ConfigError with the directory and a remedy.  The default place has a name that anybody can guess and make
    first, so a directory of another user is refused: its owner could replace the verified files in it.  The cache is
    held to the same rule unless it was chosen explicitly: sharing one (``--cvmfs-alien-cache``) is the user's decision.
    """
    for path in (config.tempdir, config.cache_dir):
        if len(os.fsencode(path)) > LONGEST:
            text = os.fsdecode(os.fsencode(path)[:40])
            raise ConfigError(
                f"the path of the directory '{text}…' is too long (more than {LONGEST} bytes): {_REMEDY}",
                codes.LONG_TEMPDIR,
            )
    _own(config.tempdir)
    if config.shared_cache:
        _make(config.cache_dir)
    else:
        _own(config.cache_dir)


def _own(path: Path) -> None:
    _make(path)
    for owner in owners(path):
        # Root could do anything anyway, and in a container it often owns what it made for us.
        if owner not in (os.geteuid(), 0):
            raise ConfigError(
                f"the directory {str(path)!r} belongs to user {owner}, not to you: {_REMEDY}", codes.TEMPDIR
            )
    if not os.access(path, os.W_OK | os.X_OK):
        raise ConfigError(f"cannot write to the directory {str(path)!r}: {_REMEDY}", codes.TEMPDIR)


def owners(path: Path) -> tuple[int, int]:
    """The uids that own the name *path* (it may be a symbolic link) and the directory behind it."""
    return os.lstat(path).st_uid, os.stat(path).st_uid


def _make(path: Path) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.mkdir(mode=0o700 if os.geteuid() else 0o755, exist_ok=True)
    except OSError as error:
        raise ConfigError(
            f"cannot make the directory {str(path)!r}: {error.strerror}: {_REMEDY}", codes.TEMPDIR
        ) from error

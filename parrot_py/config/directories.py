"""The directories of a run: made, and refused where they belong to somebody else."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from parrot_py.config import values
from parrot_py.config.model import RunConfig
from parrot_py.errors import ConfigError

_REMEDY = "choose another place with -t DIR or PARROT_TEMP_DIR"


def tempdir(option: str | None, environ: Mapping[str, str]) -> Path:
    """The directory for caches and session data: ``-t``, ``PARROT_TEMP_DIR``, ``$TMPDIR/parrot.<uid>``, /tmp/…"""
    if option is not None:
        return values.absolute(option, "-t")
    named = environ.get("PARROT_TEMP_DIR")
    if named:
        return values.absolute(named, "PARROT_TEMP_DIR")
    return values.absolute(environ.get("TMPDIR") or "/tmp", "TMPDIR") / f"parrot.{os.getuid()}"


def prepare(config: RunConfig) -> None:
    """Make the tempdir (0700; 0755 for root) and check whose it is; idempotent, safe against others doing the same.

    Raises ConfigError with the directory and a remedy.  The default place has a name that anybody can guess and make
    first, so a directory of another user is refused: its owner could replace the verified files in it.  The cache is
    held to the same rule unless it was chosen explicitly: sharing one (``--cvmfs-alien-cache``) is the user's decision.
    """
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
            raise ConfigError(f"the directory {str(path)!r} belongs to user {owner}, not to you: {_REMEDY}")
    if not os.access(path, os.W_OK | os.X_OK):
        raise ConfigError(f"cannot write to the directory {str(path)!r}: {_REMEDY}")


def owners(path: Path) -> tuple[int, int]:
    """The uids that own the name *path* (it may be a symbolic link) and the directory behind it."""
    return os.lstat(path).st_uid, os.stat(path).st_uid


def _make(path: Path) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.mkdir(mode=0o700 if os.geteuid() else 0o755, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"cannot make the directory {str(path)!r}: {error.strerror}: {_REMEDY}") from error

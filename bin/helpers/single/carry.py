"""What the single file has on top of the program: a site's configuration, a warm cache, licences of libraries."""

from __future__ import annotations

import os
import re
import shutil
import stat
import subprocess
from collections.abc import Mapping
from pathlib import Path

from helpers.say import SetupError
from helpers.single.payload import Payload

_OBJECT = re.compile(r"[0-9a-f]{38}[-a-z0-9]*")
_CRUMB = re.compile(r"cvmfschecksum\.[A-Za-z0-9._-]+")


def site(payload: Payload, source: Path) -> None:
    """Add *source*: a directory like /etc/cvmfs, or one file in the syntax of its files.  Raises SetupError."""
    if source.is_dir():
        payload.tree("etc/cvmfs", source)
    elif source.is_file():
        payload.file("etc/cvmfs/default.local", source)
    else:
        raise SetupError(f"--config: {source}: no such file or directory")


def seed(payload: Payload, source: Path) -> None:
    """Add the objects and breadcrumbs of the cache *source*.  Raises SetupError for what is no cache.

    Left out: what is in the making, the books, and notes that mean nothing elsewhere.
    """
    number = 0
    for directory in sorted(source.iterdir()) if source.is_dir() else ():
        if re.fullmatch(r"[0-9a-f]{2}", directory.name) and directory.is_dir():
            for path in sorted(directory.iterdir()):
                status = path.lstat()
                if _OBJECT.fullmatch(path.name) and stat.S_ISREG(status.st_mode):
                    number += 1
                    mode = 0o555 if status.st_mode & 0o100 else 0o444
                    payload.file(f"seed/{directory.name}/{path.name}", path, mode, checked=False)
        elif _CRUMB.fullmatch(directory.name) and directory.is_file():
            payload.file(f"seed/{directory.name}", directory, checked=False)
    if not number:
        raise SetupError(f"--seed-cache: {source}: no objects (ab/cdef...) there; a run keeps them in <tempdir>/cvmfs")


def licences(payload: Payload, found: Mapping[str, Path]) -> None:
    """Add what Debian's packages say about the copyright of the libraries *found*, where this is a Debian."""
    if not shutil.which("dpkg-query"):
        return
    for name, path in found.items():
        package = _package(path) or _package(Path(os.path.realpath(path)))
        text = Path("/usr/share/doc", package, "copyright")
        if package and text.is_file():
            payload.file(f"licences/{name}", Path(os.path.realpath(text)))


def _package(path: Path) -> str:
    # With a merged /usr the data base has one of the two names only.
    for name in (str(path), str(path).removeprefix("/usr")):
        done = subprocess.run(["dpkg-query", "-S", name], capture_output=True, text=True, check=False)
        if done.returncode == 0:
            return done.stdout.partition(":")[0].partition(",")[0]
    return ""

"""Which catalogs somebody has open, and which belong to the revisions that were shown last.

Each process that has a repository open keeps a list of its catalogs in a file of its own, named after the process and
the repository.  At the end the list stays as that of the last use.  Nobody else writes to it, and what a killed process
left behind is told by its name, so nothing has to be undone.
"""

from __future__ import annotations

import os
import threading
import time
from typing import NamedTuple

from parrot_py.drivers.cvmfs.cache.marks import is_gone, process_mark
from parrot_py.drivers.cvmfs.trouble import log

_LAST = "last"
_LIMIT = 8 << 20
# What a process on another machine wrote counts for so long after its last line.
_FAR_AWAY = 24 * 3600.0


class Pins:
    """The list of one open repository, in *folder*; None: there is nobody to read it.

    Thread-safe.  Never raises: without it only the order of eviction is worse.
    """

    def __init__(self, folder: str | None, fqrn: str) -> None:
        self._folder, self._fqrn = folder, fqrn
        self._path: str | None = None
        self._names: dict[str, None] = {}
        self._lock = threading.Lock()

    def begin(self, root: str) -> None:
        """Another revision is shown, whose root catalog is *root*: forget the catalogs of the one before."""
        with self._lock:
            if next(iter(self._names), root) != root:
                self._names.clear()
                self._write(os.O_TRUNC, "")
        self.add(root)

    def add(self, name: str) -> None:
        """The catalog *name* is in use; the first one is the root catalog."""
        if name not in self._names:
            with self._lock:
                self._names[name] = None
                self._write(os.O_APPEND, f"{name}\n")

    def close(self) -> None:
        """The repository is closed: leave the list as that of the last use."""
        with self._lock:
            if self._path is None:
                return
            try:
                last = _read(f"{self._folder}/{_LAST}@{self._fqrn}")
                if last[:1] == list(self._names)[:1]:
                    self._write(os.O_APPEND, "".join(f"{name}\n" for name in last if name not in self._names))
                os.replace(self._path, f"{self._folder}/{_LAST}@{self._fqrn}")
            except OSError as error:
                log.debug("list of catalogs: %s", error)
            self._path = None
            self._names.clear()

    def _write(self, how: int, text: str) -> None:
        if self._folder is None:
            return
        if self._path is None:
            # Two repositories of one process may have the same name.
            self._path = f"{self._folder}/{process_mark()}@{id(self):x}@{self._fqrn}"
        try:
            try:
                fd = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | how, 0o644)
            except FileNotFoundError:
                os.makedirs(self._folder, exist_ok=True)
                fd = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | how, 0o644)
            try:
                os.write(fd, text.encode())
            finally:
                os.close(fd)
        except OSError as error:
            log.debug("list of catalogs: %s", error)


class Pinned(NamedTuple):
    """Names of catalogs: *in_use* by a living process, *current* in the revisions that were shown last."""

    in_use: frozenset[str]
    current: frozenset[str]


def pinned(folder: str) -> Pinned:
    """What all lists in *folder* say.  Those of dead processes become lists of the last use."""
    in_use: set[str] = set()
    current: set[str] = set()
    try:
        files = sorted(os.listdir(folder))
    except OSError:
        return Pinned(frozenset(), frozenset())
    for file in files:
        path, owner, fqrn = f"{folder}/{file}", file.partition("@")[0], file.rpartition("@")[2]
        try:
            names = _read(path)
            current.update(names)
            gone = owner == _LAST or is_gone(owner)
            if gone is None:
                gone = time.time() - os.stat(path).st_mtime > _FAR_AWAY
            if not gone:
                in_use.update(names)
            elif owner != _LAST:
                os.replace(path, f"{folder}/{_LAST}@{fqrn}")
        except OSError as error:
            log.debug("list of catalogs: %s", error)
    return Pinned(frozenset(in_use), frozenset(current))


def _read(path: str) -> list[str]:
    """The names in a list; the last line of a killed process may be incomplete."""
    try:
        with open(path, encoding="ascii", errors="replace") as file:
            return [line for line in file.read(_LIMIT).split("\n")[:-1] if line]
    except FileNotFoundError:
        return []

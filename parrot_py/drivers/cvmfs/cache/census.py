"""Counting the objects of a cache and removing those that were not used for longest.

Both look at every file, so they are for rare occasions: about a second for 100,000 objects.  Names are not kept in
memory meanwhile, only 17 bytes for each object.
"""

from __future__ import annotations

import os
import re
import stat
from array import array
from collections.abc import Collection, Iterator
from typing import NamedTuple

from parrot_py.drivers.cvmfs.trouble import log

FOLDERS = tuple(f"{number:02x}" for number in range(256))
OBJECT_NAME = re.compile(r"[0-9a-f]{38}(-rmd160|-shake128)?(-chunked)?(-none|-kept|-[0-9]+)?")
# Added to the time of last use, in nanoseconds: what is in a later class goes only when the one before is empty.
_CLASS = 1 << 61


class Found(NamedTuple):
    """An object in the cache: its name (``ab/cdef…``), its path and what stat tells."""

    name: str
    path: str
    status: os.stat_result

    @property
    def space(self) -> int:
        """Bytes on disk."""
        return self.status.st_blocks * 512

    @property
    def share(self) -> int:
        """Bytes on disk; names of one file share them."""
        return self.space // self.status.st_nlink


def objects(root: str) -> Iterator[Found]:
    """Everything in the cache *root* that is named like an object.  What cannot be read is left out."""
    for folder in FOLDERS:
        try:
            with os.scandir(f"{root}/{folder}") as entries:
                found = [entry for entry in entries if OBJECT_NAME.fullmatch(entry.name)]
        except OSError:
            continue
        for entry in found:
            try:
                status = entry.stat(follow_symlinks=False)
            except OSError:
                continue  # removed meanwhile
            if stat.S_ISREG(status.st_mode):
                yield Found(f"{folder}/{entry.name}", entry.path, status)


def is_catalog(status: os.stat_result) -> bool:
    """Whether an object was stored as a catalog (or a similar database): those are not made executable."""
    return not status.st_mode & 0o111


class Spared(NamedTuple):
    """What an eviction has to know: names *in_use* go last, catalogs that are not *current* first, *keep* never."""

    in_use: Collection[str] = ()
    current: Collection[str] = ()
    keep: str = ""


class Census:
    """One look at all objects: what they take, and in which order they would go."""

    def __init__(self, root: str, spared: Spared | None = None) -> None:
        self._root, self._spared = root, spared or Spared()
        self._ranks, self._sizes = array("q"), array("q")
        self.used = 0
        self._stays: set[int] = set()
        missing: dict[int, int] = {}  # names of a file that were not seen in here
        shared: dict[int, int] = {}
        for found in objects(root):
            number, status = len(self._ranks), found.status
            if status.st_nlink > 1:
                shared[number] = status.st_ino
            if status.st_ino not in missing:
                self.used += found.space
            if status.st_nlink > 1:
                missing[status.st_ino] = missing.get(status.st_ino, status.st_nlink) - 1
            if found.name == self._spared.keep:
                self._stays.add(number)
            self._ranks.append(self._rank(found))
            self._sizes.append(found.share)
        self._linked = {ino for ino, names in missing.items() if names}
        self._stays.update(number for number, ino in shared.items() if ino in self._linked)

    def _rank(self, found: Found) -> int:
        """The order of going: smallest first."""
        last_used = min(found.status.st_atime_ns, _CLASS - 1)
        if found.name in self._spared.in_use:
            return last_used + 2 * _CLASS
        if is_catalog(found.status) and found.name not in self._spared.current:
            return last_used
        return last_used + _CLASS

    def evict(self, target: int, limit: int) -> int:
        """Remove objects until they take *target* bytes, or *limit* where only what is in use is left; what they take.

        Files with names outside of the cache (in the directory of a session) stay: removing them would free nothing.
        """
        left, last = self.used, None
        for index in sorted(range(len(self._ranks)), key=self._ranks.__getitem__):
            if left <= (limit if self._ranks[index] >= 2 * _CLASS else target):
                break
            if index not in self._stays:
                left -= self._sizes[index]
                last = self._ranks[index]
        return self.used if last is None else self._remove(last, target, limit)

    def _remove(self, last: int, target: int, limit: int) -> int:
        """Remove what ranks up to *last*; in a second look, because names were not kept."""
        used, removed = self.used, 0
        for found in objects(self._root):
            rank = self._rank(found)
            if used <= (limit if rank >= 2 * _CLASS else target):
                continue
            if rank > last or found.name == self._spared.keep or found.status.st_ino in self._linked:
                continue
            try:
                os.unlink(found.path)
            except OSError as error:
                log.debug("cannot evict %s: %s", found.path, error)
                continue
            removed += 1
            used -= found.share
        log.info("cache %s: %d objects removed, %d MiB left", self._root, removed, used >> 20)
        return used

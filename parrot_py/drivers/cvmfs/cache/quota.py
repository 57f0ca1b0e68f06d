"""How much a cache may hold: counted by all its processes together, kept by whoever finds it exceeded.

There is no daemon.  The file ``usage`` has the number of bytes on disk, and everybody adds what he puts there.  It may
drift (a killed process, a file system without locks), and each eviction counts anew.  Only one process evicts at a
time, down to half of the limit as the real client does, and the others wait for it a moment.

The limit is the configured quota, but never more than a share of what the file system has for this cache: what it
holds already and what is free.  A quota larger than the disk is the common mistake, and deleted files that somebody has
open take space, too.
"""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Callable

from parrot_py.drivers.cvmfs.cache.census import Census, Spared
from parrot_py.drivers.cvmfs.cache.locks import Locks
from parrot_py.drivers.cvmfs.cache.pins import pinned
from parrot_py.drivers.cvmfs.trouble import log

SHARE = 0.7
"""The part of free and used space that a cache takes at most."""
_LOCK_PATIENCE = 1.0
_EVICTION_PATIENCE = 10.0
_LOOK_AT_DISK_EVERY = 5.0
# After an eviction that could not do enough, because what is left is in use, do not try again at once.
_REST = 10.0
_UNLIMITED = 1 << 62
_DAY = 24 * 3600.0


class Usage:
    """A number that all processes share, in the file *path*; *count* says what it should be."""

    def __init__(self, path: str, locks: Locks, count: Callable[[], int]) -> None:
        self._path, self._locks, self._count = path, locks, count

    def get(self) -> int:
        """The number, counted when nobody did that yet."""
        try:
            with open(self._path, "rb") as file:
                return max(0, int(file.read(32)))
        except (OSError, ValueError):
            used = self._count()
            self.set(used)
            return used

    def add(self, amount: int) -> int:
        """Change the number by *amount*; the new one."""
        with self._locks.turn("usage", _LOCK_PATIENCE):
            used = max(0, self.get() + amount)
            self.set(used)
        return used

    def set(self, used: int) -> None:
        """Replace the number.  A failure is a log line: counting is repaired by the next eviction."""
        try:
            fd = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o644)
            try:
                os.write(fd, b"%-31d\n" % used)
            finally:
                os.close(fd)
        except OSError as error:
            log.debug("%s: %s", self._path, error)


class Quota:
    """The space of the cache in *root*, with its books in *books*.  Thread-safe; methods may wait, for the disk."""

    def __init__(self, root: str, books: str, locks: Locks, quota: int | None = None) -> None:
        self._root, self._books, self._locks, self._quota = root, books, locks, quota
        self._usage = Usage(f"{books}/usage", locks, lambda: Census(root).used)
        self._limit: int | None = None
        self._looked = 0.0
        self._told = False
        self._rest_until, self._rest_below = 0.0, 0

    def used(self) -> int:
        """Bytes on disk, as far as is known."""
        return self._usage.get()

    def limit(self) -> int:
        """How many bytes there may be: the quota, or what the file system allows."""
        now = time.monotonic()
        if self._limit is None or now - self._looked > _LOOK_AT_DISK_EVERY:
            self._looked = now
            self._limit = self._allowed()
        return self._limit

    def _allowed(self) -> int:
        quota = self._quota if self._quota is not None else _UNLIMITED
        space = self._space()
        cap = int(SHARE * space) if space is not None else _UNLIMITED
        if space is not None and cap < quota and not self._told:
            self._told = True
            wanted = f" instead of {self._quota >> 20}" if self._quota is not None else ""
            tell = log.warning if self._quota is not None else log.info
            tell("cache %s: at most %d MiB%s, since there is room for %d", self._root, cap >> 20, wanted, space >> 20)
        return min(quota, cap)

    def _space(self) -> int | None:
        """What the file system has for this cache: free, or used by it already; None when it does not tell."""
        try:
            disk = os.statvfs(self._root)
        except OSError:
            return None
        return disk.f_bavail * disk.f_frsize + self.used() if disk.f_blocks else None

    def admit(self, size: int) -> None:
        """Make room for a file of *size* bytes that is about to be made.

        Raises ENOSPC when it is larger than the configured quota, or than all that could be made free.
        """
        space = self._space()
        whole = min(_UNLIMITED if self._quota is None else self._quota, _UNLIMITED if space is None else space)
        if size > whole:
            by = "disk" if self._quota is None or whole < self._quota else "whole quota (CVMFS_QUOTA_LIMIT)"
            raise OSError(errno.ENOSPC, f"{os.strerror(errno.ENOSPC)}: {size} bytes are more than the {by} has")
        used, limit = self.used(), self.limit()
        if used + size > limit:
            room = (limit if size <= limit else whole) - size
            self._evict(used, min(limit // 2, room), limit, lambda: self.used() + size <= limit)

    def added(self, name: str, amount: int) -> None:
        """The object *name* is in the cache, with *amount* bytes on disk; others may have to go for it."""
        used, limit = self._usage.add(amount), self.limit()
        if used > limit:
            self._evict(used, limit // 2, limit, lambda: self.used() <= limit, keep=name)

    def make_room(self, size: int) -> bool:
        """The disk is full: remove half of what there is, and at least *size* bytes.  Whether that gained something."""
        used = self.used()
        space = self._space()
        if space is not None and size > space:
            return False
        self._rest_until = 0.0
        target = max(0, min(used // 2, used - 2 * size))
        return self._evict(used, target, _UNLIMITED, lambda: self.used() <= target)

    def _evict(self, used: int, target: int, limit: int, enough: Callable[[], bool], *, keep: str = "") -> bool:
        """Remove objects until they take *target*; whether there is less than before, thanks to us or to others."""
        if used < self._rest_below and time.monotonic() < self._rest_until:
            return False
        with self._locks.turn("evict", _EVICTION_PATIENCE, enough) as ours:
            before = self.used()
            if enough():
                return True  # others did it while we waited
            if not ours and not self._locks.useless:
                return before < used
            marked = pinned(f"{self._books}/pins")
            census = Census(self._root, Spared(marked.in_use, marked.current, keep))
            left = census.evict(target, limit)
            self._usage.add(left - before)
            if left < census.used:
                self._note_cleanup()
            if left > limit:
                self._rest_until, self._rest_below = time.monotonic() + _REST, left + max(limit // 8, 1)
            return left < census.used

    def _note_cleanup(self) -> None:
        times = [*self._cleanups(), time.time()]
        try:
            with open(f"{self._books}/cleanups", "w") as file:
                file.writelines(f"{when:.0f}\n" for when in times)
        except OSError as error:
            log.debug("%s/cleanups: %s", self._books, error)

    def _cleanups(self) -> list[float]:
        """When objects were removed, in the last 24 hours."""
        try:
            with open(f"{self._books}/cleanups") as file:
                return [float(line) for line in file if time.time() - float(line) < _DAY]
        except (OSError, ValueError):
            return []

    def cleanups(self) -> int:
        """How often objects were removed in the last 24 hours."""
        return len(self._cleanups())

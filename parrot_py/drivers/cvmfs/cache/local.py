"""The local store of verified content, in the layout of the real client: ``ab/cdef…`` decompressed, without letters.

Any number of processes use one cache directory at the same time, with no daemon, and any of them may be killed at any
time.  Locks keep them from doing the same work twice (see locks.py), but nothing else depends on locks: a name appears
by ``rename`` only, after the file is complete and verified, and whoever is second merely replaces a file by an equal
one.  What a killed process leaves is a file in ``txn/``, and the next process removes it.  There is no fsync: after a
power cut a file may be short, and a file of the wrong size counts as absent.

A name is that of the stored object, and the same stored bytes can be meant as they are by one catalog and as a zlib
stream by another one (of another repository, even).  The real client has one name for both.  Here content that was
stored uncompressed has names of its own, with ``-none`` at the end; what a cache of the real client has under the
common name is taken for it only after it was hashed.  Assembled chunked files, which the real client does not have,
end in ``-chunked`` or ``-chunked-none``.
"""

from __future__ import annotations

import itertools
import os
import stat
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from parrot_py import codes
from parrot_py.drivers.cvmfs.cache.locks import Locks
from parrot_py.drivers.cvmfs.cache.marks import is_gone, process_mark
from parrot_py.drivers.cvmfs.cache.pins import Pins
from parrot_py.drivers.cvmfs.cache.quota import Quota
from parrot_py.drivers.cvmfs.cache.transaction import OBJECT_MODE, Transaction, unlink
from parrot_py.drivers.cvmfs.hashes import Algorithm
from parrot_py.drivers.cvmfs.trouble import Failure, local_failure, log

BOOKS = ".parrot"
"""The directory in a cache for what is about the objects in it; the real client does not look at it."""
_TOUCH_EVERY = 60.0
_ABANDONED_AFTER = 24 * 3600.0
# An empty file is stored as an empty zlib stream; its SHA-1 name serves for every empty file, whatever its algorithm.
EMPTY_NAME = Algorithm.SHA1.hash(bytes.fromhex("789c030000000001")).cache_path()


class Cache:
    """One cache directory.  Methods that make something raise OSError; a read that fails counts as a miss.

    *quota* is in bytes; None leaves it to the size of the file system (see quota.py).  An *alien* cache is shared with
    clients of other kinds and other users: it has modes for a group, no quota and nothing that the real client does not
    know.  What is not here may be in one of the caches *below*, which are only read, except by :meth:`also`.
    """

    def __init__(
        self, root: Path, quota: int | None = None, *, alien: bool = False, below: Sequence[Cache] = ()
    ) -> None:
        self.root = os.path.abspath(root)
        self.alien = alien
        self._below = tuple(below)
        self._distrusted: set[str] = set()
        self._books = f"{self.root}/{BOOKS}"
        self._ready = False
        self._locks = Locks(f"{self.root}/txn/{BOOKS}", 0o660) if alien else Locks(f"{self._books}/locks")
        self._quota = None if alien else Quota(self.root, self._books, self._locks, quota)

    def path(self, name: str) -> str:
        """Where the object *name* (``ab/cdef…``) is, if it is there."""
        return f"{self.root}/{name}"

    def places(self, name: str) -> list[str]:
        """Where *name* may be: here, or in the caches below."""
        return [self.path(name), *(path for cache in self._below for path in cache.places(name))]

    def also(self, cache: Cache) -> None:
        """Look for objects in *cache*, too, when they are not here."""
        self._below = (*self._below, cache)

    def find(self, name: str, size: int | None = None) -> str | None:
        """Path of the object *name*, None if absent or of another length than *size* (unknown size: not empty)."""
        path = self.path(name)
        try:
            status = os.stat(path)
        except OSError:
            return self._find_below(name, size)
        good = status.st_size == size if size is not None else status.st_size > 0
        if not good or not stat.S_ISREG(status.st_mode):
            return self._find_below(name, size)
        if self._quota is None:
            return path if os.access(path, os.R_OK) else None
        now = time.time()
        if not 0 <= now - status.st_atime < _TOUCH_EVERY:
            self._touch(path, now, status)
        return path

    def _find_below(self, name: str, size: int | None) -> str | None:
        if name in self._distrusted:
            return None
        for cache in self._below:
            path = cache.find(name, size)
            if path is not None:
                return path
        return None

    def _touch(self, path: str, now: float, status: os.stat_result) -> None:
        """Note that an object is used.

        The time of access says so, but the kernel does not keep it (noatime, relatime), and an object that is only
        opened again and again by the warm table is not seen here.  The time of change stays: copies are named after it.
        """
        try:
            os.utime(path, ns=(int(now * 1e9), status.st_mtime_ns))
        except OSError:
            return  # another user's: he counts

    def used(self) -> int:
        """Bytes that the objects take on disk, as far as is known; 0 without a quota."""
        return self._quota.used() if self._quota is not None else 0

    def capacity(self) -> int:
        """Bytes that they may take; 0 without a quota."""
        return self._quota.limit() if self._quota is not None else 0

    def cleanups(self) -> int:
        """How often objects were removed for lack of room in the last 24 hours; -1 without a quota."""
        return self._quota.cleanups() if self._quota is not None else -1

    def make_room(self, size: int) -> bool:
        """The disk is full, and *size* bytes more are wanted: remove what was not used for longest.

        Whether that gained something.
        """
        return self._quota is not None and self._quota.make_room(size)

    def committed(self, name: str, amount: int) -> None:
        """See :class:`~parrot_py.drivers.cvmfs.cache.transaction.Place`."""
        if self._quota is not None:
            self._quota.added(name, amount)

    def mode(self, mode: int) -> int:
        """See :class:`~parrot_py.drivers.cvmfs.cache.transaction.Place`."""
        return 0o660 if self.alien and mode & 0o044 else mode

    def pins(self, fqrn: str) -> Pins:
        """The list of the catalogs that a repository has in use."""
        return Pins(f"{self._books}/pins" if self._quota is not None else None, fqrn)

    def forget(self, name: str) -> None:
        """Remove an object that turned out to be damaged, as far as possible; of the caches below it is not used."""
        unlink(self.path(name))
        self._distrusted.add(name)

    def adopt(self, path: str, name: str) -> str:
        """Give the object at *path* the additional *name*, where that is possible; its path."""
        new = self.path(name)
        if self.alien or os.path.basename(path) == os.path.basename(new) or not path.startswith(f"{self.root}/"):
            return path
        try:
            self.make_directory(os.path.dirname(new))
            os.link(path, new)
        except OSError as error:
            log.debug("not linked as %s: %s", name, error)
            return path
        return new

    @contextmanager
    def turn(
        self, name: str, seconds: float, there: Callable[[], bool], progress: Callable[[], object] | None = None
    ) -> Iterator[None]:
        """Let one process at a time make the object *name*: look whether it is *there* first, then make it.

        May wait: as long as another process is getting on with it (see *progress*), and *seconds* when it is not.
        """
        try:
            self._prepare()
        except OSError as error:
            log.debug("cache %s: %s", self.root, error)  # reported by whoever cannot do without
        with self._locks.turn(f"fetch {name}", seconds, there, progress or (lambda: self._progress(name))):
            yield

    def activity(self) -> object:
        """Something that changes as long as some process is getting on with anything."""
        return self._progress("")

    def _progress(self, name: str) -> object:
        """Something that changes as long as some process is getting on with the object *name*."""
        label = "." + _label(name) if name else ""
        try:
            with os.scandir(f"{self.root}/txn") as entries:
                found = [entry for entry in entries if entry.name.endswith(label)]
            return sorted((entry.name, entry.stat().st_size, entry.stat().st_mtime_ns) for entry in found)
        except OSError:
            return None

    @contextmanager
    def transaction(self, what: str, name: str = "", size: int = 0) -> Iterator[Transaction]:
        """A new file, to become the object *name*; room is made for its *size* first.

        Local I/O errors become a Failure that names *what*; a full disk stays ENOSPC.
        """
        txn = None
        try:
            self._prepare()
            if self._quota is not None:
                self._quota.admit(size)
            txn = Transaction(self, _label(name))
            yield txn
        except OSError as error:
            raise local_failure(f"{what}: cache {self.root}", error) from None
        finally:
            if txn is not None:
                txn.abandon()

    def temporary(self, label: str = "") -> tuple[int, str]:
        """Descriptor and path of a new file in ``txn/``, whose name says which process makes it, and what (*label*)."""
        self._prepare()
        path = f"{self.root}/txn/fetch.{process_mark()}.{next(_numbers)}.{label}"
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), path

    def make_directory(self, path: str) -> None:
        """Make a directory of the cache (and what is above it): readable for others only when root shares it out."""
        mode = 0o770 if self.alien else 0o755 if os.getuid() == 0 else 0o700
        try:
            os.mkdir(path, mode)
        except FileExistsError:
            return
        except FileNotFoundError:
            self.make_directory(os.path.dirname(path))
            self.make_directory(path)
            return
        os.chmod(path, mode)

    def _prepare(self) -> None:
        if self._ready and os.path.isdir(f"{self.root}/txn"):
            return
        self.make_directory(f"{self.root}/txn")
        if not self.alien:
            self.make_directory(self._books)
        self._ready = True
        self._sweep()

    def _sweep(self) -> None:
        """Remove what killed processes left in ``txn/``."""
        try:
            with os.scandir(f"{self.root}/txn") as entries:
                left = [entry for entry in entries if entry.name.startswith("fetch") and _abandoned(entry)]
        except OSError as error:
            log.warning(
                "cache %s: cannot look for abandoned files: %s", self.root, error, extra=codes.CACHE_TROUBLE.extra
            )
            return
        for entry in left:
            unlink(entry.path)

    def private(self) -> bool:
        """Whether nobody else could have put something here: ours (or root's), writable by nobody else."""
        try:
            status = os.stat(self.root)
        except FileNotFoundError:
            return True
        except OSError:
            return False
        return status.st_uid in (os.getuid(), 0) and not status.st_mode & 0o022

    def read(self, name: str, limit: int) -> bytes | None:
        """The bytes of a small file, None when it cannot be read."""
        for path in self.places(name) if name not in self._distrusted else [self.path(name)]:
            try:
                with open(path, "rb") as file:
                    return file.read(limit)
            except OSError:
                continue
        return None

    def put(self, name: str, data: bytes, mode: int = OBJECT_MODE) -> None:
        """Write a small file in one step.  Only a loss of speed when it fails, so failure is a log line."""
        try:
            with self.transaction(name) as txn:
                txn.write(data)
                txn.commit(name, mode)
        except Failure as failure:
            log.info("not stored: %s", failure)


_numbers = itertools.count()


def _label(name: str) -> str:
    """An object's name as the end of a file name."""
    return name.replace("/", "")


def _abandoned(entry: os.DirEntry[str]) -> bool:
    """Whether the process that made a temporary file is gone; of another machine's, a day without a write tells."""
    gone = is_gone(".".join(entry.name.split(".")[1:4]))
    if gone is not None:
        return gone
    try:
        return time.time() - entry.stat(follow_symlinks=False).st_mtime > _ABANDONED_AFTER
    except OSError:
        return False

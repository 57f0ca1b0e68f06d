"""The local store of verified content, in the layout of the real client: ``ab/cdef…`` decompressed, without letters.

Any number of processes use one cache directory at the same time, with no daemon and no locks, and any of them may be
killed at any time.  That works because a name appears by ``rename`` only, after the file is complete and verified, and
because whoever is second merely replaces a file by an equal one.  What a killed process leaves is a file in ``txn/``,
and the next process removes it.  There is no fsync: after a power cut a file may be short, and a file of the wrong
size counts as absent.

A name is that of the stored object, and the same stored bytes can be meant as they are by one catalog and as a zlib
stream by another one (of another repository, even).  The real client has one name for both.  Here content that was
stored uncompressed has names of its own, with ``-none`` at the end; what a cache of the real client has under the
common name is taken for it only after it was hashed.  Assembled chunked files, which the real client does not have,
end in ``-chunked`` or ``-chunked-none``.
"""

from __future__ import annotations

import functools
import itertools
import os
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from parrot_py.drivers.cvmfs.hashes import Algorithm
from parrot_py.drivers.cvmfs.pieces import Pieces
from parrot_py.drivers.cvmfs.trouble import Failure, local_failure, log

# Objects must be executable: the job execs them in place.  They never change, so nobody may write.
OBJECT_MODE = 0o555
_ABANDONED_AFTER = 24 * 3600.0
# An empty file is stored as an empty zlib stream; its SHA-1 name serves for every empty file, whatever its algorithm.
EMPTY_NAME = Algorithm.SHA1.hash(bytes.fromhex("789c030000000001")).cache_path()


class Transaction:
    """A file in the making.  An Output for sinks; without :meth:`commit` nothing of it remains."""

    def __init__(self, cache: Cache) -> None:
        self._cache = cache
        self._fd, self._path = cache.temporary()
        self._pieces = Pieces(self._fd)
        self._done = False

    def restart(self) -> None:
        """Begin again with an empty file."""
        self._pieces.restart()
        os.ftruncate(self._fd, 0)

    def write(self, data: bytes, /) -> None:
        """Append *data*."""
        self._pieces.write(data)

    def fileno(self) -> int:
        """The descriptor, for positioned writes."""
        return self._fd

    def complete(self) -> str:
        """Path of the file, with everything in it that was written so far: to look at it before it is committed."""
        self._pieces.flush()
        return self._path

    def commit(self, name: str, mode: int = OBJECT_MODE) -> str:
        """Give the file its final *name*.  Precondition: what was written is complete and verified."""
        self._pieces.flush()
        os.fchmod(self._fd, mode)
        # Closed before it has its name: a file open for writing cannot be exec'ed (ETXTBSY).
        self._close()
        final = self._cache.path(name)
        try:
            os.rename(self._path, final)
        except FileNotFoundError:
            self._cache.make_directory(os.path.dirname(final))
            os.rename(self._path, final)
        self._done = True
        return final

    def abandon(self) -> None:
        """Remove the file unless it was committed."""
        if self._done:
            return
        try:
            self._close()
        except OSError as error:
            # The reason is reported where the write failed.
            log.debug("closing an abandoned file: %s", error)
        _unlink(self._path)

    def _close(self) -> None:
        fd, self._fd = self._fd, -1
        if fd >= 0:
            os.close(fd)


class Cache:
    """One cache directory.  Methods that make something raise OSError; a read that fails counts as a miss."""

    def __init__(self, root: Path) -> None:
        self.root = os.path.abspath(root)
        self._ready = False

    def path(self, name: str) -> str:
        """Where the object *name* (``ab/cdef…``) is, if it is there."""
        return f"{self.root}/{name}"

    def find(self, name: str, size: int | None = None) -> str | None:
        """Path of the object *name*, None if absent or of another length than *size* (unknown size: not empty)."""
        path = self.path(name)
        try:
            status = os.stat(path)
        except OSError:
            return None
        good = status.st_size == size if size is not None else status.st_size > 0
        return path if good and stat.S_ISREG(status.st_mode) else None

    def forget(self, name: str) -> None:
        """Remove an object that turned out to be damaged, as far as possible."""
        _unlink(self.path(name))

    def adopt(self, path: str, name: str) -> str:
        """Give the object at *path* the additional *name*, where that is possible; its path."""
        new = self.path(name)
        try:
            self.make_directory(os.path.dirname(new))
            os.link(path, new)
        except OSError as error:
            log.debug("not linked as %s: %s", name, error)
            return path
        return new

    @contextmanager
    def transaction(self, what: str) -> Iterator[Transaction]:
        """A new file; local I/O errors inside become a Failure that names *what* (ENOSPC stays ENOSPC)."""
        txn = None
        try:
            txn = Transaction(self)
            yield txn
        except OSError as error:
            raise local_failure(f"{what}: cache {self.root}", error) from None
        finally:
            if txn is not None:
                txn.abandon()

    def empty_file(self) -> str:
        """Path of an empty file."""
        found = self.find(EMPTY_NAME, 0)
        if found is None:
            with self.transaction("empty file") as txn:
                found = txn.commit(EMPTY_NAME)
        return found

    def temporary(self) -> tuple[int, str]:
        """Descriptor and path of a new file in ``txn/``, whose name says which process makes it."""
        self._prepare()
        path = f"{self.root}/txn/fetch.{_process_mark(os.getpid())}.{next(_numbers)}"
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), path

    def make_directory(self, path: str) -> None:
        """Make a directory of the cache (and what is above it): readable for others only when root shares it out."""
        mode = 0o755 if os.getuid() == 0 else 0o700
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
        self._ready = True
        self._sweep()

    def _sweep(self) -> None:
        """Remove what killed processes left in ``txn/``."""
        try:
            with os.scandir(f"{self.root}/txn") as entries:
                left = [entry for entry in entries if entry.name.startswith("fetch") and _abandoned(entry)]
        except OSError as error:
            log.warning("cache %s: cannot look for abandoned files: %s", self.root, error)
            return
        for entry in left:
            _unlink(entry.path)

    def private(self) -> bool:
        """Whether nobody else could have put something here: ours (or root's), writable by nobody else."""
        try:
            status = os.stat(self.root)
        except OSError:
            return False
        return status.st_uid in (os.getuid(), 0) and not status.st_mode & 0o022

    def read(self, name: str, limit: int) -> bytes | None:
        """The bytes of a small file, None when it cannot be read."""
        try:
            with open(self.path(name), "rb") as file:
                return file.read(limit)
        except OSError:
            return None

    def put(self, name: str, data: bytes, mode: int = OBJECT_MODE) -> None:
        """Write a small file in one step.  Only a loss of speed when it fails, so failure is a log line."""
        try:
            with self.transaction(name) as txn:
                txn.write(data)
                txn.commit(name, mode)
        except Failure as failure:
            log.warning("not stored: %s", failure)


def _unlink(path: str) -> None:
    try:
        os.unlink(path)
    except FileNotFoundError:
        return
    except OSError as error:
        log.warning("cannot remove %s: %s", path, error)


_numbers = itertools.count()


def _process_mark(pid: int) -> str:
    """Names a process for ever: machine boot, pid namespace, pid, start time (a pid alone is used again and again)."""
    return f"{_machine_mark()}.{pid}.{_start_time(pid)}"


@functools.lru_cache(maxsize=1)
def _machine_mark() -> str:
    try:
        with open("/proc/sys/kernel/random/boot_id") as file:
            boot = file.read().strip()
        return f"{boot[:13]}-{os.stat('/proc/self/ns/pid').st_ino:x}"
    except OSError:
        return f"unknown-{os.getuid()}"


def _start_time(pid: int) -> str | None:
    """The start of a process in clock ticks since boot (proc(5), field 22), None when there is no such process."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            return file.read().rpartition(b")")[2].split()[19].decode()
    except (OSError, IndexError):
        return None


def _abandoned(entry: os.DirEntry[str]) -> bool:
    """Whether the process that made a temporary file is gone; of another machine's, a day without a write tells."""
    parts = entry.name.split(".")
    if len(parts) >= 4 and parts[1] == _machine_mark() and parts[2].isdecimal():
        return _start_time(int(parts[2])) != parts[3]
    try:
        return time.time() - entry.stat(follow_symlinks=False).st_mtime > _ABANDONED_AFTER
    except OSError:
        return False

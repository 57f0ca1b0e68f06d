"""Copying single things out of a repository: each appears complete, with mode and time, or not at all."""

from __future__ import annotations

import errno
import itertools
import os
import stat
import threading

from parrot_py import codes
from parrot_py.drivers.base import Inode
from parrot_py.drivers.cvmfs.cache.marks import is_gone, process_mark
from parrot_py.drivers.cvmfs.repository import Repository
from parrot_py.tools.status import LocalTrouble

# Whoever copies owns the copy; with another owner these bits would give away more than they did.
_MODE_BITS = 0o777
_BLOCK = 1 << 20
_ATTEMPTS = 3
_NO_COPY_RANGE = (errno.EXDEV, errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP, errno.EBADF)
_PREFIX = b".parrot_cvmfs."
_numbers = itertools.count()


class Copier:
    """Writes files, links and other things.  Thread-safe.  Raises LocalTrouble, and OSError of the repository."""

    def __init__(self, repository: Repository) -> None:
        self._repository = repository
        self._lock = threading.Lock()
        self._unfinished: set[bytes] = set()
        self._stopped = False

    def kept(self, inode: Inode, destination: bytes) -> bool:
        """Whether *destination* is what an earlier copy of *inode* left: same kind, size, time and mode (or target)."""
        try:
            there = os.lstat(destination)
        except OSError:
            return False
        if stat.S_IFMT(there.st_mode) != stat.S_IFMT(inode.mode):
            return False
        if inode.is_link:
            return os.readlink(destination) == inode.target
        same = there.st_mtime_ns == inode.mtime_ns and there.st_mode & _MODE_BITS == inode.mode & _MODE_BITS
        return same and (not inode.is_regular or there.st_size == inode.size)

    def file(self, inode: Inode, destination: bytes) -> None:
        """Copy the content of a regular file."""
        source = self._source(inode)
        try:
            with self._making(destination) as new:
                fd = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
                try:
                    _copy(source, fd, inode.size)
                    os.fchmod(fd, inode.mode & _MODE_BITS)
                    os.utime(fd, ns=(inode.mtime_ns, inode.mtime_ns))
                finally:
                    os.close(fd)
        finally:
            os.close(source)

    def link(self, inode: Inode, destination: bytes) -> None:
        """Make a symbolic link."""
        assert inode.target is not None, "only links have targets"
        with self._making(destination) as new:
            os.symlink(inode.target, new)
            os.utime(new, ns=(inode.mtime_ns, inode.mtime_ns), follow_symlinks=False)

    def hard_link(self, first: bytes, destination: bytes) -> bool:
        """Give the copy *first* another name; whether it did not have that yet."""
        try:
            if os.path.samestat(os.lstat(first), os.lstat(destination)):
                return False
        except OSError:
            pass  # nothing there yet: that is why we are here
        with self._making(destination) as new:
            os.link(first, new, follow_symlinks=False)
        return True

    def fifo(self, inode: Inode, destination: bytes) -> None:
        """Make a named pipe."""
        with self._making(destination) as new:
            os.mkfifo(new, 0o600)
            os.chmod(new, inode.mode & _MODE_BITS)
            os.utime(new, ns=(inode.mtime_ns, inode.mtime_ns))

    def directory(self, destination: bytes) -> None:
        """Make a directory, writable for the time being; one that is there serves."""
        try:
            os.mkdir(destination, 0o700)
        except FileExistsError:
            there = os.lstat(destination)
            if not stat.S_ISDIR(there.st_mode):
                raise LocalTrouble(
                    f"{os.fsdecode(destination)}: in the way of a directory of that name", codes.LOCAL_FILE
                ) from None
            if there.st_mode & 0o700 != 0o700 and there.st_uid == os.geteuid():
                os.chmod(destination, there.st_mode & _MODE_BITS | 0o700)
            _sweep(destination)
        except OSError as error:
            raise _local(error, destination) from None

    def finish_directory(self, inode: Inode, destination: bytes) -> None:
        """Give a directory its mode and time, once everything is in it."""
        try:
            os.chmod(destination, inode.mode & _MODE_BITS)
            os.utime(destination, ns=(inode.mtime_ns, inode.mtime_ns))
        except OSError as error:
            raise _local(error, destination) from None

    def stop(self) -> None:
        """Begin nothing new, and remove what is not complete."""
        with self._lock:
            self._stopped = True
            for path in self._unfinished:
                _unlink(path)

    def _making(self, destination: bytes) -> _Making:
        return _Making(self, destination)

    def _source(self, inode: Inode) -> int:
        """A descriptor of the verified local copy, which may be evicted between two steps."""
        for _ in range(_ATTEMPTS):
            path = self._repository.materialise(inode)
            try:
                return os.open(path, os.O_RDONLY | os.O_CLOEXEC)
            except FileNotFoundError:
                continue
        raise LocalTrouble(
            f"the cache {self._repository.cache.root} is too small: what is fetched is evicted at once",
            codes.SMALL_CACHE,
        )


class _Making:
    """A name beside the final one, which the thing gets when the block ends well."""

    def __init__(self, copier: Copier, destination: bytes) -> None:
        self._copier, self._destination = copier, destination
        directory, _, _ = destination.rpartition(b"/")
        name = b"%s%s.%d" % (_PREFIX, process_mark().encode(), next(_numbers))
        self._new = directory + b"/" + name if directory or destination.startswith(b"/") else name

    def __enter__(self) -> bytes:
        with self._copier._lock:
            if self._copier._stopped:
                raise KeyboardInterrupt
            self._copier._unfinished.add(self._new)
        return self._new

    def __exit__(self, kind: object, error: BaseException | None, _: object) -> None:
        try:
            if error is None:
                os.rename(self._new, self._destination)
        except OSError as failed:
            error = failed
        with self._copier._lock:
            self._copier._unfinished.discard(self._new)
        if error is not None:
            _unlink(self._new)
        if isinstance(error, OSError):
            raise _local(error, self._destination) from None


def _sweep(directory: bytes) -> None:
    """Remove what a killed process left half-made."""
    for name in os.listdir(directory):
        if name.startswith(_PREFIX) and is_gone(os.fsdecode(name[len(_PREFIX) :].rpartition(b".")[0])):
            _unlink(directory + b"/" + name)


def _local(error: OSError, path: bytes) -> LocalTrouble:
    return LocalTrouble(f"{os.fsdecode(path)}: {error.strerror}", codes.LOCAL_FILE)


def _unlink(path: bytes) -> None:
    try:
        os.unlink(path)
    except OSError:
        pass  # it was not made, or is gone


def _copy(source: int, target: int, size: int) -> None:
    """The *size* bytes of *source*; file systems that can share blocks do."""
    left = size
    try:
        while left:
            done = os.copy_file_range(source, target, left)
            if not done:
                break
            left -= done
    except OSError as error:
        if error.errno not in _NO_COPY_RANGE:
            raise
    while left:
        block = os.read(source, min(left, _BLOCK))
        if not block:
            raise OSError(errno.EIO, "the file in the cache was truncated while it was read")
        left -= len(block)
        while block:
            block = block[os.write(target, block) :]

"""Whose turn it is: locks between all processes that use one cache directory.

They spare work and nothing else.  What is in a cache is right without them, so where a file system has no locks, or
this user may not write the file, everybody just goes on.

All locks of a cache are single bytes of one empty file, far beyond its end: the byte is found by hashing what the lock
is for.  So no file is made or removed for a lock, and none is left behind.  They are "open file description" locks
(fcntl(2), Linux 3.15): the kernel drops them when the description is closed, which is what happens at the latest when
the process dies, however it dies; threads exclude each other like processes; and NFS passes them to its server.
"""

from __future__ import annotations

import hashlib
import os
import struct
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from parrot_py.drivers import tasks
from parrot_py.drivers.cvmfs.trouble import log

# struct flock: type, whence, start, length, pid (which must be 0)
_FLOCK = struct.Struct("hhqqi4x")
_FIRST_PAUSE, _LONGEST_PAUSE = 0.002, 0.03
_LOOK_EVERY = 1.0


class Locks:
    """The locks of one cache, in the file *path*.  Thread-safe; nothing is held between calls."""

    def __init__(self, path: str, mode: int = 0o600) -> None:
        self._path, self._mode = path, mode
        self.useless = False

    @contextmanager
    def turn(
        self, what: str, seconds: float, settled: Callable[[], bool] = bool, progress: Callable[[], object] = bool
    ) -> Iterator[bool]:
        """Wait until nobody else does *what*, and let nobody else until the end of the block.

        Yields whether it is really ours.  It is not where locks do not work; nor after the wait ended early, because
        *settled* says that there is nothing left to do, or because for so many *seconds* neither was it our turn nor
        did *progress* (anything that can be compared) change.  Go on in any case.
        """
        fd = self._open()
        try:
            ours = fd is not None and self._wait(fd, _place(what), seconds, settled, progress)
            if fd is not None and not ours and not self.useless and seconds and not settled():
                log.info("no longer waiting for another process that does %s", what)
            yield ours
        finally:
            if fd is not None:
                os.close(fd)

    def _wait(
        self, fd: int, place: int, seconds: float, settled: Callable[[], bool], progress: Callable[[], object]
    ) -> bool:
        taken = self._try(fd, place)
        if taken is not None:
            return taken
        with tasks.transferring("what another process is getting"):
            return self._wait_long(fd, place, seconds, settled, progress)

    def _wait_long(
        self, fd: int, place: int, seconds: float, settled: Callable[[], bool], progress: Callable[[], object]
    ) -> bool:
        pause, looked, seen = _FIRST_PAUSE, time.monotonic(), progress()
        end = looked + seconds
        while True:
            taken = self._try(fd, place)
            if taken is not None:
                return taken
            now = time.monotonic()
            if now - looked >= _LOOK_EVERY:
                looked, last, seen = now, seen, progress()
                if seen != last:
                    end = now + seconds
            if now >= end or settled():
                return False
            time.sleep(min(pause, end - now))
            pause = min(1.5 * pause, _LONGEST_PAUSE)

    def _try(self, fd: int, place: int) -> bool | None:
        """True: it is ours now.  None: somebody else has it.  False: there are no locks here."""
        import fcntl

        try:
            fcntl.fcntl(fd, fcntl.F_OFD_SETLK, _FLOCK.pack(fcntl.F_WRLCK, os.SEEK_SET, place, 1, 0))
        except (BlockingIOError, PermissionError):  # EAGAIN, or EACCES on some systems
            return None
        except OSError as error:
            # ENOLCK, ENOSYS, EOPNOTSUPP, and EINVAL of kernels before 3.15
            self.useless = True
            log.info("%s: no locks here (%s): processes may do the same work twice", self._path, error.strerror)
            return False
        return True

    def _open(self) -> int | None:
        if self.useless:
            return None
        try:
            try:
                return os.open(self._path, os.O_RDWR | os.O_CLOEXEC)
            except FileNotFoundError:
                fd = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, self._mode)
                os.fchmod(fd, self._mode)
                return fd
        except OSError as error:
            log.debug("%s: not locked: %s", self._path, error.strerror)
            return None


def _place(what: str) -> int:
    """The byte that stands for *what*; that two things share one is as good as impossible, and harmless."""
    return int.from_bytes(hashlib.blake2b(what.encode(), digest_size=8).digest(), "big") >> 2

"""Files in the making: what is in a cache appears there complete, by rename."""

from __future__ import annotations

import os
import time
from typing import Protocol

from parrot_py import codes
from parrot_py.drivers.cvmfs.cache.pieces import Pieces
from parrot_py.drivers.cvmfs.trouble import log

# Objects must be executable: the job execs them in place.  They never change, so nobody may write.
OBJECT_MODE = 0o555
# Databases are not: that tells catalogs from files in the cache, where both have names without letters.
CATALOG_MODE = 0o444
_BEAT_EVERY = 1.0


class Place(Protocol):
    """Where transactions are made and end: a cache."""

    def temporary(self, label: str = "") -> tuple[int, str]:
        """Descriptor and path of a new file."""

    def path(self, name: str) -> str:
        """Where the object *name* is to be."""

    def make_directory(self, path: str) -> None:
        """Make a directory for objects."""

    def mode(self, mode: int) -> int:
        """The mode of a file that would have *mode* elsewhere."""

    def committed(self, name: str, amount: int) -> None:
        """The object *name* is there now, with *amount* bytes on disk."""


class Transaction:
    """A file in the making.  An Output for sinks; without :meth:`commit` nothing of it remains.

    Its name in ``txn/`` ends in *label*, and its time of change is kept young while data arrives: by that other
    processes see that whoever fetches the same is getting on.
    """

    def __init__(self, place: Place, label: str = "") -> None:
        self._place = place
        self._fd, self._path = place.temporary(label)
        self._pieces = Pieces(self._fd)
        self._done = False
        self._beaten = time.monotonic()

    @property
    def temporary(self) -> str:
        """The name of the file in ``txn/``."""
        return os.path.basename(self._path)

    def restart(self) -> None:
        """Begin again with an empty file."""
        self._pieces.restart()
        os.ftruncate(self._fd, 0)

    def write(self, data: bytes, /) -> None:
        """Append *data*."""
        self._pieces.write(data)
        self.beat()

    def part(self, offset: int) -> Part:
        """An Output for the bytes from *offset* on.  Several threads may fill several parts."""
        return Part(self, self._fd, offset)

    def beat(self) -> None:
        """Data arrived: show it, now and then."""
        now = time.monotonic()
        if now - self._beaten >= _BEAT_EVERY:
            self._beaten = now
            os.utime(self._fd)

    def complete(self) -> str:
        """Path of the file, with everything in it that was written so far: to look at it before it is committed."""
        self._pieces.flush()
        return self._path

    def commit(self, name: str, mode: int = OBJECT_MODE) -> str:
        """Give the file its final *name*.  Precondition: what was written is complete and verified."""
        self._pieces.flush()
        os.fchmod(self._fd, self._place.mode(mode))
        amount = os.fstat(self._fd).st_blocks * 512
        # Closed before it has its name: a file open for writing cannot be exec'ed (ETXTBSY).
        self._close()
        final = self._place.path(name)
        try:
            os.rename(self._path, final)
        except FileNotFoundError:
            self._place.make_directory(os.path.dirname(final))
            os.rename(self._path, final)
        self._done = True
        self._place.committed(name, amount)
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
        unlink(self._path)

    def _close(self) -> None:
        fd, self._fd = self._fd, -1
        if fd >= 0:
            os.close(fd)


class Part(Pieces):
    """A part of a transaction's file; see :class:`~parrot_py.drivers.cvmfs.cache.pieces.Pieces`."""

    def __init__(self, txn: Transaction, fd: int, offset: int) -> None:
        super().__init__(fd, offset)
        self._beat = txn.beat

    def write(self, data: bytes, /) -> None:
        """Take *data*; what fills a piece goes into the file."""
        super().write(data)
        self._beat()


def unlink(path: str) -> None:
    """Remove a file, as far as possible."""
    try:
        os.unlink(path)
    except FileNotFoundError:
        return
    except OSError as error:
        log.warning("cannot remove %s: %s", path, error, extra=codes.LITTER.extra)

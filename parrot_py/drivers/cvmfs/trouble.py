"""How a failure travels inside the driver: as a Failure with its reason, until it becomes one log line and an errno."""

from __future__ import annotations

import errno
import logging
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from parrot_py import codes
from parrot_py.codes import Code
from parrot_py.drivers.base import may_block
from parrot_py.drivers.cvmfs.urgency import stands_back
from parrot_py.errors import Told, Unreachable, Untrusted, labelled

log = logging.getLogger("parrot_py.cvmfs")

_LABELS = {errno.ENOSPC: codes.DISK_FULL, errno.EFBIG: codes.FILE_LIMIT, errno.EACCES: codes.PROTECTED}


class Failure(Exception):
    """The truth about something in a repository could not be had; ``str()`` says what and why, in one line.

    ``code`` is the errno that the job gets.  ``unreachable`` says that nobody answered (as opposed to: what was
    answered is wrong), which allows going on with what is cached; ``untrusted``, that what was answered is not proven
    to be the repository's; ``missing``, that every server said that there is no such file; ``about`` is the code of the
    line where these do not tell it.  ``logged`` is set once the
    line is written, so that neither those who waited for the same object nor those who are refused it a moment later
    repeat it.
    """

    def __init__(
        self,
        reason: str,
        code: int = errno.EIO,
        *,
        unreachable: bool = False,
        untrusted: bool = False,
        missing: bool = False,
        logged: bool = False,
        about: Code | None = None,
    ) -> None:
        super().__init__(reason)
        self._about = about
        self.reason, self.code, self.logged = reason, code, logged
        self.unreachable, self.untrusted, self.missing = unreachable, untrusted, missing

    def again(self) -> Failure:
        """A copy to raise elsewhere: raising one object in several threads would chain their tracebacks without end."""
        return Failure(
            self.reason,
            self.code,
            unreachable=self.unreachable,
            untrusted=self.untrusted,
            missing=self.missing,
            logged=self.logged,
            about=self.label,
        )

    @property
    def label(self) -> Code:
        """The code that the line in the log ends in."""
        if self._about is not None:
            return self._about
        if self.missing or self.unreachable:
            return codes.MISSING if self.missing else codes.UNREACHABLE
        if self.untrusted:
            return codes.UNTRUSTED
        return _LABELS.get(self.code, codes.CACHE_TROUBLE if isinstance(self, LocalFailure) else codes.DAMAGED)

    def report(self, fqrn: str) -> None:
        """Write the log line unless it was written before; what nobody waits for is worth a line for ``-d cvmfs``."""
        if stands_back():
            log.debug("%s: %s", fqrn, self.reason)
        elif not self.logged:
            self.logged = True
            log.error("%s: %s", fqrn, self.reason, extra=self.label.extra)

    def os_error(self) -> OSError:
        """What the caller of the driver gets."""
        other = Told if self.code == errno.EIO else OSError  # whose class follows from the errno
        kind = Unreachable if self.unreachable else Untrusted if self.untrusted else other
        error = kind(self.code, os.strerror(self.code), self.reason)
        return labelled(error, self.label)


class LocalFailure(Failure):
    """A Failure of this machine: of the cache's disk, not of the repository or its servers."""


def local_failure(what: str, error: OSError) -> LocalFailure:
    """The failure for a local I/O error: a full disk is ENOSPC (EDQUOT reads the same to a job), most others are EIO.

    EFBIG is a limit of this process (``ulimit -f``), which no room on the disk helps against.
    """
    numbers = {errno.ENOSPC: errno.ENOSPC, errno.EDQUOT: errno.ENOSPC, errno.EFBIG: errno.EFBIG}
    return LocalFailure(f"{what}: {error}", numbers.get(error.errno or 0, errno.EIO))


@contextmanager
def answering(name: str) -> Iterator[None]:
    """What the driver's caller asked of *name* is being answered: a Failure is logged and leaves as an OSError."""
    try:
        yield
    except Failure as failure:
        failure.report(name)
        raise failure.os_error() from None


def acquire(lock: threading.Lock) -> None:
    """Take *lock*; when somebody holds it (maybe during I/O), a thread that must not wait gets WouldBlock."""
    if not lock.acquire(blocking=False):
        may_block()
        lock.acquire()

"""What the caller set for the job: standard descriptors, umask, limits, ignored signals.

The tracer would suffer from some of it (a umask without permissions for the owner, a limit on the size of files, an
ignored SIGCHLD), so it makes itself comfortable first, and the job gets back what the caller had set.
"""

from __future__ import annotations

import errno
import os
import resource
import signal
import sys
from contextlib import suppress
from typing import NamedTuple

from parrot_py import codes
from parrot_py.codes import Code, tagged
from parrot_py.errors import EngineError

IGNORED = "pp__ignored"
"""Python ignores SIGPIPE and SIGXFSZ before anybody could ask what they were: bin/parrot_run hands the SigIgn line of
its /proc/PID/status on in this variable (which config/environment.py keeps from the job)."""

program = "parrot_run"
"""Who complains: the command that this process was started as."""

ADDRESS_SPACE = 128 << 20
"""Bytes of address space that a run takes by itself, with the libraries for a repository."""

_ENOUGH_FILES = 65_536
_ENOUGH_STACK = 8 << 20
_HIDDEN = (signal.SIGPIPE, signal.SIGXFSZ)
_RAISED = ("RLIMIT_AS", "RLIMIT_DATA", "RLIMIT_CPU", "RLIMIT_FSIZE", "RLIMIT_NPROC", "RLIMIT_NOFILE", "RLIMIT_STACK")
_ENOUGH = {"RLIMIT_NOFILE": _ENOUGH_FILES, "RLIMIT_STACK": _ENOUGH_STACK}


class Given(NamedTuple):
    """What the job's first process is to have: *ignored* is a set of signals as /proc writes it, *limits* are those
    that this process changed for itself, as (resource, soft, hard).
    """

    umask: int
    ignored: int
    limits: tuple[tuple[int, int, int], ...]

    @classmethod
    def nothing(cls) -> Given:
        """For a process that was left as it is: there is nothing to be given back."""
        umask = os.umask(0o077)
        os.umask(umask)
        return cls(umask, 0, ())

    def limit(self, which: int) -> tuple[int, int]:
        """Soft and hard limit as the caller had set them."""
        for number, soft, hard in self.limits:
            if number == which:
                return soft, hard
        return limits(which)

    def restore(self) -> None:
        """Set all of it for this process again: for a child that is to be as if the caller had started it."""
        os.umask(self.umask)
        for number, soft, hard in self.limits:
            resource.setrlimit(number, (soft, hard))
        for signum in (*_HIDDEN, signal.SIGCHLD):
            signal.signal(signum, signal.SIG_IGN if self.ignored & _bit(signum) else signal.SIG_DFL)


def limits(which: int) -> tuple[int, int]:
    """Soft and hard limit of this process; none where a filter around us forbids to ask."""
    try:
        return resource.getrlimit(which)
    except (OSError, ValueError):
        return resource.RLIM_INFINITY, resource.RLIM_INFINITY


def hold_standard_descriptors() -> None:
    """Occupy those of 0, 1 and 2 that are closed, so that no file of ours gets such a number; the job sees them closed.

    What holds the place can be neither read nor written (EBADF), as if it were closed here too.
    """
    while (fd := os.open("/", os.O_PATH | os.O_CLOEXEC)) <= 2:
        pass
    os.close(fd)


def take() -> Given:
    """Make this process fit for its work; what the caller had set."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # Ctrl-C before the job starts is the end, not a traceback
    umask = os.umask(0o077)
    os.umask(umask & 0o077)  # what the owner may do is never masked: these directories are for us
    limits = [changed for name in _RAISED if (changed := _raise(getattr(resource, name), _ENOUGH.get(name)))]
    return Given(umask, _ignored(), tuple(limits))


def check(given: Given) -> None:
    """Raises EngineError where a run would die of a limit that cannot be raised."""
    soft = limits(resource.RLIMIT_AS)[0]
    if soft != resource.RLIM_INFINITY and soft < ADDRESS_SPACE:
        wanted = given.limit(resource.RLIMIT_AS)[0] >> 10
        raise EngineError(
            f"ulimit -v {wanted} leaves too little address space: parrot_run itself takes {ADDRESS_SPACE >> 10} KiB; "
            "set the limit inside the job",
            codes.ADDRESS_SPACE,
        )


def complain(text: str, code: Code) -> None:
    """Write one line to stderr, if there is one, with *code* at its end."""
    with suppress(OSError):
        os.write(2, f"{program}: {tagged(text, code)}\n".encode("utf-8", "backslashreplace"))


def say(text: str) -> bool:
    """Write *text* to stdout now; False, with a line on stderr, when that cannot be done."""
    try:
        if sys.stdout is None:  # Python's view of a closed descriptor
            raise OSError(errno.EBADF, os.strerror(errno.EBADF))
        sys.stdout.buffer.write(os.fsencode(text))  # bytes, since what was typed need not be text
        sys.stdout.flush()
    except OSError as error:
        complain(f"cannot write to stdout: {error.strerror}", codes.NO_STDOUT)
        sys.stdout = None  # or Python would try and complain once more at the end
        return False
    return True


def flush() -> None:
    """Write out what is buffered, before an end that Python does not see."""
    if sys.stdout is not None:
        sys.stdout.flush()


def _raise(which: int, enough: int | None) -> tuple[int, int, int] | None:
    """Raise the soft limit to *enough*, or as far as it goes; the limit as it was, if that changed it."""
    soft, hard = limits(which)
    infinite = resource.RLIM_INFINITY
    wanted = hard if enough is None else enough if hard == infinite else min(enough, hard)
    if soft in (infinite, hard) or (wanted != infinite and soft >= wanted):
        return None
    try:
        resource.setrlimit(which, (wanted, hard))
    except (OSError, ValueError):
        return None  # a filter around us forbids it: then it stays
    return which, soft, hard


def _ignored() -> int:
    """The signals that the caller ignored and that are not so any more in this process."""
    told = 0
    with suppress(ValueError):
        told = int(os.environ.get(IGNORED, "0"), 16)
    hidden = sum(_bit(number) for number in _HIDDEN)
    ignored = told & hidden
    # With SIGCHLD ignored the kernel reports no stops and keeps no exit status.
    if signal.getsignal(signal.SIGCHLD) == signal.SIG_IGN:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        ignored |= _bit(signal.SIGCHLD)
    return ignored


def _bit(number: int) -> int:
    return 1 << (number - 1)

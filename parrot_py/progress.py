"""A line on the terminal that says what the job waits for, while it waits long.

It is written to stderr, only where that is a terminal which the job leaves to its caller at that moment: parrot_run's
process group is in the foreground there (shells with job control give it to others, also to jobs of their own), and
lines are edited by the kernel and echoed (full-screen programs, shells at their prompt and questions for passwords
switch that off).  It stands behind whatever the job wrote last, the cursor stays where it was, and the line is erased
before the job goes on.  The tracer has no part in it: a thread looks and writes.  Nobody waits for a terminal that is
not read any more (a connection that hangs): then the line stays.
"""

from __future__ import annotations

import os
import threading
import time
from typing import Callable

from parrot_py import threads
from parrot_py.figures import Account
from parrot_py.parking import Parking, Wait
from parrot_py.telling import progress_text

PATIENCE = 2.0
"""Seconds of waiting after which the line appears."""

_EVERY = 1.0
_STUCK = 0.5
"""Seconds in which a terminal has to take a line."""
_STDERR = 2
_USUAL_WIDTH = 80
# Save the cursor and do not wrap; afterwards wrap and go back.  What is behind the cursor is ours to erase.
_BEFORE, _AFTER = b"\x1b7\x1b[?7l", b"\x1b[K\x1b[?7h\x1b8"
_ERASE = b"\x1b[K"


class Line:
    """The line of one run; it begins to look when :meth:`begins` is called first."""

    def __init__(self, account: Account, parking: Parking) -> None:
        self._account, self._parking = account, parking
        self._thread: threading.Thread | None = None
        self._called = threading.Event()
        self._lock = threading.Lock()
        self._shown: Wait | None = None
        self._stuck = False
        self._closed = False

    def begins(self) -> None:
        """Somebody begins to wait.  On the tracer's thread."""
        if self._thread is None:
            self._thread = threads.start(self._look, "parrot-progress")
        if not self._called.is_set():
            self._called.set()

    def ends(self, wait: Wait) -> None:
        """*wait* is over: the line goes away before anybody goes on.  On any thread."""
        self._erase_if(lambda: self._shown is wait)

    def close(self) -> None:
        """The job is over."""
        self._closed = True
        self._erase_if(lambda: True)

    def _erase_if(self, so: Callable[[], bool]) -> None:
        # Whoever has the lock may be writing what the terminal never takes.
        if self._lock.acquire(timeout=0 if self._stuck else _STUCK):
            self._stuck = False
            try:
                if so():
                    self._erase()
            finally:
                self._lock.release()
        else:
            self._stuck = True

    def _look(self) -> None:
        while not self._closed:
            self._called.wait()
            self._called.clear()
            while self._step():
                time.sleep(_EVERY if self._shown else _EVERY / 4)

    def _step(self) -> bool:
        """Show what is to be shown now; whether anybody waits at all."""
        oldest = min(((wait.since(), wait) for wait in self._parking.now()), key=lambda pair: pair[0], default=None)
        if oldest is None or oldest[0] == float("inf"):
            with self._lock:
                self._erase()
            return oldest is not None
        since, wait = oldest
        with self._lock:
            if self._shown is not None and self._shown is not wait:
                self._erase()
            if time.monotonic() - since >= PATIENCE and not wait.over and not self._closed:
                self._show(wait)
        return True

    def _show(self, wait: Wait) -> None:
        text = progress_text(self._account.wait(wait), _width() - 1)
        if _write(_BEFORE + text.encode() + _AFTER):
            self._shown = wait

    def _erase(self) -> None:
        """Pre: the lock is held."""
        if self._shown is not None:
            self._shown = None
            _write(_ERASE)


def _write(data: bytes) -> bool:
    """Write *data* if the terminal is not the job's now, and takes it at once; whether that was so."""
    import select

    try:
        if not _is_free():
            return False
        poll = select.poll()
        poll.register(_STDERR, select.POLLOUT)  # a terminal that was stopped (Ctrl-S) takes nothing
        if not any(events & select.POLLOUT for _, events in poll.poll(0)):
            return False
        os.write(_STDERR, data)
    except OSError:
        return False  # the terminal has gone, or is not ours: then there is nobody to be told
    return True


def _is_free() -> bool:
    """Whether the job leaves its terminal to its caller now: see above.  OSError where there is none."""
    import termios

    if os.tcgetpgrp(_STDERR) != os.getpgrp():
        return False
    try:
        modes: int = termios.tcgetattr(_STDERR)[3]
    except termios.error as error:
        raise OSError(*error.args) from None
    return modes & termios.ICANON != 0 and modes & termios.ECHO != 0


def _width() -> int:
    try:
        return os.get_terminal_size(_STDERR).columns or _USUAL_WIDTH
    except OSError:
        return _USUAL_WIDTH  # the terminal has gone, as writing will tell

"""How many transfers run at once, and who goes first.

Demands take any free slot.  Background work leaves some slots free even when there is much of it, so that a demand
begins at once, and stands back while a demand waits.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from parrot_py.drivers.cvmfs.urgency import Background, Ended

SPARED = 2
"""Slots that background work never takes: the job's next file and, meanwhile, a catalog."""


class Slots:
    """*limit* transfers at a time.  Thread-safe."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._free = limit
        self._demands = 0
        self._ended = False
        self._changed = threading.Condition()
        self._holder = threading.local()

    def acquire(self, timeout: float) -> bool:
        """Take a slot within *timeout* seconds; False when none was free.  A thread in :meth:`spare` has one."""
        if self._has_one():
            return True
        until = time.monotonic() + timeout
        with self._changed:
            self._demands += 1
            try:
                while self._free <= 0:
                    left = until - time.monotonic()
                    if left <= 0 or not self._changed.wait(left):
                        return False
                self._free -= 1
            finally:
                self._demands -= 1
                if not self._demands:
                    self._changed.notify_all()  # background work may stand back no longer
        return True

    def release(self) -> None:
        """Give back what :meth:`acquire` took."""
        if not self._has_one():
            self._give_back()

    def _has_one(self) -> bool:
        return getattr(self._holder, "count", 0) > 0

    def _give_back(self) -> None:
        with self._changed:
            self._free += 1
            self._changed.notify_all()

    @contextmanager
    def spare(self, work: Background) -> Iterator[None]:
        """Hold a slot that no demand needs, for all transfers that this thread makes inside; raises Ended."""
        with self._changed:
            while not self._ended and not self._may_start(work):
                self._changed.wait()
            if self._ended:
                raise Ended
            self._free -= 1
        self._holder.count = getattr(self._holder, "count", 0) + 1
        try:
            yield
        finally:
            self._holder.count -= 1
            self._give_back()

    def _may_start(self, work: Background) -> bool:
        if work.wanted:
            return self._free > 0
        return self._free > SPARED and not self._demands

    def look_again(self) -> None:
        """Something may start that could not before."""
        with self._changed:
            self._changed.notify_all()

    def end(self) -> None:
        """Let no background work begin any more.  Idempotent."""
        with self._changed:
            self._ended = True
            self._changed.notify_all()

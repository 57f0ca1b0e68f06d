"""Fetching in the background: one queue and one pool for each repository, behind everything that the job asks for.

Nothing waits for the queue.  A thread begins a job when there is a transfer to spare (slots.py) and ends when nothing
is left to do; all are daemons, so the end of the run does not wait for them.  What goes wrong here is a line for
``-d cvmfs``: whoever needs the thing asks for it again, and is told then.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterable
from typing import Callable

from parrot_py import codes, threads
from parrot_py.drivers.cvmfs.net.slots import SPARED, Slots
from parrot_py.drivers.cvmfs.net.transport import PARALLEL_TRANSFERS
from parrot_py.drivers.cvmfs.trouble import Failure, log
from parrot_py.drivers.cvmfs.urgency import Background, Ended

THREADS = PARALLEL_TRANSFERS - SPARED
MOST_QUEUED = 100_000
"""Jobs in the queue; what comes on top is left to the job itself."""

Job = Callable[[], None]


class Prefetcher:
    """Does jobs in the background.  Thread-safe; nothing here waits.

    *has_room* tells whether the cache has room for things that nobody has asked for; when it has not, all that is
    queued is dropped.
    """

    def __init__(self, fqrn: str, slots: Slots, has_room: Callable[[], bool]) -> None:
        self._fqrn, self._slots, self._has_room = fqrn, slots, has_room
        self._lock = threading.Lock()
        self._queue: deque[Job] = deque()
        self._threads = self._working = 0
        self._closed = False

    @property
    def at_rest(self) -> bool:
        """Whether nothing is queued and no thread is left."""
        return not self._threads

    def ask(self, jobs: Iterable[Job], *, first: bool = False) -> None:
        """Queue *jobs* in their order; *first*: before what is queued already."""
        with self._lock:
            if self._closed:
                return
            room = MOST_QUEUED - len(self._queue)
            fresh = [job for job, _ in zip(jobs, range(room))]
            if first:
                self._queue.extendleft(reversed(fresh))
            else:
                self._queue.extend(fresh)
            idle = self._threads - self._working
            missing = max(0, min(THREADS - self._threads, len(self._queue) - idle))
            self._threads += missing
        for _ in range(missing):
            if threads.start(self._work, "parrot-prefetch") is None:
                with self._lock:
                    self._threads -= 1

    def close(self) -> None:
        """Forget the queue; jobs that run are not waited for.  Idempotent."""
        with self._lock:
            self._closed = True
            self._queue.clear()
        self._slots.end()

    def _work(self) -> None:
        try:
            while True:
                work = Background(self._slots)
                with work.turn():
                    job = self._next()
                    if job is None:
                        return
                    self._do(job)
                    with self._lock:
                        self._working -= 1
        except Ended:
            with self._lock:
                self._threads -= 1

    def _next(self) -> Job | None:
        """The job to do; None when there is none, and then this thread does not count any more."""
        if self._queue and not self._has_room():
            log.info("%s: the cache is nearly full: nothing more is fetched ahead", self._fqrn)
            with self._lock:
                self._queue.clear()
        with self._lock:
            if self._queue:
                self._working += 1
                return self._queue.popleft()
            self._threads -= 1
            return None

    def _do(self, job: Job) -> None:
        try:
            job()
        except (Failure, OSError) as error:
            log.debug("%s: not fetched ahead: %s", self._fqrn, error)
        except Exception:  # noqa: BLE001 - a job of ours that fails must not end the thread
            log.exception("%s: defect in fetching ahead", self._fqrn, extra=codes.DEFECT.extra)

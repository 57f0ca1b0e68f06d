"""Threads of ours, which a limit on processes (``ulimit -u``, ``pids.max``) or on memory may forbid.

Whoever wants one says what happens when there is none: a job at such a limit is served slowly, not wrongly.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from queue import Empty, SimpleQueue
from typing import Any

from parrot_py import codes
from parrot_py.drivers.base import blocking

STACK = 2 << 20
"""Bytes of stack for each, address space until they are used: the default is ``ulimit -s``, which may be nothing or
too much for the ``ulimit -v``."""

log = logging.getLogger("parrot_py.process")
_told = threading.Event()

Call = Callable[[], object]
Done = Callable[[object], None]


def start(target: Callable[[], Any], name: str) -> threading.Thread | None:
    """Run *target* on a daemon thread; ``None``, and one line in the log of a run, where none can be started."""
    thread = threading.Thread(target=target, name=name, daemon=True)
    try:
        thread.start()
    except RuntimeError as error:
        if not _told.is_set():
            _told.set()
            log.warning(
                "%s (ulimit -u, ulimit -v or pids.max?): going on with fewer, slowly",
                error,
                extra=codes.NO_THREADS.extra,
            )
        return None
    return thread


class Pool:
    """Runs calls on up to *most* threads, started when they are needed.  :meth:`submit` belongs to one thread."""

    def __init__(self, most: int, name: str) -> None:
        self._most, self._name = most, name
        self._queue: SimpleQueue[tuple[Call, Done] | None] = SimpleQueue()
        self._idle = threading.Semaphore(0)
        self._count = 0

    def submit(self, call: Call, done: Done) -> None:
        """Have *call* made, and *done* told what it returned or raised, on one of the threads.

        Where not even one thread can be started both happen here and now.
        """
        self._queue.put((call, done))
        if self._idle.acquire(blocking=False) or self._count == self._most:
            return
        if start(self._work, self._name) is not None:
            self._count += 1
        elif not self._count:
            self._queue.get()
            with blocking():
                _make(call, done)

    def close(self) -> None:
        """Begin nothing that was not begun; calls under way are not waited for."""
        while not self._queue.empty():
            self._queue.get()
        for _ in range(self._count):
            self._queue.put(None)

    def _work(self) -> None:
        wanted = self._queue.get()
        while wanted is not None:
            _make(*wanted)
            try:
                wanted = self._queue.get_nowait()
            except Empty:
                self._idle.release()
                wanted = self._queue.get()


def _make(call: Call, done: Done) -> None:
    try:
        outcome = call()
    except BaseException as error:  # noqa: BLE001 - whatever it is, whoever asked for it is told
        outcome = error
    done(outcome)

"""Doing many independent things at a time, with an end in sight when one fails or the user has enough."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

PARALLEL = 16
"""As many as transfers run at once."""

_AHEAD = 4 * PARALLEL


class Pool:
    """Runs jobs on threads; :meth:`add` waits while many are queued, so that endless lists need little memory.

    Jobs see to their own expected errors.  An unexpected one ends everything: it is raised by the next :meth:`add`, or
    at the end of the ``with`` block.  When that block is left by an exception, what has not begun is dropped and
    nobody waits for what has.
    """

    def __init__(self, parallel: int = PARALLEL) -> None:
        self._executor = ThreadPoolExecutor(parallel, "parrot-tool")
        self._room = threading.BoundedSemaphore(_AHEAD)
        self._error: BaseException | None = None

    def add(self, job: Callable[..., object], *arguments: Any) -> None:
        """Run ``job(*arguments)`` soon."""
        self._check()
        self._room.acquire()
        self._executor.submit(job, *arguments).add_done_callback(self._ended)

    def _ended(self, future: Future[object]) -> None:
        self._room.release()
        if not future.cancelled() and self._error is None:
            self._error = future.exception()

    def _check(self) -> None:
        if self._error is not None:
            raise self._error

    def __enter__(self) -> Pool:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        self._executor.shutdown(wait=kind is None, cancel_futures=kind is not None)
        if kind is None:
            self._check()

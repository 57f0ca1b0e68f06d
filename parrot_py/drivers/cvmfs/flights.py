"""Each thing is fetched once: whoever asks for what is already on its way waits for that one."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

from parrot_py.drivers import tasks
from parrot_py.drivers.base import may_block
from parrot_py.drivers.cvmfs.trouble import Failure
from parrot_py.drivers.cvmfs.urgency import current, stands_back

T = TypeVar("T")
_MEMORY = 1024


class _Flight(Generic[T]):
    def __init__(self) -> None:
        self.landed = threading.Event()
        self.result: T | None = None
        self.error: BaseException | None = None
        self.work = current()
        self.task = tasks.current() or tasks.Task()


class Flights(Generic[T]):
    """Runs jobs by key, at most one at a time for each key, and remembers failures for a short while.

    A failed key is refused with the same failure until the pause is over; the pause doubles from *pause* to *longest*
    with each failure in a row, so a dead server costs one time-out now and then, not one for each access.
    """

    def __init__(self, fqrn: str, pause: float, longest: float) -> None:
        self._fqrn, self._pause, self._longest = fqrn, pause, longest
        self._lock = threading.Lock()
        self._flying: dict[Hashable, _Flight[T]] = {}
        self._failed: dict[Hashable, tuple[float, float, Failure]] = {}

    def run(self, key: Hashable, job: Callable[[], T]) -> T:
        """The result of *job*, run by us or by another thread under the same *key*.  Raises Failure."""
        self._refuse(key)
        may_block()
        with self._lock:
            flight = self._flying.get(key)
            leader = flight is None
            if flight is None:
                flight = self._flying[key] = _Flight()
        if leader:
            return self._fly(key, flight, job)
        if flight.work is not None and current() is None:
            flight.work.hurry()
        with tasks.behind(flight.task):
            flight.landed.wait()
        if isinstance(flight.error, Failure):
            raise flight.error.again()
        if flight.error is not None:
            raise Failure(f"the thread that fetched it died: {flight.error!r}")
        return flight.result  # type: ignore[return-value]  # set by whoever landed it without an error

    def _refuse(self, key: Hashable) -> None:
        failed = self._failed.get(key)
        if failed is not None and time.monotonic() < failed[0]:
            raise failed[2].again()

    def _fly(self, key: Hashable, flight: _Flight[T], job: Callable[[], T]) -> T:
        try:
            with tasks.serving(flight.task):
                flight.result = job()
        except Failure as failure:
            failure.report(self._fqrn)
            flight.error = failure
            if not stands_back():  # what nobody waited for need not be refused to who does
                self._remember(key, failure)
            raise
        except BaseException as error:
            flight.error = error
            raise
        else:
            self._failed.pop(key, None)
            return flight.result
        finally:
            with self._lock:
                del self._flying[key]
            flight.landed.set()

    def _remember(self, key: Hashable, failure: Failure) -> None:
        with self._lock:
            last = self._failed.get(key)
            pause = self._pause if last is None else min(2 * last[1], self._longest)
            if len(self._failed) >= _MEMORY:
                del self._failed[next(iter(self._failed))]
            self._failed[key] = (time.monotonic() + pause, pause, failure.again())

"""Who waits for what: the stops and requests that a worker has to find something out for.

Belongs to the tracer; only the outcomes come from other threads.  :meth:`Parking.now` may be read by any.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator
from typing import TYPE_CHECKING, Callable, Union

from parrot_py.drivers.tasks import Task, serving
from parrot_py.engine.core import Engine, Stop
from parrot_py.threads import Pool

if TYPE_CHECKING:
    from parrot_py.control.channel import Request
    from parrot_py.namespace import Park

    Waiter = Union[Stop, Request]

WORKERS = 32
BUCKETS = 64


class Wait:
    """Something that a worker does for ``waiters``, each with the moment (monotonic) since when it waits.

    It may go on when nobody is left: the next one who wants the same joins.
    """

    __slots__ = ("joined", "over", "park", "task", "waiters")

    def __init__(self, park: Park) -> None:
        self.park = park
        self.task = Task()
        self.waiters: list[tuple[Waiter, float]] = []
        self.joined = 0
        self.over = False

    def join(self, waiter: Waiter) -> None:
        """*waiter* waits from now on."""
        self.waiters.append((waiter, time.monotonic()))
        self.joined += 1

    def since(self) -> float:
        """Since when the one waits who has waited longest; infinity when nobody does.  On any thread."""
        return min((since for _, since in list(self.waiters)), default=float("inf"))

    def work(self) -> object:
        """On a worker."""
        with serving(self.task):
            return self.park.call()


class Parked:
    """How often and how long threads were parked: ``buckets[i]`` counts times of 2^i to 2^(i+1) microseconds."""

    def __init__(self) -> None:
        self.count = 0
        self.seconds = 0.0
        self.buckets = [0] * BUCKETS

    def add(self, seconds: float) -> None:
        """Somebody waits no longer, after so many *seconds*."""
        self.count += 1
        self.seconds += seconds
        self.buckets[max(0, min(BUCKETS, int(seconds * 1e6).bit_length()) - 1)] += 1


class Parking:
    """Gives what has to be waited for to workers, each thing once, and the outcome to all who wait for it."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._pool: Pool | None = None
        self._waits: dict[object, Wait] = {}
        self._finished: deque[tuple[Wait, object]] = deque()
        self.parked = Parked()
        self.on_begin: Callable[[], None] = lambda: None
        """Called on the tracer's thread when somebody begins to wait."""
        self.on_end: Callable[[Wait], None] = lambda _: None
        """Called on a worker's thread when a wait is over, before anybody who waited goes on."""

    @property
    def busy(self) -> bool:
        """Whether workers are at work."""
        return bool(self._waits)

    def now(self) -> list[Wait]:
        """What is waited for.  On any thread."""
        return list(self._waits.values())

    def wait(self, waiter: Waiter, park: Park) -> None:
        """Let *waiter* wait for the outcome of *park*."""
        wait = self._waits.get(park.key)
        begins = wait is None
        if wait is None:
            wait = self._waits[park.key] = Wait(park)
        wait.join(waiter)
        self.on_begin()
        if not begins:
            return
        if self._pool is None:
            self._pool = Pool(WORKERS, "parrot-worker")
        self._pool.submit(wait.work, lambda outcome: self._done(wait, outcome))

    def _done(self, wait: Wait, outcome: object) -> None:
        """On a worker: hand the outcome over and wake the tracer."""
        wait.over = True
        self.on_end(wait)
        self._finished.append((wait, outcome))
        self._engine.wake()

    def over(self) -> Iterator[Waiter]:
        """Those whose waiting is over, with the outcome in their memo; each is still where it was."""
        while self._finished:
            wait, outcome = self._finished.popleft()
            del self._waits[wait.park.key]
            for waiter, since in wait.waiters:
                self.parked.add(time.monotonic() - since)
                if waiter.memo is None:
                    waiter.memo = {}
                waiter.memo[wait.park.key] = outcome
                # The thread may be elsewhere by now (a signal), its number somebody else's (it died).
                if not isinstance(waiter, Stop) or self._engine.waits(waiter):
                    yield waiter

    def forget_gone(self) -> None:
        """Forget those who do not wait any more: a signal took them away, or they died."""
        for wait in self._waits.values():
            left = [pair for pair in wait.waiters if not self._still_waits(pair[0])]
            for pair in left:
                wait.waiters.remove(pair)
                self.parked.add(time.monotonic() - pair[1])

    def _still_waits(self, waiter: Waiter) -> bool:
        return not isinstance(waiter, Stop) or self._engine.is_parked(waiter)

    def close(self) -> None:
        """Begin nothing any more."""
        if self._pool is not None:
            self._pool.close()

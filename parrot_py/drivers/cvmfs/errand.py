"""Something that is done meanwhile, on a thread of its own."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

from parrot_py import threads
from parrot_py.drivers import tasks
from parrot_py.drivers.cvmfs.cache.sink import Sink
from parrot_py.drivers.cvmfs.trouble import Failure

T = TypeVar("T")


class Errand(Generic[T]):
    """Starts *job* at once.  Who does not ask for the result need not wait, and does not see how it failed.

    Where no thread can be started the job is done by who waits for it.
    """

    def __init__(self, job: Callable[[], T], name: str) -> None:
        self._job = job
        self._results: list[T] = []
        self._error: BaseException | None = None
        self._thread = threads.start(tasks.inherited(self._run), name)
        self._lock = threading.Lock()

    def _run(self) -> None:
        try:
            self._results.append(self._job())
        except BaseException as error:  # noqa: BLE001 - whatever it is, result() raises it
            self._error = error

    def wait(self) -> None:
        """Wait until *job* is done, well or badly."""
        if self._thread is not None:
            self._thread.join()
            return
        with self._lock:
            if not self._results and self._error is None:
                self._run()

    def result(self) -> T:
        """What *job* returned, once it has; raises what it raised."""
        self.wait()
        if self._error is not None:
            raise self._error
        return self._results[0]


class Verdict:
    """A decision that a thread waits for and another one makes; the first decision counts."""

    def __init__(self) -> None:
        self._made = threading.Event()
        self._yes = False

    def give(self, yes: bool) -> None:
        """Decide, unless that was done."""
        if not self._made.is_set():
            self._yes = yes
            self._made.set()

    @property
    def refused(self) -> bool:
        """Whether the decision was made, and is no."""
        return self._made.is_set() and not self._yes

    def wait(self) -> bool:
        """The decision, once it is made."""
        self._made.wait()
        return self._yes


class Revocable:
    """A Sink that ends the transfer as soon as the object is not wanted any more."""

    def __init__(self, sink: Sink, proven: Verdict) -> None:
        self._sink, self._proven = sink, proven

    def begin(self) -> None:
        """A new attempt starts."""
        self._check()
        self._sink.begin()

    def feed(self, block: bytes) -> None:
        """The next bytes as they were transferred."""
        self._check()
        self._sink.feed(block)

    def finish(self) -> None:
        """The transfer is complete."""
        self._sink.finish()

    def _check(self) -> None:
        if self._proven.refused:
            raise Failure("not proven")

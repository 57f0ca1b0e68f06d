"""How waits end before their time: whoever waits says how it is to be woken."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class Ending:
    """The end of something that many threads wait in.  Thread-safe."""

    def __init__(self) -> None:
        self._over = threading.Event()
        self._lock = threading.Lock()
        self._wakers: dict[object, Callable[[], object]] = {}

    @property
    def over(self) -> bool:
        """Whether it has come."""
        return self._over.is_set()

    def wait(self, seconds: float) -> bool:
        """Wait for the end, at most *seconds*; whether it has come."""
        return self._over.wait(seconds)

    @contextmanager
    def waking(self, wake: Callable[[], object]) -> Iterator[None]:
        """While inside, *wake* is called at the end; at once if it has come already."""
        key = object()
        with self._lock:
            over = self._over.is_set()
            if not over:
                self._wakers[key] = wake
        if over:
            wake()
        try:
            yield
        finally:
            with self._lock:
                self._wakers.pop(key, None)

    def come(self) -> None:
        """End it: wake all who wait, and let nobody wait from now on."""
        with self._lock:
            self._over.set()
            wakers = list(self._wakers.values())
        for wake in wakers:
            wake()

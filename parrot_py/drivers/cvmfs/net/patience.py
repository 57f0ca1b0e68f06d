"""How long the fetching of one thing may go on: as long as there is progress, and so much longer."""

from __future__ import annotations

import threading
import time

LEAST_RATE = 16 * 1024
"""Bytes a second that count as progress.  A file of any size may take the time that it takes at this rate."""


class Patience:
    """Ends after *seconds* without progress.  Thread-safe: all transfers for one file share one.

    Each byte that arrives for the first time puts the end off by the time it takes at LEAST_RATE, but never to more
    than *seconds* from now.  So whatever a server does, a file of N bytes takes at most ``seconds + N / LEAST_RATE``,
    silence takes *seconds*, and a healthy transfer never ends for being long.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._end = time.monotonic() + seconds
        self._lock = threading.Lock()

    def left(self) -> float:
        """Seconds until it ends; 0 when it has."""
        return max(0.0, self._end - time.monotonic())

    def gain(self, amount: int) -> None:
        """*amount* bytes arrived that no earlier attempt had brought."""
        with self._lock:
            if self.left():
                self._end = min(self._end + amount / LEAST_RATE, time.monotonic() + self._seconds)

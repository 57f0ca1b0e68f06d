"""Bounds on what one input may cost."""

from __future__ import annotations

import resource
import time
from collections.abc import Callable

SECONDS = 10.0
"""Processor time for one input; the instrumented code of a fuzzing run is several times slower than usual."""
MEGABYTES = 512
"""What the whole process may need more than before its first input."""


class TooMuch(AssertionError):
    """An input took too long, or too much memory."""


def bounded(check: Callable[[bytes], object]) -> Callable[[bytes], None]:
    """*check*, raising TooMuch when it costs too much."""
    before = _megabytes()

    def run(data: bytes) -> None:
        began = time.process_time()
        check(data)
        took = time.process_time() - began
        if took > SECONDS:
            raise TooMuch(f"{took:.1f} s for {len(data)} bytes")
        if _megabytes() - before > MEGABYTES:
            raise TooMuch(f"{_megabytes() - before} MB")

    return run


def _megabytes() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024

"""What a repository was asked for, and what went wrong: counters that attributes and statistics show."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque

from parrot_py.drivers.cvmfs.trouble import log

LOOKUP, OPENDIR, OPEN, OTHER = "eio.01", "eio.03", "eio.06", "eio.other"
"""Where an I/O error was met, by the numbers that the real client gives them."""

_LINES, _KEPT = 10, 200


class Activity:
    """Counts what the driver was asked for.  Thread-safe.

    The fast path of ``parrot_run`` answers most calls without the driver, so under it these are first calls only.
    """

    def __init__(self) -> None:
        self.began, self.since = time.monotonic(), time.time()
        self.opens = self.listings = 0
        self.last_error = 0
        self._errors = {LOOKUP: 0, OPENDIR: 0, OPEN: 0, OTHER: 0}
        self._lock = threading.Lock()

    def opened(self) -> None:
        """A file is asked for."""
        with self._lock:
            self.opens += 1

    def listed(self) -> None:
        """A listing is asked for."""
        with self._lock:
            self.listings += 1

    def failed(self, where: str) -> None:
        """The truth could not be had, *where* being one of the constants above."""
        with self._lock:
            self._errors[where] += 1
            self.last_error = int(time.time())

    @property
    def errors(self) -> int:
        """How often the truth could not be had."""
        return sum(self._errors.values())

    def counters(self) -> dict[str, int]:
        """All counters by the names that the real client gives them."""
        with self._lock:
            errors = dict(self._errors)
        return {
            "cvmfs.n_fs_open": self.opens,
            "cvmfs.n_fs_dir_open": self.listings,
            "cvmfs.n_io_error": sum(errors.values()),
            "eio.total": sum(errors.values()),
            **errors,
        }


class _Tail(logging.Handler):
    """Keeps the last lines of the log."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.lines: deque[tuple[float, str]] = deque(maxlen=_KEPT)

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a line with its time."""
        try:
            text = record.getMessage()
        except (TypeError, ValueError):
            text = str(record.msg)
        self.lines.append((record.created, text))


_tail = _Tail()
log.addHandler(_tail)


def log_tail(fqrn: str, since: float) -> list[str]:
    """The last lines that the log has on the repository *fqrn* since a Unix time, each with its time in UTC."""
    lines = [(when, text) for when, text in list(_tail.lines) if when >= since and text.startswith(f"{fqrn}: ")]
    return [f"{time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime(when))} {text}" for when, text in lines[-_LINES:]]

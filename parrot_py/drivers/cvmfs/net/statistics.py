"""What the transfers of a repository came to: the ``download.*`` counters of the real client."""

from __future__ import annotations

import threading
from typing import NamedTuple

from parrot_py.config.proxies import mask

REQUESTS, BYTES, SECONDS = "n_requests", "sz_transferred_bytes", "sz_transfer_time"
RETRIES, PROXY_FAILOVERS, HOST_FAILOVERS = "n_retries", "n_proxy_failover", "n_host_failover"
FAILURES = "n_failures"
_MOST_WAYS = 1000


class Way(NamedTuple):
    """What came by one way: from *host* (a URL without a password) through *proxy* (empty: none)."""

    host: str
    proxy: str
    requests: int
    bytes: int
    failures: int


class Statistics:
    """Counters that only grow.  Thread-safe.

    ``requests`` are answers asked for (each attempt counts), ``received`` bytes of bodies as they were transferred,
    ``seconds`` the time spent on transfers, those at the same time added up.  ``retries`` repeat a request on the same
    way; a fail-over counts when it changed the way for everybody.  Requests, bytes and failures are also counted by
    the way that they took.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._values: dict[str, float] = dict.fromkeys(
            (REQUESTS, BYTES, SECONDS, RETRIES, PROXY_FAILOVERS, HOST_FAILOVERS), 0
        )
        self._ways: dict[tuple[str, str], dict[str, int]] = {}

    def add(self, name: str, amount: float = 1) -> None:
        """Count *amount* more of *name*, one of the constants above."""
        with self._lock:
            self._values[name] += amount

    def went(self, name: str, host: str, proxy: str | None, amount: int = 1) -> None:
        """Count *amount* more REQUESTS, BYTES or FAILURES, in all and for the way."""
        with self._lock:
            if name != FAILURES:
                self._values[name] += amount
            key = (host, proxy or "")
            if key not in self._ways and len(self._ways) >= _MOST_WAYS:
                key = ("others", "")
            way = self._ways.setdefault(key, dict.fromkeys((REQUESTS, BYTES, FAILURES), 0))
            way[name] += amount

    def ways(self) -> list[Way]:
        """What came by each way that was taken."""
        with self._lock:
            return [Way(mask(host), mask(proxy), *counts.values()) for (host, proxy), counts in self._ways.items()]

    def counters(self, prefix: str = "download") -> dict[str, int]:
        """All counters by the names that the real client gives them; times are in milliseconds."""
        with self._lock:
            values = dict(self._values)
        values[SECONDS] *= 1000
        return {f"{prefix}.{name}": int(value) for name, value in values.items()}

    @property
    def requests(self) -> int:
        """Requests made, retries included."""
        return int(self._values[REQUESTS])

    @property
    def received(self) -> int:
        """Bytes of bodies."""
        return int(self._values[BYTES])

    @property
    def seconds(self) -> float:
        """Time spent on transfers, in seconds."""
        return self._values[SECONDS]

    @property
    def retries(self) -> int:
        """Requests repeated on the same way."""
        return int(self._values[RETRIES])

    @property
    def proxy_failovers(self) -> int:
        """Switches to another proxy."""
        return int(self._values[PROXY_FAILOVERS])

    @property
    def host_failovers(self) -> int:
        """Switches to another server."""
        return int(self._values[HOST_FAILOVERS])

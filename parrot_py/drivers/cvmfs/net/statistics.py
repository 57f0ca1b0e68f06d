"""What the transfers of a repository came to: the ``download.*`` counters of the real client."""

from __future__ import annotations

import threading

REQUESTS, BYTES, SECONDS = "n_requests", "sz_transferred_bytes", "sz_transfer_time"
RETRIES, PROXY_FAILOVERS, HOST_FAILOVERS = "n_retries", "n_proxy_failover", "n_host_failover"


class Statistics:
    """Counters that only grow.  Thread-safe.

    ``requests`` are answers asked for (each attempt counts), ``received`` bytes of bodies as they were transferred,
    ``seconds`` the time spent on transfers, those at the same time added up.  ``retries`` repeat a request on the same
    way; a fail-over counts when it changed the way for everybody.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._values: dict[str, float] = dict.fromkeys(
            (REQUESTS, BYTES, SECONDS, RETRIES, PROXY_FAILOVERS, HOST_FAILOVERS), 0
        )

    def add(self, name: str, amount: float = 1) -> None:
        """Count *amount* more of *name*, one of the constants above."""
        with self._lock:
            self._values[name] += amount

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

"""How often what was asked for was here already."""

from __future__ import annotations

import threading


class Hits:
    """Counts files that were asked for: found in the cache, or not, whoever fetched them then.  Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._found = self._missed = 0

    def found(self) -> None:
        """A file was in the cache."""
        with self._lock:
            self._found += 1

    def missed(self) -> None:
        """A file had to be waited for."""
        with self._lock:
            self._missed += 1

    def counters(self) -> dict[str, int]:
        """The counters by name."""
        return {"cache.n_hits": self._found, "cache.n_misses": self._missed}

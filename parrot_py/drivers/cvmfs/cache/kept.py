"""Files that have no hash to be called by: kept in the cache under the hash of what tells one from all others."""

from __future__ import annotations

from collections.abc import Callable

from parrot_py.drivers import deadline
from parrot_py.drivers.cvmfs.cache.hits import Hits
from parrot_py.drivers.cvmfs.cache.layers import Layers
from parrot_py.drivers.cvmfs.cache.transaction import Transaction
from parrot_py.drivers.cvmfs.flights import Flights
from parrot_py.drivers.cvmfs.hashes import Algorithm

SUFFIX = "-kept"
"""Ends the names of such files, so that nobody takes the name for the hash of the content."""


def kept_name(identity: bytes) -> str:
    """The name in the cache of what *identity* stands for: whatever differs in content must differ in it."""
    return Algorithm.SHA1.hash(identity).cache_path() + SUFFIX


class Kept:
    """Finds such files in the caches of *layers*, or has them made there: once, by whoever asks first.  Thread-safe.

    They count against the same quota as everything else, and may be evicted.
    """

    def __init__(self, layers: Layers, flights: Flights[str], patience: float) -> None:
        """*patience*: seconds for which another process that makes the same is waited for when it does not get on."""
        self._layers, self._flights, self._patience = layers, flights, patience
        self.hits = Hits()

    def find(self, identity: bytes, size: int | None) -> str | None:
        """Path of the file *identity* if it is here with that *size* (None: unknown, and not empty).  Never waits."""
        return self._layers.own.find(kept_name(identity), size)

    def file(self, identity: bytes, size: int | None, what: str, fill: Callable[[Transaction], None]) -> str:
        """Path of the file *identity*, which *fill* writes if it is not here; may wait then.

        *what* is how it is called in the log.  Raises Failure.
        """
        name = kept_name(identity)
        found = self.find(identity, size)
        if found is not None:
            self.hits.found()
            return found
        path = self._flights.run(name, lambda: self._make(name, size, what, fill))
        self.hits.missed()
        return path

    def _make(self, name: str, size: int | None, what: str, fill: Callable[[Transaction], None]) -> str:
        cache = self._layers.own
        with cache.turn(name, deadline.seconds(self._patience), lambda: cache.find(name, size) is not None):
            return cache.find(name, size) or self._layers.make(what, name, size or 0, fill, own=True)

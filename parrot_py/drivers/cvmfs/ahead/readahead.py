"""Read-ahead that learns: what earlier runs opened after a file is fetched when that file is opened again.

A *leader* is the first file that a run opens in a repository, or the first after a pause; what is opened next are its
*followers*.  They are kept by path in the cache, a small file for each repository.  It helps where the list outlives
the objects: after an eviction, and above all after an update, when the paths are the same and their content is new.
In a cache that has nothing yet there is nothing to go by, so it is switched on by the site (``PARROT_READ_AHEAD``).
"""

from __future__ import annotations

import os
import threading
import time
from typing import Any

from parrot_py.drivers.cvmfs.cache.local import Cache

PAUSE = 2.0
"""Seconds without a new file after which the next one is a leader."""
MOST_LEADERS, MOST_FOLLOWERS = 64, 2_000
MOST_BYTES = 4 << 20

Lists = dict[bytes, list[bytes]]


class ReadAhead:
    """What followed what, in this run and in those before.  Thread-safe; only :meth:`followers`, :meth:`save` wait."""

    def __init__(self, cache: Cache, fqrn: str) -> None:
        self._cache, self._name = cache, f"readahead.{fqrn}"
        self._lock = threading.Lock()
        self._seen: set[bytes] = set()
        self._learnt: Lists = {}
        self._current: list[bytes] | None = None
        self._last = 0.0

    def opened(self, path: bytes) -> bool:
        """Note that the job opens *path*; whether it is a leader."""
        if path in self._seen:
            return False
        with self._lock:
            if path in self._seen or len(self._seen) >= MOST_LEADERS * MOST_FOLLOWERS:
                return False
            self._seen.add(path)
            now, before = time.monotonic(), self._last
            self._last = now
            if self._current is not None and now - before < PAUSE:
                if len(self._current) < MOST_FOLLOWERS:
                    self._current.append(path)
                return False
            self._current = self._learnt[path] = []
            return True

    def followers(self, leader: bytes) -> list[bytes]:
        """What was opened after *leader* in the last run that did so."""
        return self._load().get(leader, [])

    def save(self) -> None:
        """Keep what was learnt; a leader without followers teaches nothing.  Trouble is a line in the log."""
        with self._lock:
            learnt = {leader: list(paths) for leader, paths in self._learnt.items() if paths}
        if learnt:
            lists = self._load()
            for leader in learnt:
                lists.pop(leader, None)
            self._cache.put(self._name, _packed({**lists, **learnt}), 0o600)

    def _load(self) -> Lists:
        import json

        data = self._cache.read(self._name, MOST_BYTES)
        try:
            read: Any = json.loads(data or b"{}")
        except (ValueError, RecursionError):
            return {}
        return _checked(read) if isinstance(read, dict) else {}


def _packed(lists: Lists) -> bytes:
    """The lists as JSON, the latest at the end; the oldest are left out when there are too many."""
    import json

    kept = list(lists.items())[-MOST_LEADERS:]
    while True:
        table = {os.fsdecode(leader): [os.fsdecode(path) for path in paths] for leader, paths in kept}
        data = json.dumps(table).encode()
        if len(data) <= MOST_BYTES or not kept:
            return data
        kept = kept[1 + len(kept) // 4 :]


def _checked(table: dict[Any, Any]) -> Lists:
    """The lists in *table*, without what is none: anybody may have written the file."""
    lists: Lists = {}
    for leader, paths in list(table.items())[-MOST_LEADERS:]:
        if isinstance(paths, list) and all(isinstance(path, str) and path.startswith("/") for path in paths):
            try:
                lists[os.fsencode(leader)] = [os.fsencode(path) for path in paths[:MOST_FOLLOWERS]]
            except UnicodeEncodeError:
                continue
    return lists

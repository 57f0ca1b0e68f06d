"""Making one file of the chunks of a chunked file."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from contextlib import nullcontext
from typing import TYPE_CHECKING

from parrot_py import threads
from parrot_py.drivers import tasks
from parrot_py.drivers.cvmfs.cache.stored import Stored, plain_name
from parrot_py.drivers.cvmfs.cache.transaction import Transaction
from parrot_py.drivers.cvmfs.cache.whereabouts import Place
from parrot_py.drivers.cvmfs.catalogs.catalog import Chunk
from parrot_py.drivers.cvmfs.hashes import Algorithm, ContentHash
from parrot_py.drivers.cvmfs.trouble import Failure, local_failure
from parrot_py.drivers.cvmfs.urgency import inherited

if TYPE_CHECKING:
    from parrot_py.drivers.cvmfs.cache.store import Store

# Each holds up to 3 MiB; the tracer is to stay below 60 MB.
_CHUNK_THREADS = 4


class Assembly:
    """Fetches all chunks of one file into one transaction, several at a time, with one patience for the whole.

    The threads are its own (and the caller's): with a common pool, callers that wait for chunks could hold all the
    threads that would have to fetch them.
    """

    def __init__(
        self, store: Store, txn: Transaction, name: str, algorithm: Algorithm, chunks: Sequence[Chunk], stored: Stored
    ) -> None:
        """*name* is what the file will have in the cache."""
        self._name = name
        self._store, self._txn, self._algorithm, self._stored = store, txn, algorithm, stored
        self._patience = store.fetcher.patience()
        self._left = list(reversed(chunks))
        self._lock = threading.Lock()
        self._failure: Failure | None = None

    def run(self) -> None:
        """Fetch everything; raises the first Failure after all threads have ended."""
        wanted = min(_CHUNK_THREADS, len(self._left)) - 1
        helpers = [threads.start(tasks.inherited(inherited(self._work)), "parrot-chunk") for _ in range(wanted)]
        self._work()
        for helper in helpers:
            if helper is not None:
                helper.join()
        if self._failure is not None:
            raise self._failure

    def _next(self) -> Chunk | None:
        with self._lock:
            return self._left.pop() if self._left and self._failure is None else None

    def _work(self) -> None:
        try:
            for chunk in iter(self._next, None):
                self._take(chunk)
        except Failure as failure:
            self._fail(failure)
        except OSError as error:
            self._fail(local_failure(f"cache {self._store.cache.root}", error))

    def _take(self, chunk: Chunk) -> None:
        """Fetch *chunk* while nobody else does, and note where it is for who wants it next."""
        hash_, books = ContentHash(self._algorithm, chunk.digest), self._store.whereabouts
        name = plain_name(hash_, self._stored)
        # In an alien cache the chunk is an object, and has its turn as one.
        alien = self._store.cache.alien
        with nullcontext() if alien else books.turn(name, chunk.size, self._patience):
            self._store.fetch_chunk(hash_, chunk, self._stored, self._txn.part(chunk.offset), self._patience)
            books.note(Place(name, self._name, self._stored.size, chunk.offset, chunk.size, self._txn.temporary))

    def _fail(self, failure: Failure) -> None:
        with self._lock:
            self._failure = self._failure or failure

"""The objects of a repository as local files: from the cache, or fetched, verified and then put there."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import NamedTuple

from parrot_py.drivers.base import may_block
from parrot_py.drivers.cvmfs.cache import Cache
from parrot_py.drivers.cvmfs.catalog import Chunk
from parrot_py.drivers.cvmfs.database import looks_whole
from parrot_py.drivers.cvmfs.errand import Errand, Verdict
from parrot_py.drivers.cvmfs.fetch import Fetcher
from parrot_py.drivers.cvmfs.flights import Flights
from parrot_py.drivers.cvmfs.hashes import CATALOG, HISTORY, PARTIAL, Algorithm, ContentHash
from parrot_py.drivers.cvmfs.patience import Patience
from parrot_py.drivers.cvmfs.pieces import PIECE, Pieces
from parrot_py.drivers.cvmfs.schema import COMPRESSION_NONE, COMPRESSION_ZLIB
from parrot_py.drivers.cvmfs.sink import CATALOG_LIMIT, HISTORY_LIMIT, ObjectSink, Sink
from parrot_py.drivers.cvmfs.transaction import Transaction
from parrot_py.drivers.cvmfs.trouble import Failure, local_failure

# Each holds up to 3 MiB; the tracer is to stay below 60 MB.
_CHUNK_THREADS = 4
_DATABASES = {CATALOG: "catalog", HISTORY: "history"}
_KINDS = {COMPRESSION_ZLIB: "", COMPRESSION_NONE: "-none"}


class Stored(NamedTuple):
    """How the content of a file is stored: compression, length, and its path on the external servers if it is there."""

    compression: int
    size: int
    external: bytes | None


def _kind(stored: Stored) -> str:
    return _KINDS.get(stored.compression, f"-{stored.compression}")


def plain_name(hash_: ContentHash, stored: Stored) -> str:
    """The name in the cache of what *hash_* means when it is stored like that (see cache.py)."""
    return hash_.cache_path() + _kind(stored)


def _is_itself(path: str, hash_: ContentHash) -> bool:
    """Whether the file at *path* is the stored object, byte by byte."""
    hasher = hash_.algorithm.new()
    try:
        with open(path, "rb") as file:
            for block in iter(lambda: file.read(PIECE), b""):
                hasher.update(block)
    except OSError:
        return False
    return hasher.digest() == hash_.digest


class _Revocable:
    """A Sink that ends the transfer as soon as the object is not wanted any more."""

    def __init__(self, sink: Sink, proven: Verdict) -> None:
        self._sink, self._proven = sink, proven

    def begin(self) -> None:
        """A new attempt starts."""
        self._check()
        self._sink.begin()

    def feed(self, block: bytes) -> None:
        """The next bytes as they were transferred."""
        self._check()
        self._sink.feed(block)

    def finish(self) -> None:
        """The transfer is complete."""
        self._sink.finish()

    def _check(self) -> None:
        if self._proven.refused:
            raise Failure("not proven")


class Store:
    """What the cache has or the servers give.  Thread-safe; methods that may wait say so; raises Failure."""

    def __init__(self, cache: Cache, fetcher: Fetcher, flights: Flights[str]) -> None:
        self.cache, self.fetcher, self._flights = cache, fetcher, flights
        self._alternative: set[ContentHash] = set()

    def use_alternative_names(self, *objects: ContentHash) -> None:
        """From now on ask for these catalogs and certificates by the names ``/.cvmfsalt-…``."""
        self._alternative.update(objects)

    def remote_path(self, hash_: ContentHash, letter: str) -> str:
        """The path of a catalog or certificate below a server URL."""
        return f"/.cvmfsalt-{hash_}{letter}" if hash_ in self._alternative else hash_.object_path(letter)

    def history_file(self, hash_: ContentHash) -> str:
        """Path of a verified history database; may wait."""
        name = hash_.cache_path()
        return self._cached_catalog(name) or self._flights.run(
            name, lambda: self._fetch_database(hash_, HISTORY, limit=HISTORY_LIMIT)
        )

    def catalog_file(self, hash_: ContentHash) -> str:
        """Path of a verified catalog; may wait."""
        name = hash_.cache_path()
        return self._cached_catalog(name) or self._flights.run(name, lambda: self._fetch_database(hash_))

    @contextmanager
    def catalog_ahead(self, hash_: ContentHash) -> Iterator[Callable[[], str]]:
        """Begin to fetch a catalog while its hash is still to be proven.

        Gives a function to call when it is: that waits, puts the catalog into the cache and returns its path.  Without
        the call the transfer ends at the next bytes that arrive, and nothing of it remains.
        """
        if self.has_catalog(hash_):
            yield lambda: self.catalog_file(hash_)
            return
        proven = Verdict()
        errand = Errand(lambda: self._fetch_database(hash_, proven=proven), "parrot-ahead")

        def take() -> str:
            proven.give(True)
            return errand.result()

        try:
            yield take
        finally:
            proven.give(False)
            errand.wait()

    def has_catalog(self, hash_: ContentHash) -> bool:
        """Whether the catalog is in the cache."""
        return self._cached_catalog(hash_.cache_path()) is not None

    def discard(self, hash_: ContentHash) -> None:
        """Do not keep the object."""
        self.cache.forget(hash_.cache_path())

    def plain_file(self, hash_: ContentHash, stored: Stored) -> str:
        """Path of a file that is one object; waits only when it is not in the cache."""
        name = plain_name(hash_, stored)
        found = self.cache.find(name, stored.size)
        return found or self._flights.run(name, lambda: self._fetch_plain(name, hash_, stored))

    def chunked_file(self, algorithm: Algorithm, chunks: Sequence[Chunk], stored: Stored) -> str:
        """Path of a file assembled of *chunks*; waits only when it is not in the cache."""
        identity = algorithm.hash(b"".join(chunk.digest for chunk in chunks))
        # No object can have this name, so the assembled file and an object with the same digest do not meet.
        name = f"{identity.cache_path()}-chunked{_kind(stored)}"
        found = self.cache.find(name, stored.size)
        return found or self._flights.run(name, lambda: self._assemble(name, algorithm, chunks, stored))

    def turn(self, name: str, size: int | None = None) -> AbstractContextManager[None]:
        """Nobody else on this machine fetches the object *name* meanwhile, as far as that can be had."""
        return self.cache.turn(name, self.fetcher.config.deadline, lambda: self.cache.find(name, size) is not None)

    def _cached_catalog(self, name: str) -> str | None:
        found = self.cache.find(name)
        if found is None:
            return None
        may_block()
        if looks_whole(found):
            return found
        self.cache.forget(name)
        return None

    def _fetch_database(
        self, hash_: ContentHash, letter: str = CATALOG, *, limit: int = CATALOG_LIMIT, proven: Verdict | None = None
    ) -> str:
        name = hash_.cache_path()
        with self.turn(name):
            return self._cached_catalog(name) or self._download_database(hash_, letter, limit, proven)

    def _download_database(self, hash_: ContentHash, letter: str, limit: int, proven: Verdict | None) -> str:
        name, path = hash_.cache_path(), self.remote_path(hash_, letter)
        with self.cache.transaction(f"object {path[1:]}", name) as txn:
            sink: Sink = ObjectSink(hash_, COMPRESSION_ZLIB, txn, limit=limit)
            self.fetcher.object(path, sink if proven is None else _Revocable(sink, proven))
            if not looks_whole(txn.complete()):
                raise Failure(f"{_DATABASES[letter]} {path[1:]}: not an SQLite file, or a truncated one")
            if proven is not None and not proven.wait():
                raise Failure("not proven")
            return txn.commit(name)

    def _fetch_plain(self, name: str, hash_: ContentHash, stored: Stored) -> str:
        with self.turn(name, stored.size):
            found = self._cached(hash_, stored, stored.size)
            if found is not None:
                return self.cache.adopt(found, name) if found != self.cache.path(name) else found
            return self._download_plain(name, hash_, stored)

    def _download_plain(self, name: str, hash_: ContentHash, stored: Stored) -> str:
        path = hash_.object_path()
        with self.cache.transaction(f"object {path[1:]}", name) as txn:
            sink = ObjectSink(hash_, stored.compression, txn, size=stored.size)
            if stored.external is None:
                self.fetcher.object(path, sink)
            else:
                self.fetcher.external_file(stored.external, sink)
            return txn.commit(name)

    def _cached(self, hash_: ContentHash, stored: Stored, size: int) -> str | None:
        """Path of the object's content if the cache has it under whatever name; may wait."""
        found = self.cache.find(plain_name(hash_, stored), size)
        if found is not None or stored.compression != COMPRESSION_NONE:
            return found
        found = self.cache.find(hash_.cache_path(), size)
        return found if found is not None and _is_itself(found, hash_) else None

    def _assemble(self, name: str, algorithm: Algorithm, chunks: Sequence[Chunk], stored: Stored) -> str:
        with self.turn(name, stored.size):
            found = self.cache.find(name, stored.size)
            if found is not None:
                return found
            with self.cache.transaction(f"chunked file {name}", name) as txn:
                _Assembly(self, txn, algorithm, chunks, stored).run()
                return txn.commit(name)

    def fetch_chunk(self, hash_: ContentHash, chunk: Chunk, stored: Stored, region: Pieces, patience: Patience) -> None:
        """Write the verified content of one chunk into *region*; *patience* is with the whole file."""
        cached = self._cached(hash_, stored, chunk.size)
        if cached is not None:
            with open(cached, "rb") as file:
                for block in iter(lambda: file.read(PIECE), b""):
                    region.write(block)
            region.flush()
            patience.gain(chunk.size)
            return
        sink = ObjectSink(hash_, stored.compression, region, size=chunk.size)
        if stored.external is None:
            self.fetcher.object(hash_.object_path(PARTIAL), sink, patience)
        else:
            self.fetcher.external_file(stored.external, sink, (chunk.offset, chunk.size), patience)
        region.flush()


class _Assembly:
    """Fetches all chunks of one file into one transaction, several at a time, with one patience for the whole.

    The threads are its own (and the caller's): with a common pool, callers that wait for chunks could hold all the
    threads that would have to fetch them.
    """

    def __init__(
        self, store: Store, txn: Transaction, algorithm: Algorithm, chunks: Sequence[Chunk], stored: Stored
    ) -> None:
        self._store, self._txn, self._algorithm, self._stored = store, txn, algorithm, stored
        self._patience = store.fetcher.patience()
        self._left = list(reversed(chunks))
        self._lock = threading.Lock()
        self._failure: Failure | None = None

    def run(self) -> None:
        """Fetch everything; raises the first Failure after all threads have ended."""
        helpers = [
            threading.Thread(target=self._work, name="parrot-chunk", daemon=True)
            for _ in range(min(_CHUNK_THREADS, len(self._left)) - 1)
        ]
        for helper in helpers:
            helper.start()
        self._work()
        for helper in helpers:
            helper.join()
        if self._failure is not None:
            raise self._failure

    def _next(self) -> Chunk | None:
        with self._lock:
            return self._left.pop() if self._left and self._failure is None else None

    def _work(self) -> None:
        try:
            for chunk in iter(self._next, None):
                hash_ = ContentHash(self._algorithm, chunk.digest)
                self._store.fetch_chunk(hash_, chunk, self._stored, self._txn.part(chunk.offset), self._patience)
        except Failure as failure:
            self._fail(failure)
        except OSError as error:
            self._fail(local_failure(f"cache {self._store.cache.root}", error))

    def _fail(self, failure: Failure) -> None:
        with self._lock:
            self._failure = self._failure or failure

"""The objects of a repository as local files: from the cache, or fetched, verified and then put there."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager

from parrot_py.drivers import deadline
from parrot_py.drivers.base import may_block
from parrot_py.drivers.cvmfs.cache.assembly import Assembly
from parrot_py.drivers.cvmfs.cache.audit import ChunkList
from parrot_py.drivers.cvmfs.cache.hits import Hits
from parrot_py.drivers.cvmfs.cache.layers import Layers
from parrot_py.drivers.cvmfs.cache.local import EMPTY_NAME, Cache
from parrot_py.drivers.cvmfs.cache.pieces import PIECE, Pieces
from parrot_py.drivers.cvmfs.cache.remembered import Remembered, is_itself
from parrot_py.drivers.cvmfs.cache.scrutiny import Scrutiny
from parrot_py.drivers.cvmfs.cache.sink import CATALOG_LIMIT, HISTORY_LIMIT, ObjectSink, Sink
from parrot_py.drivers.cvmfs.cache.stored import Stored, plain_name
from parrot_py.drivers.cvmfs.cache.transaction import CATALOG_MODE, Transaction
from parrot_py.drivers.cvmfs.cache.whereabouts import Whereabouts
from parrot_py.drivers.cvmfs.catalogs.catalog import Chunk
from parrot_py.drivers.cvmfs.catalogs.database import looks_whole
from parrot_py.drivers.cvmfs.catalogs.schema import COMPRESSION_NONE, COMPRESSION_ZLIB
from parrot_py.drivers.cvmfs.errand import Errand, Revocable, Verdict
from parrot_py.drivers.cvmfs.flights import Flights
from parrot_py.drivers.cvmfs.hashes import CATALOG, HISTORY, PARTIAL, Algorithm, ContentHash
from parrot_py.drivers.cvmfs.net.fetch import Fetcher
from parrot_py.drivers.cvmfs.net.patience import Patience
from parrot_py.drivers.cvmfs.trouble import Failure, log

_DATABASES = {CATALOG: "catalog", HISTORY: "history"}


def _nothing() -> None:
    """What is done when nobody wants to be told."""


class Store:
    """What the cache has or the servers give.  Thread-safe; methods that may wait say so; raises Failure."""

    def __init__(self, layers: Layers, fetcher: Fetcher, flights: Flights[str]) -> None:
        self.layers, self.cache, self.own = layers, layers.cache, layers.own
        self.fetcher, self._flights = fetcher, flights
        self.pins = self.cache.pins(fetcher.config.fqrn)
        self._alternative: set[ContentHash] = set()
        self._raw = Remembered()
        self.hits = Hits()
        self._scrutiny = Scrutiny() if fetcher.config.verify_on_read else None
        if self._scrutiny is not None:
            layers.made = self._scrutiny.made
        self.whereabouts = Whereabouts(self.own, doubtful=self._scrutiny is not None)

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
        """Path of a verified catalog, which counts as in use from now on; may wait."""
        name = hash_.cache_path()
        self.pins.add(name)
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

    def plain_file(self, hash_: ContentHash, stored: Stored, missed: Callable[[], None] = _nothing) -> str:
        """Path of a file that is one object; waits only when it is not in the cache, and tells *missed* first."""
        name = self.name(hash_, stored)
        found = self._ready(name, hash_, stored, stored.size)
        return self._served(found, name, lambda: self._fetch_plain(name, hash_, stored), missed)

    def chunk_file(self, hash_: ContentHash, chunk: Chunk, stored: Stored, patience: Patience | None = None) -> str:
        """Path of one chunk as an object of its own; may wait.  *patience* is with the whole file."""
        name = self.name(hash_, stored)
        found = self._ready(name, hash_, stored, chunk.size)
        if found is not None:
            return found
        with self.turn(name, chunk.size):
            found = self._cached(hash_, stored, chunk.size)
            if found is not None:
                return found
            how = patience or self.fetcher.patience()
            return self.layers.make(
                f"chunk {name}",
                name,
                chunk.size,
                lambda txn: self._make_chunk(hash_, chunk, stored, txn.part(0), how),
            )

    def chunked_file(
        self, algorithm: Algorithm, chunks: Sequence[Chunk], stored: Stored, missed: Callable[[], None] = _nothing
    ) -> str:
        """Path of a file assembled of *chunks*; waits only when it is not in the cache, and tells *missed* first."""
        identity = algorithm.hash(b"".join(chunk.digest for chunk in chunks))
        # No object can have this name, so the assembled file and an object with the same digest do not meet.
        name = f"{identity.cache_path()}-chunked{stored.kind}"
        found = self._whole(name, algorithm, chunks, stored)
        return self._served(found, name, lambda: self._assemble(name, algorithm, chunks, stored), missed)

    def _served(self, found: str | None, name: str, job: Callable[[], str], missed: Callable[[], None]) -> str:
        if found is not None:
            self.hits.found()
            return found
        missed()
        path = self._flights.run(name, job)
        self.hits.missed()  # only now: on the tracer's thread nothing was done, and the same is asked again on a worker
        return path

    def empty_file(self) -> str:
        """Path of an empty file; may wait."""
        found = self.own.find(EMPTY_NAME, 0)
        if found is None:
            may_block()
            found = self.layers.make("empty file", EMPTY_NAME, 0, lambda _: None, own=True)
        return found

    def name(self, hash_: ContentHash, stored: Stored) -> str:
        """The name of what *hash_* means when it is stored like that; an alien cache has one for all meanings."""
        return hash_.cache_path() if self.cache.alien else plain_name(hash_, stored)

    def _ready(self, name: str, hash_: ContentHash, stored: Stored, size: int) -> str | None:
        """Path of an object that can be used without looking into it."""
        found = self._find(name, size)
        if stored.compression != COMPRESSION_NONE or (found is not None and not self.cache.alien):
            return found
        found = self.cache.find(hash_.cache_path(), size)
        return found if found is not None and self._raw.has(found) else None

    def _find(self, name: str, size: int | None = None) -> str | None:
        """Path of an object as it is in the cache."""
        if self._scrutiny is None:
            return self.cache.find(name, size)
        return self._scrutiny.find(self.cache, name, size)

    def _whole(self, name: str, algorithm: Algorithm, chunks: Sequence[Chunk], stored: Stored) -> str | None:
        """Path of an assembled file."""
        if self._scrutiny is None:
            return self.own.find(name, stored.size)
        parts = ChunkList(algorithm, stored.compression, [(chunk.size, chunk.digest) for chunk in chunks])
        return self._scrutiny.find(self.own, name, stored.size, parts)

    def turn(self, name: str, size: int | None = None, cache: Cache | None = None) -> AbstractContextManager[None]:
        """Nobody else on this machine fetches the object *name* meanwhile, as far as that can be had."""
        cache = cache or self.cache
        patience = deadline.seconds(self.fetcher.config.deadline)
        return cache.turn(name, patience, lambda: cache.find(name, size) is not None)

    def _cached_catalog(self, name: str) -> str | None:
        found = self._find(name)
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
        path = self.remote_path(hash_, letter)

        def fill(txn: Transaction) -> None:
            sink: Sink = ObjectSink(hash_, COMPRESSION_ZLIB, txn, limit=limit)
            self.fetcher.object(path, sink if proven is None else Revocable(sink, proven))
            if not looks_whole(txn.complete()):
                raise Failure(f"{_DATABASES[letter]} {path[1:]}: not an SQLite file, or a truncated one")
            if proven is not None and not proven.wait():
                raise Failure("not proven")

        return self.layers.make(f"object {path[1:]}", hash_.cache_path(), 0, fill, CATALOG_MODE)

    def _fetch_plain(self, name: str, hash_: ContentHash, stored: Stored) -> str:
        with self.turn(name, stored.size):
            found = self._cached(hash_, stored, stored.size)
            if found is not None:
                return self.cache.adopt(found, name)
            return self._download_plain(name, hash_, stored)

    def _download_plain(self, name: str, hash_: ContentHash, stored: Stored) -> str:
        path = hash_.object_path()

        def fill(txn: Transaction) -> None:
            sink = ObjectSink(hash_, stored.compression, txn, size=stored.size)
            if stored.external is None:
                self.fetcher.object(path, sink, info=stored.name)
            else:
                self.fetcher.external_file(stored.external, sink)

        return self.layers.make(f"object {path[1:]}", name, stored.size, fill)

    def _cached(self, hash_: ContentHash, stored: Stored, size: int) -> str | None:
        """Path of the object's content if the cache has it under whatever name; may wait."""
        found = self._find(plain_name(hash_, stored), size)
        if found is not None or stored.compression != COMPRESSION_NONE:
            return found
        found = self.cache.find(hash_.cache_path(), size)
        if found is not None and not self._raw.has(found):
            if not is_itself(found, hash_):
                return None
            self._raw.add(found)
        return found

    def _assemble(self, name: str, algorithm: Algorithm, chunks: Sequence[Chunk], stored: Stored) -> str:
        with self.turn(name, stored.size, self.own):
            found = self._whole(name, algorithm, chunks, stored)
            if found is not None:
                return found

            def fill(txn: Transaction) -> None:
                Assembly(self, txn, name, algorithm, chunks, stored).run()

            return self.layers.make(f"chunked file {name}", name, stored.size, fill, own=True)

    def fetch_chunk(self, hash_: ContentHash, chunk: Chunk, stored: Stored, region: Pieces, patience: Patience) -> None:
        """Write the verified content of one chunk into *region*; *patience* is with the whole file.

        In an alien cache the chunk is kept as an object, as the real client does.
        """
        if self._copy(self._cached(hash_, stored, chunk.size), region):
            patience.gain(chunk.size)
        elif not self.cache.alien or not self._copy(self.chunk_file(hash_, chunk, stored, patience), region):
            self._make_chunk(hash_, chunk, stored, region, patience)

    def _make_chunk(self, hash_: ContentHash, chunk: Chunk, stored: Stored, region: Pieces, patience: Patience) -> None:
        """The same for a chunk that is not in the cache under its name: from another file that has it, or fetched."""
        if self.whereabouts.copy(hash_, stored, chunk.size, region):
            patience.gain(chunk.size)
            return
        sink = ObjectSink(hash_, stored.compression, region, size=chunk.size)
        if stored.external is None:
            self.fetcher.object(hash_.object_path(PARTIAL), sink, patience, stored.name)
        else:
            self.fetcher.external_file(stored.external, sink, (chunk.offset, chunk.size), patience)
        region.flush()

    @staticmethod
    def _copy(path: str | None, region: Pieces) -> bool:
        """Write the content of *path* into *region*; whether it is there and can be read."""
        if path is None:
            return False
        try:
            fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except OSError as error:
            log.debug("%s: %s", path, error)  # evicted just now
            return False
        with open(fd, "rb") as file:
            for block in iter(lambda: file.read(PIECE), b""):
                region.write(block)
        region.flush()
        return True

"""The objects of a repository as local files: from the cache, or fetched, verified and then put there."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import NamedTuple

from parrot_py.drivers.base import may_block
from parrot_py.drivers.cvmfs.assembly import Assembly
from parrot_py.drivers.cvmfs.cache import Cache
from parrot_py.drivers.cvmfs.catalog import Chunk
from parrot_py.drivers.cvmfs.database import looks_whole
from parrot_py.drivers.cvmfs.errand import Errand, Revocable, Verdict
from parrot_py.drivers.cvmfs.fetch import Fetcher
from parrot_py.drivers.cvmfs.flights import Flights
from parrot_py.drivers.cvmfs.hashes import CATALOG, HISTORY, PARTIAL, Algorithm, ContentHash
from parrot_py.drivers.cvmfs.patience import Patience
from parrot_py.drivers.cvmfs.pieces import PIECE, Pieces
from parrot_py.drivers.cvmfs.schema import COMPRESSION_NONE, COMPRESSION_ZLIB
from parrot_py.drivers.cvmfs.sink import CATALOG_LIMIT, HISTORY_LIMIT, ObjectSink, Sink
from parrot_py.drivers.cvmfs.transaction import CATALOG_MODE, OBJECT_MODE, Transaction
from parrot_py.drivers.cvmfs.trouble import Failure, log

_DATABASES = {CATALOG: "catalog", HISTORY: "history"}
_KINDS = {COMPRESSION_ZLIB: "", COMPRESSION_NONE: "-none"}


class Stored(NamedTuple):
    """How the content of a file is stored: compression, length, and its path on the external servers if it is there.

    ``name`` is the file's path in the repository, which servers may be told.
    """

    compression: int
    size: int
    external: bytes | None
    name: bytes = b""


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


def _nothing() -> None:
    """What is done when nobody wants to be told."""


class Store:
    """What the cache has or the servers give.  Thread-safe; methods that may wait say so; raises Failure."""

    def __init__(self, cache: Cache, fetcher: Fetcher, flights: Flights[str]) -> None:
        self.cache, self.fetcher, self._flights = cache, fetcher, flights
        self.pins = cache.pins(fetcher.config.fqrn)
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
        name = plain_name(hash_, stored)
        found = self.cache.find(name, stored.size)
        if found is None:
            missed()
        return found or self._flights.run(name, lambda: self._fetch_plain(name, hash_, stored))

    def chunked_file(
        self, algorithm: Algorithm, chunks: Sequence[Chunk], stored: Stored, missed: Callable[[], None] = _nothing
    ) -> str:
        """Path of a file assembled of *chunks*; waits only when it is not in the cache, and tells *missed* first."""
        identity = algorithm.hash(b"".join(chunk.digest for chunk in chunks))
        # No object can have this name, so the assembled file and an object with the same digest do not meet.
        name = f"{identity.cache_path()}-chunked{_kind(stored)}"
        found = self.cache.find(name, stored.size)
        if found is None:
            missed()
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
        path = self.remote_path(hash_, letter)

        def fill(txn: Transaction) -> None:
            sink: Sink = ObjectSink(hash_, COMPRESSION_ZLIB, txn, limit=limit)
            self.fetcher.object(path, sink if proven is None else Revocable(sink, proven))
            if not looks_whole(txn.complete()):
                raise Failure(f"{_DATABASES[letter]} {path[1:]}: not an SQLite file, or a truncated one")
            if proven is not None and not proven.wait():
                raise Failure("not proven")

        return self.make(f"object {path[1:]}", hash_.cache_path(), 0, fill, CATALOG_MODE)

    def _fetch_plain(self, name: str, hash_: ContentHash, stored: Stored) -> str:
        with self.turn(name, stored.size):
            found = self._cached(hash_, stored, stored.size)
            if found is not None:
                return self.cache.adopt(found, name) if found != self.cache.path(name) else found
            return self._download_plain(name, hash_, stored)

    def _download_plain(self, name: str, hash_: ContentHash, stored: Stored) -> str:
        path = hash_.object_path()

        def fill(txn: Transaction) -> None:
            sink = ObjectSink(hash_, stored.compression, txn, size=stored.size)
            if stored.external is None:
                self.fetcher.object(path, sink, info=stored.name)
            else:
                self.fetcher.external_file(stored.external, sink)

        return self.make(f"object {path[1:]}", name, stored.size, fill)

    def make(
        self, what: str, name: str, size: int, fill: Callable[[Transaction], None], mode: int = OBJECT_MODE
    ) -> str:
        """Path of a new object *name*, whose content *fill* writes; *size* 0 when it is not known.

        When the disk is full it is tried once more, after room was made.
        """
        for last in (False, True):
            try:
                with self.cache.transaction(what, name, size) as txn:
                    fill(txn)
                    return txn.commit(name, mode)
            except Failure as failure:
                if last or failure.code != errno.ENOSPC or not self.cache.make_room(size):
                    raise
        raise AssertionError("unreachable")

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
            return self.make(
                f"chunked file {name}",
                name,
                stored.size,
                lambda txn: Assembly(self, txn, algorithm, chunks, stored).run(),
            )

    def fetch_chunk(self, hash_: ContentHash, chunk: Chunk, stored: Stored, region: Pieces, patience: Patience) -> None:
        """Write the verified content of one chunk into *region*; *patience* is with the whole file."""
        if self._copy_chunk(hash_, chunk, stored, region):
            patience.gain(chunk.size)
            return
        sink = ObjectSink(hash_, stored.compression, region, size=chunk.size)
        if stored.external is None:
            self.fetcher.object(hash_.object_path(PARTIAL), sink, patience, stored.name)
        else:
            self.fetcher.external_file(stored.external, sink, (chunk.offset, chunk.size), patience)
        region.flush()

    def _copy_chunk(self, hash_: ContentHash, chunk: Chunk, stored: Stored, region: Pieces) -> bool:
        """Write a chunk that the cache has as an object; whether it has it, and it can be read."""
        cached = self._cached(hash_, stored, chunk.size)
        if cached is None:
            return False
        try:
            fd = os.open(cached, os.O_RDONLY | os.O_CLOEXEC)
        except OSError as error:
            log.debug("%s: %s", cached, error)  # evicted just now
            return False
        with open(fd, "rb") as file:
            for block in iter(lambda: file.read(PIECE), b""):
                region.write(block)
        region.flush()
        return True

"""One catalog: a SQLite file that lists a part of the repository.

What a catalog says is signed, but it is written by other people's software and read by ours: whatever cannot be raises
Failure.  A query takes microseconds to milliseconds and never waits for the network; opening the file may.
"""

from __future__ import annotations

import sqlite3
import threading
from typing import Any, NamedTuple, NoReturn, Protocol

from parrot_py.drivers.base import may_block
from parrot_py.drivers.cvmfs.catalogs.database import DAMAGE, Facts, Row, connect, query, read_facts
from parrot_py.drivers.cvmfs.catalogs.schema import path_key
from parrot_py.drivers.cvmfs.hashes import CATALOG, DIGEST_BYTES, ContentHash
from parrot_py.drivers.cvmfs.trouble import Failure, acquire

_BY_PATH = "WHERE md5path_1 = ? AND md5path_2 = ?"
_MAX_CHUNKS = 1_000_000


class Chunk(NamedTuple):
    """A part of a chunked file: where it is and the digest of its object."""

    offset: int
    size: int
    digest: bytes


class CatalogStore(Protocol):
    """Where catalog files come from."""

    def catalog_file(self, hash_: ContentHash) -> str:
        """Path of the verified file, fetched when it is not in the cache; may wait; raises Failure."""

    def discard(self, hash_: ContentHash) -> None:
        """The catalog is of no use: do not keep it."""


class Catalog:
    """A catalog by its hash, opened at the first need; it may be closed at any time and is opened again."""

    def __init__(self, hash_: ContentHash, store: CatalogStore) -> None:
        self.hash = hash_
        self._store = store
        self._lock = threading.Lock()
        self._db: sqlite3.Connection | None = None
        self._facts: Facts | None = None

    @property
    def facts(self) -> Facts:
        """What was read when the catalog was opened first; opens it if that did not happen yet."""
        if self._facts is None:
            self._query("SELECT 1", ())
            assert self._facts is not None
        return self._facts

    @property
    def is_open(self) -> bool:
        """Whether a query need not open the file first."""
        return self._db is not None

    def entry(self, path: bytes) -> Row | None:
        """The row of *path* (as this catalog counts paths), None if there is none."""
        rows = self._query(f"{self.facts.select} {_BY_PATH}", path_key(path))
        return Row._make(rows[0]) if rows else None

    def children(self, path: bytes) -> list[tuple[Any, ...]]:
        """The rows of the directory *path* in a stable order, as plain tuples: there may be many thousands."""
        sql = f"{self.facts.select} WHERE parent_1 = ? AND parent_2 = ? ORDER BY rowid"
        return self._query(sql, path_key(path))

    def chunks(self, path: bytes, size: int) -> list[Chunk]:
        """The chunks of the file *path*: in order, without gaps, *size* bytes in all; else Failure."""
        if "chunks" not in self.facts.tables:
            self.absurd(path, "chunked file in a catalog without chunks")
        sql = f"SELECT offset, size, hash FROM chunks {_BY_PATH} ORDER BY offset LIMIT {_MAX_CHUNKS}"
        chunks, at = [], 0
        for offset, length, digest in self._query(sql, path_key(path)):
            if type(offset) is not int or type(length) is not int or offset != at or length <= 0:
                self.absurd(path, "chunks that do not follow each other")
            if type(digest) is not bytes or len(digest) != DIGEST_BYTES or not any(digest):
                self.absurd(path, "chunk without a hash")
            chunks.append(Chunk(offset, length, digest))
            at += length
        if at != size:
            self.absurd(path, f"chunks for {at} of {size} bytes")
        return chunks

    def xattr_blob(self, path: bytes) -> bytes | None:
        """The packed extended attributes of *path*."""
        rows = self._query(f"SELECT xattr FROM catalog {_BY_PATH}", path_key(path))
        return rows[0][0] if rows and type(rows[0][0]) is bytes else None

    def counters(self) -> dict[str, int]:
        """The statistics: counters by name."""
        if "statistics" not in self.facts.tables:
            return {}
        rows = self._query("SELECT counter, value FROM statistics", ())
        return {k.decode("ascii", "replace"): v for k, v in rows if type(k) is bytes and type(v) is int}

    def absurd(self, path: bytes, what: str) -> NoReturn:
        """Raise the Failure for something in this catalog that cannot be; the file does not stay in the cache."""
        self._store.discard(self.hash)
        raise Failure(f"catalog {self.hash.object_path(CATALOG)[1:]}: absurd: {what} (at {ascii(path)[2:-1] or '/'})")

    def close(self, *, patient: bool = True) -> None:
        """Close the file until the next query; without *patient* only if nobody is using it."""
        if self._lock.acquire(blocking=patient):
            try:
                self._drop()
            finally:
                self._lock.release()

    def _query(self, sql: str, parameters: tuple[Any, ...]) -> list[Any]:
        acquire(self._lock)
        try:
            try:
                return query(self._db or self._open(), sql, parameters)
            except DAMAGE:
                # Perhaps only the copy in the cache is damaged: once more with a fresh one.
                self._drop(spoiled=True)
                return query(self._open(), sql, parameters)
        except DAMAGE as error:
            self._drop(spoiled=True)
            raise Failure(f"catalog {self.hash.object_path(CATALOG)[1:]}: {error or type(error).__name__}") from None
        finally:
            self._lock.release()

    def _open(self) -> sqlite3.Connection:
        may_block()
        self._db = db = connect(self._store.catalog_file(self.hash))
        if self._facts is None:
            try:
                self._facts = read_facts(db)
            except Failure as failure:
                self._drop(spoiled=True)
                raise Failure(f"catalog {self.hash.object_path(CATALOG)[1:]}: {failure}") from None
        return db

    def _drop(self, *, spoiled: bool = False) -> None:
        if self._db is not None:
            self._db.close()
            self._db = None
        if spoiled:
            self._store.discard(self.hash)

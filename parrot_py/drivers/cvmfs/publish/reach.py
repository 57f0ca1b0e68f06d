"""Which objects a revision needs: its catalogs, and all that they name.  External files are not in the store."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from parrot_py import codes
from parrot_py.drivers.cvmfs.catalogs.schema import FLAG_EXTERNAL, flags_algorithm
from parrot_py.drivers.cvmfs.hashes import CATALOG, DIGEST_BYTES, FILE, PARTIAL, Algorithm, ContentHash
from parrot_py.drivers.cvmfs.publish.objects import ObjectStore, PublishError
from parrot_py.drivers.cvmfs.publish.previous import read_object

_SCHEMAS = ("2.4", "2.5")
_WHOLE = f"SELECT hash, flags FROM catalog WHERE length(hash) = {DIGEST_BYTES} AND flags & {FLAG_EXTERNAL} = 0"
_CHUNKS = (
    "SELECT chunks.hash, catalog.flags FROM chunks JOIN catalog USING (md5path_1, md5path_2) "
    f"WHERE length(chunks.hash) = {DIGEST_BYTES} AND catalog.flags & {FLAG_EXTERNAL} = 0"
)


class Reached:
    """A set of objects, on disk, so that memory does not grow with the repository."""

    def __init__(self, file: Path) -> None:
        self._database = sqlite3.connect(str(file), isolation_level=None)
        self._database.executescript("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; BEGIN;")
        self._database.execute("CREATE TABLE reached (name BLOB PRIMARY KEY) WITHOUT ROWID")

    def add(self, objects: Iterable[tuple[ContentHash, str]]) -> int:
        """Put *objects*, with their letters, into the set; answers how many were not in it."""
        rows = ((_key(name, letter),) for name, letter in objects)
        return self._database.executemany("INSERT OR IGNORE INTO reached VALUES (?)", rows).rowcount

    def bucket(self, number: int) -> set[tuple[ContentHash, str]]:
        """Those whose digest begins with the byte *number*, which are in one directory of a store."""
        rows = self._database.execute(
            "SELECT name FROM reached WHERE name >= ? AND (? = 255 OR name < ?)",
            (bytes([number]), number, bytes([min(number + 1, 255)])),
        )
        return {_unkey(name) for (name,) in rows}

    def __len__(self) -> int:
        (count,) = self._database.execute("SELECT count(*) FROM reached").fetchone()
        return int(count)

    def close(self) -> None:
        """Forget it."""
        self._database.close()


def _key(name: ContentHash, letter: str) -> bytes:
    return name.digest + bytes([name.algorithm.value]) + letter.encode("ascii")


def _unkey(key: bytes) -> tuple[ContentHash, str]:
    name = ContentHash(Algorithm(key[DIGEST_BYTES]), key[:DIGEST_BYTES])
    return name, key[DIGEST_BYTES + 1 :].decode("ascii")


@contextmanager
def opened_catalog(store: ObjectStore, work: Path, name: ContentHash) -> Iterator[sqlite3.Connection]:
    """The catalog *name* as a database; PublishError unless it is intact and of a schema that is known here."""
    file = work / "reached-catalog"
    file.write_bytes(read_object(store, name, CATALOG))
    with closing(sqlite3.connect(f"{file.absolute().as_uri()}?immutable=1", uri=True)) as database:
        database.text_factory = bytes
        try:
            found = database.execute("SELECT value FROM properties WHERE key = 'schema'").fetchone()
        except sqlite3.Error as error:
            raise PublishError(f"catalog {name} is damaged: {error}", codes.PUBLISH_DAMAGED) from error
        if found is None or found[0].decode("ascii", "replace") not in _SCHEMAS:
            raise PublishError(
                f"catalog {name} has a schema that is not known here: what it needs cannot be told", codes.PUBLISH_GC
            )
        yield database


def reach(store: ObjectStore, work: Path, reached: Reached, root: ContentHash) -> None:
    """Put all that the revision *root* needs into *reached*; catalogs that are there already are not read again."""
    waiting = [root]
    while waiting:
        name = waiting.pop()
        if not reached.add([(name, CATALOG)]):
            continue
        with opened_catalog(store, work, name) as database:
            waiting += _nested(database)
            for query, letter in ((_WHOLE, FILE), (_CHUNKS, PARTIAL)):
                rows = database.execute(query)
                reached.add((ContentHash(flags_algorithm(flags), digest), letter) for digest, flags in rows)


def _nested(database: sqlite3.Connection) -> list[ContentHash]:
    tables = {name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    found = []
    for table in ("nested_catalogs", "bind_mountpoints"):
        if table.encode() in tables:
            found += [ContentHash.parse(text.decode()) for (text,) in database.execute(f"SELECT sha1 FROM {table}")]
    return found


def require_objects(store: ObjectStore, work: Path, root: ContentHash, what: str) -> None:
    """Raises PublishError unless every object of the revision *root*, called *what*, is in *store*."""
    with closing(Reached(work / "required")) as reached:
        reach(store, work, reached, root)
        place = os.fspath(store.repository)
        for number in range(256):
            for name, letter in sorted(reached.bucket(number)):
                if not os.path.exists(place + name.object_path(letter)):
                    raise PublishError(
                        f"{what} is not complete any more: {name}{letter} is missing", codes.PUBLISH_DAMAGED
                    )

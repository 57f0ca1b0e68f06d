"""One catalog in the making: an SQLite file with the tables, counters and properties of schema 2.5, revision 7."""

from __future__ import annotations

import sqlite3
import stat
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from itertools import zip_longest
from pathlib import Path
from typing import NamedTuple

from parrot_py.drivers.cvmfs.catalogs.schema import (
    FLAG_CHUNKED,
    FLAG_DIR,
    FLAG_EXTERNAL,
    FLAG_FILE,
    FLAG_LINK,
    FLAG_SPECIAL,
    path_key,
)
from parrot_py.drivers.cvmfs.hashes import ContentHash
from parrot_py.drivers.cvmfs.publish.objects import Chunk

#: Gets the path of a catalog (``b""`` for the root) and its open database just before that is hashed.
EditCatalog = Callable[[bytes, sqlite3.Connection], None]

COUNTERS = (
    "chunked",
    "chunked_size",
    "chunks",
    "dir",
    "external",
    "external_file_size",
    "file_size",
    "nested",
    "regular",
    "special",
    "symlink",
    "xattr",
)

_TABLES = (
    "CREATE TABLE properties (key TEXT, value TEXT, CONSTRAINT pk_properties PRIMARY KEY (key))",
    "CREATE TABLE catalog (md5path_1 INTEGER, md5path_2 INTEGER, parent_1 INTEGER, parent_2 INTEGER, "
    "hardlinks INTEGER, hash BLOB, size INTEGER, mode INTEGER, mtime INTEGER, mtimens INTEGER, flags INTEGER, "
    "name TEXT, symlink TEXT, uid INTEGER, gid INTEGER, xattr BLOB, "
    "CONSTRAINT pk_catalog PRIMARY KEY (md5path_1, md5path_2))",
    "CREATE INDEX idx_catalog_parent ON catalog (parent_1, parent_2)",
    "CREATE TABLE chunks (md5path_1 INTEGER, md5path_2 INTEGER, offset INTEGER, size INTEGER, hash BLOB, "
    "CONSTRAINT pk_chunks PRIMARY KEY (md5path_1, md5path_2, offset, size), "
    "FOREIGN KEY (md5path_1, md5path_2) REFERENCES catalog(md5path_1, md5path_2))",
    "CREATE TABLE nested_catalogs (path TEXT, sha1 TEXT, size INTEGER, "
    "CONSTRAINT pk_nested_catalogs PRIMARY KEY (path))",
    "CREATE TABLE bind_mountpoints (path TEXT, sha1 TEXT, size INTEGER, "
    "CONSTRAINT pk_bind_mountpoints PRIMARY KEY (path))",
    "CREATE TABLE statistics (counter TEXT, value INTEGER, CONSTRAINT pk_statistics PRIMARY KEY (counter))",
)
# A name may be any bytes; bound as a blob and cast, they become TEXT unchanged (sqlite3 binds str as UTF-8 only).
_INSERT_ROW = "INSERT INTO catalog VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, CAST(? AS TEXT), CAST(? AS TEXT), ?, ?, ?)"
_PROPERTIES_OF_A_REVISION = ("revision", "previous_revision", "last_modified")


class Row(NamedTuple):
    """One line of the ``catalog`` table; *group* numbers a hard link group within the catalog, 0 for none."""

    path: bytes
    group: int
    links: int
    digest: bytes | None
    size: int
    mode: int
    mtime_ns: int
    flags: int
    target: bytes
    uid: int
    gid: int
    xattr: bytes | None


def kind_flags(mode: int) -> int:
    """The flag bits that go with a file type."""
    if stat.S_ISDIR(mode):
        return FLAG_DIR
    if stat.S_ISREG(mode):
        return FLAG_FILE
    return FLAG_FILE | (FLAG_LINK if stat.S_ISLNK(mode) else FLAG_SPECIAL)


class CatalogBuilder:
    """Collects the rows of the catalog that begins at *prefix* (``b""`` for the root) in a new database at *file*."""

    def __init__(self, file: Path, prefix: bytes) -> None:
        self.file = file
        self.prefix = prefix
        self.own: Counter[str] = Counter()
        self.subtree: Counter[str] = Counter()
        self._groups = 0
        self._database = new_database(file, _TABLES)

    def new_group(self) -> int:
        """A number for a hard link group."""
        self._groups += 1
        return self._groups

    def add(self, row: Row, chunks: Iterable[Chunk] = ()) -> None:
        """Enter *row* and the chunks of its file."""
        key = path_key(row.path)
        parent = path_key(row.path.rpartition(b"/")[0]) if row.path else (0, 0)
        name = row.path.rpartition(b"/")[2]
        place = (*key, *parent, row.group << 32 | row.links)
        content = (row.digest, row.size, row.mode, *divmod(row.mtime_ns, 10**9), row.flags)
        self._database.execute(_INSERT_ROW, (*place, *content, name, row.target, row.uid, row.gid, row.xattr))
        pieces = [(*key, chunk.offset, chunk.size, chunk.digest) for chunk in chunks]
        self._database.executemany("INSERT INTO chunks VALUES (?, ?, ?, ?, ?)", pieces)
        self._count(row, len(pieces))

    def _count(self, row: Row, chunks: int) -> None:
        own = self.own
        own["xattr"] += row.xattr is not None
        own["chunks"] += chunks
        if stat.S_ISDIR(row.mode):
            own["dir"] += 1
        elif stat.S_ISLNK(row.mode):
            own["symlink"] += 1
        elif not stat.S_ISREG(row.mode):
            own["special"] += 1
        else:
            own["regular"] += 1
            own["file_size"] += row.size
            if row.flags & FLAG_CHUNKED:
                own["chunked"] += 1
                own["chunked_size"] += row.size
            if row.flags & FLAG_EXTERNAL:
                own["external"] += 1
                own["external_file_size"] += row.size

    def add_nested(self, child: CatalogBuilder, name: ContentHash, size: int) -> None:
        """Enter a finished *child*, stored as *name*, *size* bytes long."""
        self._database.execute(
            "INSERT INTO nested_catalogs VALUES (CAST(? AS TEXT), ?, ?)", (child.prefix, str(name), size)
        )
        self.own["nested"] += 1
        self.subtree += child.own + child.subtree

    def fill(self, properties: Mapping[str, object]) -> None:
        """Enter the counters and *properties*; rows must not be added after it."""
        insert = "INSERT INTO statistics VALUES (?, ?)"
        for scope, counts in (("self", self.own), ("subtree", self.subtree)):
            self._database.executemany(insert, [(f"{scope}_{counter}", counts[counter]) for counter in COUNTERS])
        fixed: dict[str, object] = {"schema": "2.5", "schema_revision": "7"}
        for key, value in {**fixed, **properties}.items():
            bound = value if isinstance(value, bytes) else str(value).encode("ascii")
            self._database.execute("INSERT INTO properties VALUES (?, CAST(? AS TEXT))", (key, bound))

    def says_the_same(self, database: sqlite3.Connection) -> bool:
        """Whether the filled catalog says what the one in *database* says, but for what names their revisions."""
        return same_content(self._database, database)

    def close(self, edit: EditCatalog | None = None) -> bytes:
        """Finish the database and answer its bytes."""
        if edit is not None:
            edit(self.prefix, self._database)
        return close_database(self._database, self.file)

    def abandon(self) -> None:
        """Close without an answer; for the way out of an error."""
        self._database.close()
        self.file.unlink(missing_ok=True)


def same_content(one: sqlite3.Connection, other: sqlite3.Connection) -> bool:
    """Whether two catalogs say the same, however they were filled, without the properties of their revisions."""
    for database in (one, other):
        database.text_factory = bytes
    marks = ", ".join("?" * len(_PROPERTIES_OF_A_REVISION))
    queries: list[tuple[str, tuple[str, ...]]] = [
        (f"SELECT * FROM properties WHERE key NOT IN ({marks}) ORDER BY key", _PROPERTIES_OF_A_REVISION),
        ("SELECT * FROM statistics ORDER BY counter", ()),
        ("SELECT * FROM nested_catalogs ORDER BY path", ()),
        ("SELECT * FROM bind_mountpoints ORDER BY path", ()),
        ("SELECT * FROM catalog ORDER BY md5path_1, md5path_2", ()),
        ("SELECT * FROM chunks ORDER BY md5path_1, md5path_2, offset", ()),
    ]
    return all(
        row == twin
        for query, values in queries
        for row, twin in zip_longest(one.execute(query, values), other.execute(query, values))
    )


def new_database(file: Path, statements: Iterable[str]) -> sqlite3.Connection:
    """An empty database of small pages, as the CernVM-FS server makes them, inside an open transaction."""
    database = sqlite3.connect(str(file), isolation_level=None)
    database.execute("PRAGMA page_size = 1024")
    database.execute("PRAGMA journal_mode = OFF")
    database.execute("PRAGMA synchronous = OFF")
    database.execute("BEGIN")
    for statement in statements:
        database.execute(statement)
    return database


def close_database(database: sqlite3.Connection, file: Path) -> bytes:
    """Commit, close, answer the bytes of the database and remove its *file*."""
    if database.in_transaction:
        database.execute("COMMIT")
    database.close()
    data = file.read_bytes()
    file.unlink()
    return data

"""Opening the SQLite file of a catalog: is it whole, is it what it should be, and which columns does it have."""

from __future__ import annotations

import marshal
import os
import sqlite3
import sys
from typing import Any, NamedTuple
from urllib.parse import quote

from parrot_py.drivers.base import may_block
from parrot_py.drivers.cvmfs.trouble import Failure

_MAGIC = b"SQLite format 3\0"
# What reading a damaged file raises; with an absurd header SQLite wants more memory than there is.
DAMAGE = (sqlite3.Error, OverflowError, UnicodeError, MemoryError)
_TABLES = ("catalog", "properties", "nested_catalogs", "bind_mountpoints", "chunks", "statistics")
# A query that needs more steps than any real one is a trap (or a broken file) and is interrupted.
_STEPS, _STEP_LIMIT = 1_000_000, 400
_MAX_ROWID = 1 << 40
_MANY, _FEW = 1000, 100
# Tables whose pages are used more than once can have more rows than any memory holds.  Rows are measured as marshal
# writes them, which is some four times of what they take in the file.
_ROOM = 16
_PLAIN = 2  # the version of marshal that writes what is there twice twice, without looking for that
_LONGEST_ROW = 1 << 20
_MAX_NESTED = 1_000_000

# What a row of ``catalog`` is read as, and what stands for a column that an old schema does not have.
_COLUMNS = {
    "rowid": "",
    "name": "",
    "flags": "",
    "mode": "",
    "size": "",
    "mtime": "",
    "mtimens": "0",
    "hardlinks": "1",
    "uid": "0",
    "gid": "0",
    "hash": "",
    "symlink": "",
    "xattr": "NULL",
    "md5path_1": "",
    "md5path_2": "",
}


class Row(NamedTuple):
    """A row of the table ``catalog`` as it is stored: nothing is checked.  ``xattr`` is only the length of the blob."""

    rowid: Any
    name: Any
    flags: Any
    mode: Any
    size: Any
    mtime: Any
    mtimens: Any
    hardlinks: Any
    uid: Any
    gid: Any
    hash: Any
    symlink: Any
    xattr: Any
    md5path_1: Any
    md5path_2: Any


class Facts(NamedTuple):
    """What is read once, when a catalog is opened."""

    select: str
    tables: frozenset[str]
    old: bool
    revision: int
    root_prefix: bytes | None
    ttl: int | None
    nested: dict[bytes, tuple[bytes, Any]]
    binds: dict[bytes, tuple[bytes, Any]]
    max_rowid: int
    authz: bytes | None
    entries: int


def looks_whole(path: str) -> bool:
    """Whether *path* is a SQLite file of the length that its header states (a truncated copy in a cache is not)."""
    try:
        with open(path, "rb") as file:
            header = file.read(100)
            length = os.fstat(file.fileno()).st_size
    except OSError:
        return False
    if len(header) < 100 or not header.startswith(_MAGIC):
        return False
    page = int.from_bytes(header[16:18], "big")
    pages = int.from_bytes(header[28:32], "big")
    # The page count is only valid when the file was last written by SQLite 3.7 or newer: bytes 24 and 92 agree.
    counted = pages != 0 and header[24:28] == header[92:96]
    return not counted or length == pages * (65536 if page == 1 else page)


def connect(path: str) -> sqlite3.Connection:
    """Open *path* for queries only: no locks, no journal, no memory map (a file that shrinks must not be a SIGBUS)."""
    uri = f"file:{quote(os.fsencode(path))}?mode=ro&immutable=1"
    db = sqlite3.connect(uri, uri=True, check_same_thread=False, isolation_level=None)
    try:
        db.text_factory = bytes
        for pragma in ("trusted_schema=OFF", "cell_size_check=ON", "mmap_size=0", "cache_size=-256", "query_only=ON"):
            db.execute(f"PRAGMA {pragma}").fetchall()
        if sys.version_info >= (3, 11):
            db.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, _LONGEST_ROW)
    except BaseException:
        db.close()
        raise
    return db


def query(db: sqlite3.Connection, sql: str, parameters: tuple[Any, ...] = ()) -> list[Any]:
    """All rows of a query; one that runs for ever is interrupted (sqlite3.OperationalError).

    So many rows that reading them is a wait of its own (a huge directory) are announced by ``may_block``.
    """
    left = [_STEP_LIMIT]

    def tired() -> int:
        left[0] -= 1
        return left[0] < 0

    db.set_progress_handler(tired, _STEPS)
    cursor = db.execute(sql, parameters)
    rows = cursor.fetchmany(_FEW)
    if len(rows) == _FEW:
        _fetch_rest(db, cursor, rows)
    return rows


def _fetch_rest(db: sqlite3.Connection, cursor: sqlite3.Cursor, rows: list[Any]) -> None:
    """Append the other rows of a query; sqlite3.DatabaseError when the file cannot have so much content."""
    (pages,), (size,) = db.execute("PRAGMA page_count").fetchone(), db.execute("PRAGMA page_size").fetchone()
    room = _ROOM * pages * size - len(marshal.dumps(rows, _PLAIN))
    while True:
        some = cursor.fetchmany(_FEW)
        room -= len(marshal.dumps(some, _PLAIN))
        if room < 0:
            raise sqlite3.DatabaseError("more rows than the file has room for")
        announced = len(rows) >= _MANY
        rows += some
        if len(some) < _FEW:
            return
        if len(rows) >= _MANY and not announced:
            may_block()


def read_facts(db: sqlite3.Connection) -> Facts:
    """What there is to know about a catalog before the first query; Failure when it is not one that can be read."""
    tables = _tables(db)
    if not {"catalog", "properties", "nested_catalogs"} <= tables:
        raise Failure("not a catalog: tables are missing")
    properties = dict(query(db, "SELECT key, value FROM properties"))
    schema = _number(properties.get(b"schema"), 1.0)
    revision = int(_number(properties.get(b"schema_revision"), 0))
    old = schema < 2.0
    if not (old or abs(schema - 2.4) < 0.01 or abs(schema - 2.5) < 0.01):
        raise Failure(f"schema {schema} is not supported")
    (max_rowid,) = query(db, "SELECT max(rowid) FROM catalog")[0]
    if max_rowid is not None and not 0 <= max_rowid < _MAX_ROWID:
        raise Failure(f"impossible row number {max_rowid}")
    return Facts(
        select=_select(db, old),
        tables=frozenset(tables),
        old=old,
        revision=int(_number(properties.get(b"revision"), 0)),
        root_prefix=_text(properties.get(b"root_prefix")),
        ttl=int(_number(properties.get(b"TTL"), 0)) or None,
        nested=_subcatalogs(db, "nested_catalogs"),
        binds=_subcatalogs(db, "bind_mountpoints") if revision >= 4 and "bind_mountpoints" in tables else {},
        max_rowid=max_rowid or 0,
        authz=_text(properties.get(b"voms_authz")),
        entries=_entries(db) if "statistics" in tables else 0,
    )


def _tables(db: sqlite3.Connection) -> set[str]:
    """The tables of the format that exist.  A view under such a name could compute for ever: it does not count."""
    rows = query(db, "SELECT name FROM sqlite_master WHERE type = 'table' AND sql LIKE 'CREATE TABLE%'")
    return {table for table in _TABLES if table.encode() in {name for (name,) in rows}}


def _select(db: sqlite3.Connection, old: bool) -> str:
    """The beginning of a query for rows of ``catalog``."""
    there = {row[1].decode("utf-8", "replace") for row in query(db, "PRAGMA table_info(catalog)")} | {"rowid"}
    if old:
        there -= {"hardlinks", "uid", "gid", "xattr", "mtimens"}
    columns = []
    for column, otherwise in _COLUMNS.items():
        if column not in there and not otherwise:
            raise Failure(f"no column {column}")
        wanted = "length(xattr)" if column == "xattr" else column
        columns.append(wanted if column in there else otherwise)
    if not {"parent_1", "parent_2"} <= there:
        raise Failure("no column for the directory of an entry")
    return f"SELECT {', '.join(columns)} FROM catalog"


def _entries(db: sqlite3.Connection) -> int:
    """How many entries the catalog itself has, by its own statistics."""
    counters = "'self_regular', 'self_dir', 'self_symlink', 'self_special'"
    rows = query(db, f"SELECT value FROM statistics WHERE counter IN ({counters})")
    return sum(value for (value,) in rows if type(value) is int and value > 0)


def _subcatalogs(db: sqlite3.Connection, table: str) -> dict[bytes, tuple[bytes, Any]]:
    """Mount path → (hash text, size) of the catalogs below; hash and size are checked when one is loaded."""
    there = {row[1] for row in query(db, f"PRAGMA table_info({table})")}
    columns = [name if name.encode() in there else "NULL" for name in ("path", "sha1", "size")]
    rows = query(db, f"SELECT {', '.join(columns)} FROM {table} LIMIT {_MAX_NESTED}")
    return {path: (hash_, size) for path, hash_, size in rows if type(path) is bytes and path.startswith(b"/")}


def _text(value: Any) -> bytes | None:
    return value if type(value) is bytes else None


def _number(value: Any, default: float) -> float:
    """A property as a number; Failure for what is none."""
    if value is None:
        return default
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise Failure("a property that should be a number is none") from None
    if not -(2**63) < number < 2**63:
        raise Failure("a property that should be a number is absurd")
    return number

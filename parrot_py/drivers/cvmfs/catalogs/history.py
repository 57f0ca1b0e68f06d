"""The history database of a repository: names and dates of former revisions.

It is signed by way of the manifest, and read with the same suspicion as a catalog: whatever cannot be raises Failure.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from parrot_py.drivers.cvmfs.catalogs.database import DAMAGE, connect, query
from parrot_py.drivers.cvmfs.hashes import ContentHash
from parrot_py.drivers.cvmfs.trouble import Failure

_TABLES = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND sql LIKE 'CREATE TABLE%' AND name = ?"
# Columns of ``tags`` in the order of Tag; what stands for those that early revisions of the schema do not have.
_COLUMNS = {
    "name": "",
    "hash": "",
    "revision": "",
    "timestamp": "",
    "channel": "0",
    "description": "''",
    "size": "0",
    "branch": "''",
}
_MAX_TAGS = 500_000


class Tag(NamedTuple):
    """A name for a revision; the fields are the columns of the table ``tags``.

    ``root`` is the text of the root catalog's hash, ``timestamp`` Unix time, ``size`` that of the root catalog in
    bytes (0: not told), ``branch`` the empty string for the default branch.
    """

    name: str
    root: str
    revision: int
    timestamp: int
    channel: int
    description: str
    size: int
    branch: str = ""

    @property
    def hash(self) -> ContentHash:
        """The root catalog; Failure when the text is no hash."""
        try:
            return ContentHash.parse(self.root)
        except ValueError as error:
            raise Failure(f"tag {self.name!r}: {error}") from None


class History:
    """The history in the unpacked SQLite file *path*.  Opened for each question; raises Failure."""

    def __init__(self, path: str) -> None:
        self._path = path

    def tags(self) -> list[Tag]:
        """All tags, the newest first."""
        return self._tags(f"ORDER BY revision DESC, name LIMIT {_MAX_TAGS}")

    def named(self, name: str) -> Tag | None:
        """The tag *name*, None when there is none."""
        found = self._tags("WHERE name = CAST(? AS TEXT) LIMIT 1", (name.encode(errors="surrogateescape"),))
        return found[0] if found else None

    def at(self, timestamp: int) -> Tag | None:
        """The last revision of the default branch that was published at *timestamp* (Unix time) or before."""
        found = self._tags("WHERE {branch} = '' AND timestamp <= ? ORDER BY revision DESC LIMIT 1", (timestamp,))
        return found[0] if found else None

    def _tags(self, which: str, parameters: tuple[Any, ...] = ()) -> list[Tag]:
        with _opened(self._path) as db:
            if not all(query(db, _TABLES, (table,)) for table in ("tags", "properties")):
                raise Failure("not a history database: tables are missing")
            _check_schema(dict(query(db, "SELECT key, value FROM properties LIMIT 1000")))
            there = {row[1].decode("utf-8", "replace") for row in query(db, "PRAGMA table_info(tags)")}
            columns = {name: name if name in there else otherwise for name, otherwise in _COLUMNS.items()}
            if not all(columns.values()):
                raise Failure("not a history database: columns are missing")
            sql = f"SELECT {', '.join(columns.values())} FROM tags {which.format(branch=columns['branch'])}"
            return [_tag(row) for row in query(db, sql, parameters)]


@contextmanager
def _opened(path: str) -> Iterator[sqlite3.Connection]:
    try:
        db = connect(path)
        try:
            yield db
        finally:
            db.close()
    except DAMAGE as error:
        raise Failure(f"history database: {error or type(error).__name__}") from None


def _check_schema(properties: dict[Any, Any]) -> None:
    """Schema 1.0 in any of its (additive) revisions."""
    schema = properties.get(b"schema", b"1.0")
    try:
        good = abs(float(schema) - 1.0) < 0.01
    except (TypeError, ValueError):
        good = False
    if not good:
        raise Failure(f"history database: schema {ascii(schema)[:40]} is not supported")


def _tag(row: tuple[Any, ...]) -> Tag:
    name, root, revision, timestamp, channel, description, size, branch = row
    numbers = [revision, timestamp, channel, size or 0]
    if any(type(number) is not int for number in numbers):
        raise Failure("history database: absurd: a number of a tag is none")
    return Tag(_text(name), _text(root), revision, timestamp, channel, _text(description), size or 0, _text(branch))


def _text(value: Any) -> str:
    if value is None:
        return ""
    if type(value) is not bytes:
        raise Failure("history database: absurd: a text of a tag is none")
    return value.decode("utf-8", "surrogateescape")

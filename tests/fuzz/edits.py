"""SQLite files made from inputs: the input itself, or a good file with edits that the input spells out.

Mutations of a file's bytes hardly ever leave a file that SQLite still reads.  Edits keep it a file, and say odd things
in it: wrong types, absurd numbers, rows that are missing or twice.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

_MAGIC = b"SQLite"
_MOST = 12
_INTEGERS = (
    0,
    1,
    -1,
    2**31,
    2**32 - 1,
    2**40,
    2**62,
    2**63 - 1,
    -(2**63),
    0o40755,
    0o120777,
    0o100644,
    0x44,
    0xFFFFFFFF,
)


class Bytes:
    """Takes an input apart; there is always more, if only zeros."""

    def __init__(self, data: bytes) -> None:
        self._data, self._at = data, 0

    @property
    def left(self) -> bool:
        """Whether there is anything but zeros to come."""
        return self._at < len(self._data)

    def byte(self) -> int:
        """The next byte."""
        self._at += 1
        return self._data[self._at - 1] if self._at <= len(self._data) else 0

    def take(self, length: int) -> bytes:
        """At most *length* bytes."""
        self._at += length
        return self._data[self._at - length : self._at]


def write(data: bytes, template: Path, place: Path) -> None:
    """Make the file *place* of the input *data*; *template* is a good one."""
    if data.startswith(_MAGIC):
        place.write_bytes(data)
        return
    place.write_bytes(template.read_bytes())
    db = sqlite3.connect(place, isolation_level=None)
    try:
        for pragma in ("journal_mode = OFF", "synchronous = OFF", "ignore_check_constraints = ON"):
            db.execute(f"PRAGMA {pragma}")
        for sql, values in _edits(Bytes(data), db):
            with suppress(sqlite3.Error, OverflowError, ValueError):
                db.execute(sql, values)
    finally:
        db.close()


def _edits(data: Bytes, db: sqlite3.Connection) -> Iterator[tuple[str, list[object]]]:
    tables = [name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")]
    columns = {table: [row[1] for row in db.execute(f"PRAGMA table_info({table})")] for table in tables}
    for _ in range(_MOST):
        if not data.left:
            return
        kind, table = data.byte() % 8, tables[data.byte() % len(tables)]
        column = columns[table][data.byte() % len(columns[table])]
        where = f"WHERE rowid = (SELECT rowid FROM {table} LIMIT 1 OFFSET {data.byte() % 16})"
        if kind < 5:
            yield f"UPDATE {table} SET {column} = ? {where}", [_value(data)]
        elif kind == 5:
            yield f"DELETE FROM {table} {where}", []
        elif kind == 6:
            names = ", ".join(columns[table])
            yield (
                f"INSERT INTO {table} ({names}) SELECT {names.replace(column, '?', 1)} FROM {table} {where}",
                [_value(data)],
            )
        else:
            yield f"ALTER TABLE {table} RENAME COLUMN {column} TO other", []


def _value(data: Bytes) -> object:
    kind = data.byte() % 8
    if kind == 0:
        return None
    if kind == 1:
        return data.byte() / 7 * 10.0 ** (data.byte() - 100)
    if kind < 4:
        return _INTEGERS[data.byte() % len(_INTEGERS)] + data.byte() - 128
    if kind == 4:
        return int.from_bytes(data.take(8), "little", signed=True)
    if kind == 5:
        return data.take(data.byte())
    text = data.take(data.byte()).decode("utf-8", "replace")
    return text if kind == 6 else text * 40

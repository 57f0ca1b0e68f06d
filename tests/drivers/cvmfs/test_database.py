"""Databases that are traps: small files that say more than any memory holds."""

from __future__ import annotations

import sqlite3
import sys
from pathlib import Path

import pytest

from parrot_py.drivers.cvmfs.catalogs.database import connect, query

PAGE = 512


def _pointing_to(page: bytes, child: int) -> bytes:
    """The interior *page* of a table with all its children the same one."""
    assert page[0] == 5
    pointed = bytearray(page)
    pointed[8:12] = child.to_bytes(4, "big")
    for cell in range(int.from_bytes(page[3:5], "big")):
        at = int.from_bytes(page[12 + 2 * cell : 14 + 2 * cell], "big")
        pointed[at : at + 4] = child.to_bytes(4, "big")
    return bytes(pointed)


def folded(place: Path) -> Path:
    """A file of four pages whose table ``t`` has some hundred thousand rows: each page is used again and again."""
    db = sqlite3.connect(place)
    db.executescript(f"PRAGMA page_size = {PAGE}; CREATE TABLE t (a INTEGER)")
    db.executemany("INSERT INTO t VALUES (?)", [(1,)] * 20_000)
    db.commit()
    db.close()
    data = place.read_bytes()

    def page(number: int) -> bytes:
        return data[(number - 1) * PAGE : number * PAGE]

    def first_child(parent: bytes) -> bytes:
        at = int.from_bytes(parent[12:14], "big")
        return page(int.from_bytes(parent[at : at + 4], "big"))

    middle = first_child(page(2))
    leaf = first_child(middle)
    assert leaf[0] == 13
    head = bytearray(page(1))
    head[28:32] = (4).to_bytes(4, "big")
    place.write_bytes(bytes(head) + _pointing_to(middle, 3) + _pointing_to(middle, 4) + leaf)
    return place


def test_more_rows_than_the_file_has_room_for_are_refused(tmp_path: Path) -> None:
    db = connect(str(folded(tmp_path / "folded")))
    assert query(db, "SELECT count(*) FROM t")[0][0] > 100_000
    assert len(query(db, "SELECT a FROM t LIMIT 1500")) == 1500
    with pytest.raises(sqlite3.DatabaseError, match="more rows than the file has room for"):
        query(db, "SELECT a FROM t")
    db.close()


def test_honest_rows_have_room(tmp_path: Path) -> None:
    """Rows of nothing but small numbers grow most when they are read."""
    db = sqlite3.connect(tmp_path / "honest")
    db.execute(f"CREATE TABLE t ({', '.join(f'c{number} INTEGER' for number in range(17))})")
    db.executemany(f"INSERT INTO t VALUES ({', '.join('?' * 17)})", [(1,) * 17] * 20_000)
    db.commit()
    db.close()
    db = connect(str(tmp_path / "honest"))
    assert len(query(db, "SELECT * FROM t")) == 20_000
    db.close()


@pytest.mark.skipif(sys.version_info < (3, 11), reason="no setlimit")
def test_a_row_that_is_too_long_is_damage(tmp_path: Path) -> None:
    db = sqlite3.connect(tmp_path / "long")
    db.execute("CREATE TABLE t (a BLOB)")
    db.execute("INSERT INTO t VALUES (zeroblob(3000000))")
    db.commit()
    db.close()
    db = connect(str(tmp_path / "long"))
    with pytest.raises(sqlite3.DataError, match="too big"):
        query(db, "SELECT a FROM t")
    db.close()


def test_a_query_that_does_not_end_is_interrupted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("parrot_py.drivers.cvmfs.catalogs.database._STEPS", 1000)
    db = connect(str(folded(tmp_path / "folded")))
    with pytest.raises(sqlite3.OperationalError, match="interrupted"):
        query(db, "SELECT count(*) FROM t a, t b")
    db.close()

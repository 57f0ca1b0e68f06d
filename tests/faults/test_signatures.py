"""Who may say what is true: expired, foreign, swapped and absurd statements are refused."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.faults.conftest import NAME, Damage, keys_of, publish_small

MakeDamage = Callable[..., Damage]


def test_a_good_repository_is_read(damage: MakeDamage) -> None:
    assert damage().read().expect().stdout == b"content\n"


def test_an_expired_whitelist(damage: MakeDamage) -> None:
    damage(whitelist_days=-2).refused("file", "expired")


def test_a_foreign_key(damage: MakeDamage) -> None:
    damage(key_of="somebody-else").refused("file")


def test_a_manifest_signed_by_somebody_else(damage: MakeDamage, home: Path) -> None:
    place = damage()
    foreign = publish_small(home / "foreign", "somebody-else")
    shutil.copy(foreign / ".cvmfspublished", place.directory / ".cvmfspublished")
    for certificate in (foreign / "data").rglob("*X"):
        target = place.directory / certificate.relative_to(foreign)
        target.parent.mkdir(exist_ok=True)
        shutil.copy(certificate, target)
    place.refused("file")


def test_another_repository_in_its_place(damage: MakeDamage) -> None:
    place = damage()
    wrong = "wrong.parrot.test"
    place.run.repositories = place.run.repositories.replace(f"{NAME}:", f"{wrong}:")
    told = place.run.run(["cat", f"/cvmfs/{wrong}/file"])
    assert told.status == 1
    assert b"Input/output error" in told.stderr
    assert wrong.encode() in told.log


def _set(sql: str) -> Callable[[bytes, sqlite3.Connection], None]:
    def edit(path: bytes, catalog: sqlite3.Connection) -> None:
        if path == b"":
            catalog.execute(sql)

    return edit


ABSURD = {
    "a negative size": "UPDATE catalog SET size = -1 WHERE name = 'file'",
    "a size beyond all disks": "UPDATE catalog SET size = 9223372036854775807 WHERE name = 'file'",
    "another size": "UPDATE catalog SET size = size + 1 WHERE name = 'file'",
    "a hash of three bytes": "UPDATE catalog SET hash = x'010203' WHERE name = 'file'",
    "no hash": "UPDATE catalog SET hash = NULL WHERE name = 'file'",
    "text for a mode": "UPDATE catalog SET mode = 'rw-r--r--' WHERE name = 'file'",
    "no catalog table": "DROP TABLE catalog",
    "no properties": "DROP TABLE properties",
    "a schema of the future": "UPDATE properties SET value = '9.0' WHERE key = 'schema'",
}
ABSURD_CHUNKS = {
    "chunks with a gap": "UPDATE chunks SET offset = offset + 1 WHERE offset > 0",
    "chunks that end early": "DELETE FROM chunks WHERE offset = (SELECT max(offset) FROM chunks)",
    "chunks that overlap": "UPDATE chunks SET size = size + 1",
    "chunks with negative sizes": "UPDATE chunks SET size = -size",
    "no chunks": "DELETE FROM chunks",
}


@pytest.mark.parametrize("sql", [pytest.param(sql, id=name) for name, sql in ABSURD.items()])
def test_an_absurd_catalog(damage: MakeDamage, sql: str) -> None:
    damage(edit_catalog=_set(sql)).refused("file")


@pytest.mark.parametrize("sql", [pytest.param(sql, id=name) for name, sql in ABSURD_CHUNKS.items()])
def test_absurd_chunks(damage: MakeDamage, sql: str) -> None:
    damage(edit_catalog=_set(sql)).refused("big")


@pytest.mark.parametrize("name", ["..", ".", "a/b", "", "nul\0nul", "n" * 300])
def test_an_absurd_name_is_not_listed(damage: MakeDamage, name: str) -> None:
    """Such a name could never be opened; that the rest of the directory is refused with it would be right, too."""

    def edit(path: bytes, catalog: sqlite3.Connection) -> None:
        if path == b"":
            catalog.execute("UPDATE catalog SET name = ? WHERE name = 'other'", (name,))

    place = damage(edit_catalog=edit)
    told = place.run.run(["ls", "-a", f"/cvmfs/{NAME}"])
    assert "Traceback" not in told.log.decode()
    if told.status == 0:
        assert sorted(told.stdout.split()) == [b".", b"big", b"file", b"link", b"nested"]
    else:
        assert b"Input/output error" in told.stderr


def test_a_catalog_nested_in_itself_ends(damage: MakeDamage) -> None:
    def edit(path: bytes, catalog: sqlite3.Connection) -> None:
        if path == b"":
            catalog.execute("UPDATE nested_catalogs SET path = ''")

    place = damage(edit_catalog=edit)
    told = place.run.run(["find", f"/cvmfs/{NAME}"], timeout=60)
    assert told.status in (0, 1), told
    assert "Traceback" not in told.log.decode()


def test_an_absurd_mtime_is_only_a_number(damage: MakeDamage) -> None:
    place = damage(edit_catalog=_set("UPDATE catalog SET mtime = 9223372036854775807 WHERE name = 'file'"))
    told = place.run.run(["cat", f"/cvmfs/{NAME}/file"])
    assert told.status in (0, 1), told
    assert "Traceback" not in told.log.decode()


def test_the_keys_of_the_tests_differ() -> None:
    assert (keys_of("us") / f"{NAME}.pub").read_bytes() != (keys_of("somebody-else") / f"{NAME}.pub").read_bytes()

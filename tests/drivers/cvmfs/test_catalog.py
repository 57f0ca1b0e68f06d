"""Catalogs: what they may say, what they can't, and which of them are loaded."""

from __future__ import annotations

import errno
import os
import random
from typing import Any, Callable

import pytest

from parrot_py.config.model import RepositoryConfig
from parrot_py.drivers.cvmfs import Repository
from tests.drivers.cvmfs.conftest import Forged, Site
from tests.drivers.cvmfs.forge import CHUNKED, DIR, FILE, LINK, NESTED, Row
from tests.drivers.cvmfs.trouble import refused
from tests.drivers.cvmfs.truth import BASIC
from tests.support.httpd import Fault

Open = Callable[[RepositoryConfig], Repository]
Log = pytest.LogCaptureFixture

ABSURD: dict[str, dict[str, Any]] = {
    "negative size": {"size": -1},
    "huge size": {"size": 1 << 62 | 1},
    "text size": {"size": "many"},
    "no size": {"size": None},
    "mode without a type": {"mode": 0o644},
    "mode beyond all bits": {"mode": 1 << 40 | 0o100644},
    "time beyond all clocks": {"mtime": 1 << 60},
    "no time": {"mtime": None},
    "too many nanoseconds": {"mtimens": 10**9},
    "negative owner": {"uid": -1},
    "hash as a number": {"hash": 7},
    "no link count": {"hardlinks": None},
    "flags as a blob": {"flags": b"\x04"},
    "link to NUL": {"mode": 0o120777, "symlink": b"a\0b"},
    "link without target": {"mode": 0o120777, "symlink": None},
    "link of a megabyte": {"mode": 0o120777, "symlink": b"x" * (1 << 20)},
}


@pytest.mark.parametrize("case", ABSURD)
def test_absurd_values_are_eio(forged: Forged, opened: Open, caplog: Log, case: str) -> None:
    forged.forge.publish([{**Row(b"/bad", FILE), **ABSURD[case]}, forged.forge.file(b"/ok", b"ok")])
    repository = opened(forged.config())
    assert repository.lookup(b"/ok").size == 2
    refused(caplog, lambda: repository.lookup(b"/bad"), r"catalog data/.*C: absurd: .* \(at /bad\)")
    refused(caplog, lambda: repository.listdir(repository.lookup(b"")), r"catalog data/.*C: absurd")
    assert not [name for name in forged.cached() if repository.root_hash[2:] in name]


@pytest.mark.parametrize("name", [b"", b".", b"..", b"a/b", b"other", b"x" * 256, "nul\0nul", None, 7])
def test_impossible_names_are_eio(forged: Forged, opened: Open, caplog: Log, name: object) -> None:
    forged.forge.publish([Row(b"/bad", FILE, name=name)])
    repository = opened(forged.config())
    refused(caplog, lambda: repository.listdir(repository.lookup(b"")), r"absurd: entry (with|whose)")
    refused(caplog, lambda: repository.lookup(b"/bad"), r"absurd: entry (with|whose)")


CHUNKS = {
    "none": [],
    "a gap": [(0, 5), (6, 4)],
    "an overlap": [(0, 6), (5, 5)],
    "too few": [(0, 5)],
    "too many": [(0, 5), (5, 6)],
    "a negative one": [(0, 20), (20, -10)],
    "an empty one": [(0, 0), (0, 10)],
    "no beginning": [(2, 8)],
}


@pytest.mark.parametrize("case", CHUNKS)
def test_chunks_must_cover_the_file(forged: Forged, opened: Open, caplog: Log, case: str) -> None:
    digest = forged.forge.store(b"12345", "P").digest
    rows = [(b"/file", offset, size, digest) for offset, size in CHUNKS[case]]
    forged.forge.publish([Row(b"/file", CHUNKED, size=10)], chunks=rows)
    repository = opened(forged.config())
    refused(caplog, lambda: repository.materialise(repository.lookup(b"/file")), r"absurd: chunks .*at /file")


def test_chunks_without_hash_are_eio(forged: Forged, opened: Open, caplog: Log) -> None:
    forged.forge.publish([Row(b"/file", CHUNKED, size=10)], chunks=[(b"/file", 0, 10, b"")])
    repository = opened(forged.config())
    refused(caplog, lambda: repository.materialise(repository.lookup(b"/file")), "chunk without a hash")


def test_a_file_without_hash_is_eio(forged: Forged, opened: Open, caplog: Log) -> None:
    forged.forge.publish([Row(b"/null", FILE, hash=b"\0" * 20), Row(b"/short", FILE, hash=b"\1" * 19)])
    repository = opened(forged.config())
    refused(caplog, lambda: repository.materialise(repository.lookup(b"/null")), "file without a hash")
    refused(caplog, lambda: repository.materialise(repository.lookup(b"/short")), "file without a hash")


def test_unknown_algorithms_are_eio(forged: Forged, opened: Open, caplog: Log) -> None:
    row = forged.forge.file(b"/f", b"data")
    forged.forge.publish([{**row, "flags": FILE | 5 << 8}, {**forged.forge.file(b"/g", b"g"), "flags": FILE | 3 << 11}])
    repository = opened(forged.config())
    refused(caplog, lambda: repository.materialise(repository.lookup(b"/f")), "/f: unknown hash algorithm")
    refused(caplog, lambda: repository.materialise(repository.lookup(b"/g")), "unknown compression 3")


def test_content_of_another_length_than_stated_is_eio(forged: Forged, opened: Open, caplog: Log) -> None:
    shorter = Row(b"/shorter", FILE, hash=forged.forge.store(b"12345").digest, size=9)
    longer = Row(b"/longer", FILE, hash=forged.forge.store(b"1234567890").digest, size=9)
    forged.forge.publish([shorter, longer])
    repository = opened(forged.config())
    repository.lookup(b"")
    before = forged.cached()
    refused(caplog, lambda: repository.materialise(repository.lookup(b"/shorter")), "has 5 bytes, the catalog says 9")
    refused(
        caplog, lambda: repository.materialise(repository.lookup(b"/longer")), "at least 10 bytes, the catalog says 9"
    )
    assert forged.cached() == before


FILES = {
    "not SQLite": (b"this is no database" * 50, "not an SQLite file"),
    "empty": (b"", "not an SQLite file"),
    "header only": (b"SQLite format 3\0" + b"\0" * 84, "C: "),
}


@pytest.mark.parametrize("case", FILES)
def test_files_that_are_no_catalogs_are_eio(forged: Forged, opened: Open, caplog: Log, case: str) -> None:
    data, reason = FILES[case]
    forged.forge.whitelist()
    root = forged.forge.store(data, "C")
    forged.forge.manifest(root)
    refused(caplog, lambda: opened(forged.config()).lookup(b""), reason)
    assert root.cache_path() not in forged.cached()


STRANGE = {
    "missing tables": ("DROP TABLE nested_catalogs", "tables are missing"),
    "a view for a table": (
        "DROP TABLE catalog; CREATE VIEW catalog AS WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x+1 FROM n) "
        "SELECT x FROM n",
        "tables are missing",
    ),
    "a schema from the future": ("UPDATE properties SET value = '2.6' WHERE key = 'schema'", "schema 2.6"),
    "a schema between": ("UPDATE properties SET value = '2.1' WHERE key = 'schema'", "schema 2.1"),
    "a schema that is none": ("UPDATE properties SET value = 'new' WHERE key = 'schema'", "should be a number"),
    "missing columns": ("ALTER TABLE catalog RENAME COLUMN mode TO modus", "no column mode"),
    "another place": (
        "INSERT INTO properties VALUES ('root_prefix', '/elsewhere')",
        "catalog for /elsewhere at another",
    ),
    "absurd row numbers": (
        "INSERT INTO catalog (rowid, md5path_1, md5path_2) VALUES (9223372036854775807, 1, 1)",
        "impossible row number",
    ),
}


@pytest.mark.parametrize("case", STRANGE)
def test_strange_catalogs_are_eio(forged: Forged, opened: Open, caplog: Log, case: str) -> None:
    sql, reason = STRANGE[case]
    root = forged.forge.publish([], extra=sql)
    refused(caplog, lambda: opened(forged.config()).lookup(b""), f"catalog data/.*C: .*{reason}")
    assert root.cache_path() not in forged.cached()


def test_pages_of_garbage_are_eio(forged: Forged, opened: Open, caplog: Log) -> None:
    good = forged.forge.publish([forged.forge.file(b"/f%d" % n, b"x") for n in range(400)])
    data = bytearray(forged.forge.content(good, "C"))
    data[8192:] = b"\xa5" * (len(data) - 8192)
    forged.forge.manifest(forged.forge.store(bytes(data), "C"), revision=2)
    repository = opened(forged.config())

    def all_of_it() -> None:
        repository.lookup(b"")
        repository.listdir(repository.lookup(b""))

    refused(caplog, all_of_it, "catalog data/.*C: .*(malformed|corrupt)")


def test_nested_catalogs_need_a_hash(forged: Forged, opened: Open, caplog: Log) -> None:
    extra = "INSERT INTO nested_catalogs VALUES ('/n', 'no hash', 0)"
    forged.forge.publish([Row(b"/n", NESTED)], extra=extra)
    repository = opened(forged.config())
    assert repository.lookup(b"/n").is_dir
    refused(caplog, lambda: repository.lookup(b"/n/x"), "nested catalog without a hash")


def test_a_missing_nested_catalog_is_eio_below_it_only(forged: Forged, opened: Open, caplog: Log) -> None:
    gone = forged.forge.catalog([], properties={"root_prefix": "/n"})
    (forged.forge.directory / gone.object_path("C")[1:]).unlink()
    forged.forge.publish([Row(b"/n", NESTED), forged.forge.file(b"/f", b"f")], nested={"/n": gone})
    repository = opened(forged.config())
    refused(caplog, lambda: repository.lookup(b"/n/x"), f"object {gone.object_path('C')[1:]}: status 404")
    assert repository.read(b"/f") == b"f"


def test_schema_1_has_no_owners_and_no_links(forged: Forged, opened: Open) -> None:
    schema = """
    CREATE TABLE catalog (md5path_1 INTEGER, md5path_2 INTEGER, parent_1 INTEGER, parent_2 INTEGER, inode INTEGER,
      hash BLOB, size INTEGER, mode INTEGER, mtime INTEGER, flags INTEGER, name TEXT, symlink TEXT,
      PRIMARY KEY (md5path_1, md5path_2));
    CREATE TABLE nested_catalogs (path TEXT PRIMARY KEY, sha1 TEXT);
    CREATE TABLE properties (key TEXT PRIMARY KEY, value TEXT);
    """
    drop = ("hardlinks", "mtimens", "uid", "gid", "xattr")
    rows = [Row(b"", DIR), forged.forge.file(b"/f", b"old")]
    old = [{k: v for k, v in row.items() if k not in drop} for row in rows]
    root = forged.forge.catalog(old, schema=schema, properties={"schema": "1.0"})
    forged.forge.whitelist()
    forged.forge.manifest(root)
    repository = opened(forged.config())
    inode = repository.lookup(b"/f")
    assert (inode.uid, inode.gid, inode.nlink, repository.read(b"/f")) == (os.getuid(), os.getgid(), 1, b"old")
    assert repository.getxattr(inode, b"user.revision") == b"1"


def test_a_damaged_catalog_never_gets_into_the_cache(site: Site, opened: Open, caplog: Log) -> None:
    site.server.fault("*/data/*C", Fault(flip=-30))
    refused(caplog, lambda: opened(site.config(BASIC)).lookup(b""), "object data/1b/.*C: (hash mismatch|broken comp)")
    assert {path.name for path in site.objects() if path.is_file()} <= {"1b49743875582b6de740d9a89d2c3c9d292402"}


@pytest.mark.parametrize("seed", range(40))
def test_random_damage_is_eio_or_harmless(forged: Forged, opened: Open, seed: int) -> None:
    chance = random.Random(seed)
    rows = [forged.forge.file(b"/f%d" % n, b"%d" % n, xattr=b"\1\1\1\1ab") for n in range(30)]
    good = forged.forge.publish([*rows, Row(b"/d", DIR), Row(b"/l", LINK, symlink=b"f1")])
    data = bytearray(forged.forge.content(good, "C"))
    for _ in range(chance.choice((1, 10, 200))):
        data[chance.randrange(100, len(data))] = chance.randrange(256)
    forged.forge.manifest(forged.forge.store(bytes(data), "C"), revision=2)
    repository = opened(forged.config())
    for path in (b"", b"/f1", b"/f29", b"/d", b"/l", b"/none"):
        try:
            inode = repository.lookup(path)
            repository.listxattr(inode)
            if inode.is_dir:
                repository.listdir(inode)
        except OSError as error:
            assert error.errno in (errno.EIO, errno.ENOENT, errno.ENOTDIR)  # noqa: PT017

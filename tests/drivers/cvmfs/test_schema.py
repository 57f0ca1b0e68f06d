"""Catalogs of every kind that the format has known: old schemas, flags, owners, and catalogs bound in twice."""

from __future__ import annotations

import os
import stat
from typing import Any, Callable

import pytest

from parrot_py.config.model import RepositoryConfig
from parrot_py.drivers.cvmfs import Repository
from parrot_py.drivers.cvmfs.catalogs.schema import pack_xattrs
from tests.drivers.cvmfs.conftest import Forged
from tests.drivers.cvmfs.forge import DIR, FILE, LINK, NESTED, NESTED_ROOT, Row

Open = Callable[[RepositoryConfig], Repository]
BIND, HIDDEN, DIRECT_IO, SPECIAL, UNKNOWN = 0x4000, 0x8000, 0x10000, 0x14, 0x7E20000

_CATALOG = """
CREATE TABLE catalog (md5path_1 INTEGER, md5path_2 INTEGER, parent_1 INTEGER, parent_2 INTEGER, hardlinks INTEGER,
  hash BLOB, size INTEGER, mode INTEGER, mtime INTEGER, {more}flags INTEGER, name TEXT, symlink TEXT,
  uid INTEGER, gid INTEGER{last}, PRIMARY KEY (md5path_1, md5path_2));
CREATE TABLE properties (key TEXT PRIMARY KEY, value TEXT);
CREATE TABLE chunks (md5path_1 INTEGER, md5path_2 INTEGER, offset INTEGER, size INTEGER, hash BLOB);
"""
_NESTED = "CREATE TABLE nested_catalogs (path TEXT PRIMARY KEY, sha1 TEXT{size});"
_BINDS = "CREATE TABLE bind_mountpoints (path TEXT PRIMARY KEY, sha1 TEXT, size INTEGER);"


def schema(version: str, revision: int) -> tuple[str, set[str]]:
    """The tables of a schema, and the columns of ``catalog`` that it lacks."""
    new = version == "2.5"
    lacks = {name for name, since in (("xattr", 2), ("mtimens", 7)) if not new or revision < since}
    more, last = "" if "mtimens" in lacks else "mtimens INTEGER, ", "" if "xattr" in lacks else ", xattr BLOB"
    size = ", size INTEGER" if new and revision >= 1 else ""
    binds = _BINDS if new and revision >= 4 else ""
    return _CATALOG.format(more=more, last=last) + _NESTED.format(size=size) + binds, lacks


@pytest.mark.parametrize(
    ("version", "revision"), [("2.4", 0), *(("2.5", n) for n in range(8)), ("2.5", 12), ("2.4999", 0)]
)
def test_every_schema_since_2_4(forged: Forged, opened: Open, version: str, revision: int) -> None:
    tables, lacks = schema("2.5" if version == "2.5" else "2.4", revision)
    properties = {"schema": version, "schema_revision": str(revision)}

    def stored(rows: list[Row], more: dict[str, object]) -> Any:
        kept = [{name: value for name, value in row.items() if name not in lacks} for row in rows]
        return forged.forge.catalog(kept, schema=tables, properties={**properties, **more})

    f = forged.forge.file(b"/n/f", b"data", uid=7, gid=8, mtimens=5, xattr=pack_xattrs({b"user.x": b"y"}))
    nested = stored([Row(b"/n", NESTED_ROOT), f], {"root_prefix": "/n"})
    size = ", NULL" if "size INTEGER" in tables.split("nested_catalogs")[1].split(";")[0] else ""
    root = forged.forge.catalog(
        [{k: v for k, v in row.items() if k not in lacks} for row in (Row(b"", DIR), Row(b"/n", NESTED))],
        schema=tables,
        properties=properties,
        extra=f"INSERT INTO nested_catalogs VALUES ('/n', '{nested}'{size})",
    )
    forged.forge.whitelist()
    forged.forge.manifest(root)
    repository = opened(forged.config())
    inode = repository.lookup(b"/n/f")
    assert (inode.uid, inode.gid, repository.read(b"/n/f")) == (7, 8, b"data")
    assert inode.mtime_ns == 1700000000 * 10**9 + (0 if "mtimens" in lacks else 5)
    assert list(repository.listxattr(b"/n/f")) == ([] if "xattr" in lacks else [b"user.x"])


def flagged(forged: Forged, path: bytes, data: bytes, flag: int) -> Row:
    """A file with a flag more than usual."""
    row = forged.forge.file(path, data)
    row["flags"] |= flag
    return row


def test_flags(forged: Forged, opened: Open) -> None:
    rows = [
        flagged(forged, b"/hidden", b"seen", HIDDEN),
        flagged(forged, b"/direct", b"d", DIRECT_IO),
        flagged(forged, b"/future", b"f", UNKNOWN),
        Row(b"/fifo", SPECIAL, mode=stat.S_IFIFO | 0o640, size=0),
        Row(b"/socket", SPECIAL, mode=stat.S_IFSOCK | 0o600, size=0),
        Row(b"/char", SPECIAL, mode=stat.S_IFCHR | 0o666, size=os.makedev(1, 3)),
        Row(b"/block", SPECIAL, mode=stat.S_IFBLK | 0o660, size=os.makedev(259, 70000)),
        Row(b"/dark", DIR | HIDDEN),
        forged.forge.file(b"/dark/f", b"found"),
    ]
    forged.forge.publish(rows)
    repository = opened(forged.config())
    names = [entry.name for entry in repository.scandir(b"")]
    assert names == [b"direct", b"future", b"fifo", b"socket", b"char", b"block"]
    assert [repository.read(path) for path in (b"/hidden", b"/future", b"/dark/f")] == [b"seen", b"f", b"found"]
    assert repository.getxattr(b"/direct", b"user.direct_io") == b"1"
    told = {name: repository.lookup(b"/" + name) for name in names}
    assert (told[b"char"].rdev, told[b"char"].size) == (os.makedev(1, 3), 0)
    assert (told[b"block"].rdev, told[b"block"].mode) == (os.makedev(259, 70000), stat.S_IFBLK | 0o660)
    assert stat.S_ISFIFO(told[b"fifo"].mode)
    assert stat.S_ISSOCK(told[b"socket"].mode)


def test_a_revision_bound_into_a_later_one(forged: Forged, opened: Open) -> None:
    forge = forged.forge
    below = forge.catalog([Row(b"/n", NESTED_ROOT), forge.file(b"/n/f", b"old n")], properties={"root_prefix": "/n"})
    old = forge.catalog(
        [Row(b"", DIR), forge.file(b"/f", b"old"), Row(b"/n", NESTED), Row(b"/l", LINK, symlink=b"f")],
        nested={"/n": below},
    )
    rows = [forge.file(b"/f", b"new"), Row(b"/snapshots", DIR), Row(b"/snapshots/v1", DIR | BIND)]
    forge.publish(rows, extra=f"INSERT INTO bind_mountpoints VALUES ('/snapshots/v1', '{old}', NULL)")
    repository = opened(forged.config())
    assert [entry.name for entry in repository.scandir(b"/snapshots/v1")] == [b"f", b"n", b"l"]
    assert repository.read(b"/f") == b"new"
    assert repository.read(b"/snapshots/v1/f") == repository.read(b"/snapshots/v1/l") == b"old"
    assert repository.read(b"/snapshots/v1/n/f") == b"old n"
    assert repository.lookup(b"/snapshots/v1/f").ino != repository.lookup(b"/f").ino
    assert b"catalog_mountpoint: /snapshots/v1\n" in repository.getxattr(b"/snapshots/v1/f", b"user.catalog_counters")
    with pytest.raises(FileNotFoundError):
        repository.lookup(b"/snapshots/v1/snapshots")


@pytest.mark.parametrize(
    ("config", "shown"),
    [
        ({}, [(0, 0), (7, 8), (9, 9)]),
        ({"uid": 5, "gid": 6}, [(5, 6)] * 3),
        ({"uid": 5}, [(5, 0), (5, 8), (5, 9)]),
        ({"uid_map": ((0, 100), (7, 101)), "gid_map": ((8, 200),)}, [(100, 0), (101, 200), (9, 9)]),
        ({"uid_map": ((7, 0), (None, 65534)), "gid_map": ((None, 1),)}, [(65534, 1), (0, 1), (65534, 1)]),
        ({"uid": 5, "uid_map": ((None, 6),)}, [(5, 0), (5, 8), (5, 9)]),
    ],
)
def test_owners(forged: Forged, opened: Open, config: dict[str, Any], shown: list[tuple[int, int]]) -> None:
    owners = [(0, 0), (7, 8), (9, 9)]
    rows = [forged.forge.file(b"/%d" % n, b"x", uid=uid, gid=gid) for n, (uid, gid) in enumerate(owners)]
    forged.forge.publish(rows)
    repository = opened(forged.config(**config))
    assert [(i.uid, i.gid) for i in (repository.lookup(b"/%d" % n) for n in range(3))] == shown
    assert [(e.inode.uid, e.inode.gid) for e in repository.scandir(b"")] == shown


def test_readable_for_everybody(forged: Forged, opened: Open) -> None:
    modes = {b"/f": 0o100600, b"/d": 0o40700, b"/x": 0o100711, b"/p": stat.S_IFIFO | 0o200}
    forged.forge.publish([Row(path, DIR if mode & 0o40000 else FILE, mode=mode) for path, mode in modes.items()])
    repository = opened(forged.config(world_readable=True))
    shown = {path: repository.lookup(path).mode for path in modes}
    assert shown == {b"/f": 0o100644, b"/d": 0o40755, b"/x": 0o100755, b"/p": stat.S_IFIFO | 0o644}
    plain = opened(forged.config())
    assert {path: plain.lookup(path).mode for path in modes} == modes


def test_room_is_that_of_the_cache(forged: Forged, opened: Open) -> None:
    forged.forge.publish(
        [forged.forge.file(b"/f", b"x" * 5000)],
        extra="INSERT INTO statistics VALUES ('self_regular', 1), ('self_dir', 1), ('subtree_regular', 40)",
    )
    repository = opened(forged.config(quota=1 << 20))
    repository.read(b"/f")
    told = repository.statfs()
    assert (told.bsize, told.blocks, told.files, told.ffree) == (512, 2048, 42, 40)
    assert 0 < told.bfree == told.bavail < told.blocks
    assert opened(forged.config(alien=True)).statfs().blocks == 0
    alien = opened(forged.config(alien=True))
    alien.lookup(b"")
    assert (alien.statfs().blocks, alien.statfs().files) == (0, 42)

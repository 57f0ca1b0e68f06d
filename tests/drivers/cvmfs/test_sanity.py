"""Rows checked by whole columns are judged as each row is by itself; a big listing is what look-ups say."""

from __future__ import annotations

import stat
from collections.abc import Callable
from typing import Any

import pytest

from parrot_py.config.model import RepositoryConfig
from parrot_py.drivers.cvmfs import Repository
from parrot_py.drivers.cvmfs.catalogs.database import Row
from parrot_py.drivers.cvmfs.catalogs.sanity import all_well as columns_well
from parrot_py.drivers.cvmfs.catalogs.sanity import complaint, listed_wrongly
from parrot_py.drivers.cvmfs.catalogs.schema import path_key
from tests.drivers.cvmfs import forge
from tests.drivers.cvmfs.conftest import Forged

DIRECTORY = b"/d"
LINK = stat.S_IFLNK | 0o777


def row(text: bytes, **columns: Any) -> Row:
    """A row without faults, but for *columns*."""
    first, second = path_key(DIRECTORY + b"/" + text)
    good = Row(7, text, 4, 0o100644, 10, 1_700_000_000, None, 1, 0, 0, b"\1" * 20, b"", None, first, second)
    return good._replace(**columns)


GOOD = [
    row(b"a"),
    row(b"b", mtimens=999_999_999, hash=None, xattr=30),
    row(b"c", mode=LINK, symlink=b"x" * 4095),
    row(b"d" * 255, mode=stat.S_IFDIR, hash=b"", uid=(1 << 32) - 1),
    row(b"e", size=1 << 62, mtime=-5, hardlinks=(3 << 32) + 2, flags=-1),
    row(b"f", symlink=5),
]
WRONG: list[dict[str, Any]] = [
    *({column: 1.0} for column in ("flags", "mode", "size", "mtime", "mtimens", "hardlinks", "uid", "gid", "hash")),
    *({column: b"1"} for column in ("flags", "mode", "size", "mtime", "mtimens", "hardlinks", "uid", "gid")),
    *({column: None} for column in ("rowid", "flags", "mode", "size", "mtime", "hardlinks", "uid", "gid", "name")),
    *({column: -1} for column in ("mode", "size", "uid", "gid", "mtimens")),
    *({column: 1 << 32} for column in ("uid", "gid", "mode", "mtimens")),
    {"mode": 0o644},
    {"size": (1 << 62) + 1},
    {"mtime": 1 << 62},
    {"mtime": -(1 << 62)},
    {"hash": "text"},
    {"mode": LINK, "symlink": None},
    {"mode": LINK, "symlink": b"a\0b"},
    {"mode": LINK, "symlink": b"x" * 4096},
    {"md5path_1": 1},
    {"md5path_2": None},
    {"md5path_1": b"12345678"},
]
WRONG_NAMES = [b"", b".", b"..", b"a/b", b"a\0b", b"n" * 256]


def single(candidate: Row) -> bool:
    return not (listed_wrongly(candidate, DIRECTORY) or complaint(candidate))


def all_well(rows: list[Row], directory: bytes) -> bool:
    return columns_well(Row(*zip(*rows)), directory)


def test_rows_without_faults_are_well() -> None:
    assert all(map(single, GOOD))
    assert all_well(GOOD, DIRECTORY)


@pytest.mark.parametrize("columns", WRONG, ids=str)
def test_a_wrong_value_is_found_among_many(columns: dict[str, Any]) -> None:
    bad = row(b"z", **columns)
    assert not single(bad)
    assert not all_well([*GOOD, bad, row(b"y")], DIRECTORY)


@pytest.mark.parametrize("name", WRONG_NAMES, ids=lambda name: repr(name[:4]))
def test_an_impossible_name_is_found_among_many(name: bytes) -> None:
    bad = row(name)
    assert not single(bad)
    assert not all_well([*GOOD, bad], DIRECTORY)


def test_a_row_of_another_directory_is_found() -> None:
    assert not all_well(GOOD, b"/other")


def test_a_listing_of_ten_thousand_names_is_what_look_ups_say(
    forged: Forged, opened: Callable[[RepositoryConfig], Repository]
) -> None:
    files = [
        forge.Row(b"/big/%05d" % n, forge.FILE, size=n, hash=bytes(16) + n.to_bytes(4, "big"), mtime=n)
        for n in range(1, 10_000)
    ]
    others = [
        forge.Row(b"/big/link", forge.LINK, symlink=b"00001"),
        forge.Row(b"/big/dir", forge.DIR),
        forge.Row(b"/big/hidden", forge.FILE | 0x8000, hash=b"\1" * 20),
        forge.Row(b"/big/twin", forge.FILE, hash=b"\2" * 20, hardlinks=(5 << 32) + 2),
        forge.Row(b"/big/device", forge.FILE | 0x10, mode=stat.S_IFCHR | 0o666, size=259),
    ]
    forged.forge.publish([forge.Row(b"/big", forge.DIR), *files, *others])
    repository = opened(forged.config())
    entries = repository.listdir(repository.lookup(b"/big"))
    assert [entry.name for entry in entries[:3]] == [b"00001", b"00002", b"00003"]
    assert len(entries) == len(files) + len(others) - 1
    assert b"hidden" not in {entry.name for entry in entries}
    for entry in [*entries[::97], *entries[-5:]]:
        assert entry.inode.path == b"/big/" + entry.name
        assert repository.lookup(entry.inode.path) == entry.inode
    assert len({entry.inode.ino for entry in entries}) == len(entries)


MANNERS: list[dict[str, Any]] = [
    {},
    {"world_readable": True},
    {"uid": 5, "gid_map": ((8, 80),)},
    {"uid_map": ((7, 70), (None, 71)), "gid": 0},
]


@pytest.mark.parametrize("manner", MANNERS, ids=str)
@pytest.mark.parametrize("plain", [True, False])
def test_a_listing_is_what_look_ups_say_in_each_manner(
    forged: Forged, opened: Callable[[RepositoryConfig], Repository], manner: dict[str, Any], plain: bool
) -> None:
    rows = [
        forge.Row(b"/d", forge.DIR),
        forge.Row(b"/empty", forge.DIR),
        forge.Row(b"/d/file", forge.FILE, size=3, hash=b"\1" * 20, mtimens=5, uid=7, gid=8),
        forge.Row(b"/d/none", forge.FILE, hash=b"", mode=0o100000, uid=9, gid=9),
    ]
    if not plain:
        rows += [
            forge.Row(b"/d/secret", forge.FILE | 0x8000, hash=b"\1" * 20),
            forge.Row(b"/d/link", forge.LINK, symlink=b"elsewhere", size=1),
            forge.Row(b"/d/dir", forge.DIR, mode=0o40700, uid=7, xattr=b"\1\0"),
            forge.Row(b"/d/one", forge.FILE, hash=b"\2" * 20, hardlinks=(5 << 32) + 2),
            forge.Row(b"/d/two", forge.FILE, hash=b"\2" * 20, hardlinks=(5 << 32) + 2),
            forge.Row(b"/d/odd", forge.FILE, hash=b"\2" * 20, hardlinks=0),
            forge.Row(b"/d/device", forge.FILE | 0x10, mode=stat.S_IFCHR | 0o666, size=259),
        ]
    forged.forge.publish(rows)
    config = forged.config(**manner)
    lister, asker = opened(config), opened(config)
    listed = lister.listdir(lister.lookup(b"/d"))
    assert len(listed) == (2 if plain else 8)
    for name, inode in listed:
        there = asker.lookup(b"/d/" + name)
        assert inode[:-1] == there[:-1]
        assert type(inode) is type(there)
    assert list(lister.listdir(lister.lookup(b"/empty"))) == []


def test_one_absurd_entry_spoils_a_listing_and_is_named(
    forged: Forged, opened: Callable[[RepositoryConfig], Repository], caplog: pytest.LogCaptureFixture
) -> None:
    files = [forge.Row(b"/%03d" % n, forge.FILE, size=n, hash=b"\1" * 20) for n in range(300)]
    forged.forge.publish([*files, forge.Row(b"/odd", forge.FILE, size=-4)])
    repository = opened(forged.config())
    with pytest.raises(OSError, match="Input/output error"):
        repository.listdir(repository.lookup(b""))
    assert "absurd: size -4" in caplog.text

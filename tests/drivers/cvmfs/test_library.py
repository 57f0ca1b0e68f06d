"""The library: opening by name and URL, paths of any spelling, ranges, attributes, trouble as typed errors."""

from __future__ import annotations

import errno
import hashlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from parrot_py.config.model import RepositoryConfig
from parrot_py.drivers.cvmfs import Repository
from parrot_py.drivers.cvmfs.catalogs.schema import pack_xattrs
from parrot_py.errors import ConfigError, Unreachable, Untrusted
from tests.drivers.contract import expect_errno
from tests.drivers.cvmfs.conftest import Forged, Site
from tests.drivers.cvmfs.forge import CHUNKED, DIR, LINK, Row
from tests.drivers.cvmfs.truth import BASIC
from tests.support.httpd import Fault

Open = Callable[[RepositoryConfig], Repository]
PARTS = [hashlib.sha256(b"%d" % n).digest() * (n * 37 % 90 + 1) for n in range(12)]
WHOLE = b"".join(PARTS)


def publish_chunked(forged: Forged) -> None:
    chunks, at = [], 0
    for part in PARTS:
        chunks.append((b"/big", at, len(part), forged.forge.store(part, "P").digest))
        at += len(part)
    rows = [
        Row(b"/big", CHUNKED, size=at),
        forged.forge.file(b"/plain", b"0123456789"),
        forged.forge.file(b"/nil", b""),
    ]
    forged.forge.publish(rows, chunks=chunks)


@pytest.fixture
def chunked(forged: Forged, opened: Open) -> Repository:
    publish_chunked(forged)
    return opened(forged.config())


def test_opening_by_url(site: Site, tmp_path: Path) -> None:
    url = f"{site.server.url}/cvmfs/{BASIC}"
    with Repository.open(url, key=site.keys[BASIC], cache_dir=tmp_path / "own", proxy="DIRECT") as repository:
        assert (repository.fqrn, repository.revision) == (BASIC, 2)
        assert repository.read("/README") == repository.read(b"README") == repository.read(Path("/README"))
    assert (tmp_path / "own").is_dir()


def test_opening_by_url_with_odd_characters(site: Site, real: Path, tmp_path: Path) -> None:
    odd = tmp_path / "a b,c:d*e\\f"
    odd.symlink_to(real / BASIC / "www")
    url = f"file://{odd}/{BASIC}".replace(" ", "%20")
    with Repository.open(url, key=[site.keys[BASIC]], cache_dir=tmp_path / "own") as repository:
        assert repository.exists("README")


def test_opening_by_name(site: Site, tmp_path: Path) -> None:
    described = f"{BASIC}:url={site.server.url}/cvmfs/{BASIC},pubkey={site.keys[BASIC]}"
    options = ["-r", described, "-t", str(tmp_path / "tempdir")]
    for name in (BASIC, f"/cvmfs/{BASIC}", f"/cvmfs/{BASIC}/"):
        with Repository.open(name, proxy="DIRECT", options=options) as repository:
            assert repository.revision == 2
    assert (tmp_path / "tempdir" / "cvmfs").is_dir()


def test_opening_the_repository_inside_the_package(tmp_path: Path) -> None:
    with Repository.open(
        "demo.parrot.local",
        options=["-r", "x.test:url=http://x.invalid/x.test,pubkey=/etc/passwd", "-t", str(tmp_path)],
    ) as demo:
        assert demo.exists("/")


@pytest.mark.parametrize(
    ("name", "more", "complaint"),
    [
        ("none.of.these.invalid", {}, "no .*'none.of.these.invalid'"),
        ("http://server.invalid/", {}, "ends in its full name"),
        ("http://server.invalid/cvmfs/x.invalid", {}, "pubkey"),
        (f"/cvmfs/{BASIC}/README", {}, "path in one"),
        ("", {}, "not the name"),
        ("http://server.invalid/sft.cern.ch", {"root_hash": "abc"}, "root hash"),
    ],
)
def test_what_cannot_be_opened(name: str, more: dict[str, str], complaint: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=complaint):
        Repository.open(name, options=["-t", str(tmp_path)], **more)  # type: ignore[arg-type]


def test_a_pinned_root(site: Site, tmp_path: Path) -> None:
    url = f"{site.server.url}/cvmfs/{BASIC}"
    with Repository.open(url, key=site.keys[BASIC], cache_dir=tmp_path) as newest:
        root = newest.root_hash
    asked = len(site.server.requests)
    with Repository.open(url, key=site.keys[BASIC], cache_dir=tmp_path, root_hash=root) as pinned:
        assert pinned.root_hash == root
    assert len(site.server.requests) == asked


def test_nobody_answers(site: Site, tmp_path: Path) -> None:
    site.server.stop()
    with pytest.raises(Unreachable) as failed:
        Repository.open(f"{site.server.url}/cvmfs/{BASIC}", key=site.keys[BASIC], cache_dir=tmp_path / "new")
    assert failed.value.errno == errno.EIO


def test_somebody_else_answers(site: Site, forged: Forged, tmp_path: Path) -> None:
    with pytest.raises(Untrusted, match="not signed") as failed:
        Repository.open(f"{site.server.url}/cvmfs/{BASIC}", key=forged.forge.key_file, cache_dir=tmp_path / "new")
    assert failed.value.errno == errno.EIO


def test_paths(forged: Forged, opened: Open) -> None:
    rows = [Row(b"/d", DIR), forged.forge.file(b"/d/f", b"data"), Row(b"/l", LINK, symlink=b"d"), Row(b"/d/e", DIR)]
    rows += [Row(b"/ll", LINK, symlink=b"l/"), Row(b"/lf", LINK, symlink=b"./d//f"), forged.forge.file(b"/\xff", b"x")]
    forged.forge.publish(rows)
    repository = opened(forged.config())
    for path in ("d/f", "/d/./f", "//d//f", "l/f", "/ll/f", "ll/e/../f", "../d/f", "lf", "d/e/../../lf"):
        assert repository.stat(path).path == b"/d/f", path
    assert repository.stat("/") == repository.stat("") == repository.lstat(b".") == repository.lookup(b"")
    assert repository.lstat("l").is_link
    assert repository.lstat("l/").path == repository.stat("l").path == b"/d"
    assert repository.lstat("d/e/..").path == b"/d"
    assert repository.stat(repository.lstat("ll")).path == b"/d"
    assert repository.stat(os.fsdecode(b"/\xff")).path == repository.stat(b"\xff").path == b"/\xff"
    assert repository.readlink("ll") == b"l/"
    assert [entry.name for entry in repository.scandir("l")] == [b"f", b"e"]
    assert not repository.exists("d/f/..")
    for path, code in [("d/f/", errno.ENOTDIR), ("lf/", errno.ENOTDIR), ("d/f/..", errno.ENOTDIR), ("x", errno.ENOENT)]:
        expect_errno(code, lambda path=path: repository.stat(path))  # type: ignore[misc]
    expect_errno(errno.EINVAL, lambda: repository.stat("d\0"))
    expect_errno(errno.EINVAL, lambda: repository.stat("\ud800"))
    expect_errno(errno.EINVAL, lambda: repository.readlink("d"))
    expect_errno(errno.EISDIR, lambda: repository.read("d"))
    expect_errno(errno.ENOTDIR, lambda: repository.scandir("lf"))


def test_a_walk_does_not_enter_bind_mountpoints(forged: Forged, opened: Open) -> None:
    inner = forged.forge.catalog([Row(b"", 0x21), forged.forge.file(b"/f", b"bound")])
    sql = f"INSERT INTO bind_mountpoints VALUES ('/b', '{inner}', 0);"
    forged.forge.publish([Row(b"/b", 0x4003), Row(b"/d", DIR)], extra=sql)
    repository = opened(forged.config())
    assert [path for path, _ in repository.walk()] == [b"", b"/b", b"/d"]
    assert [path for path, _ in repository.walk("/b")] == [b"/b", b"/b/f"]
    assert repository.read("/b/f") == b"bound"


def test_a_range_fetches_the_chunks_it_lies_in(chunked: Repository, forged: Forged) -> None:
    first = len(PARTS[0])
    assert chunked.read("/big", 3, 5) == WHOLE[3:8]
    assert forged.server.count("*P") == 1
    assert chunked.read("/big", first - 2, 4) == WHOLE[first - 2 : first + 2]
    assert forged.server.count("*P") == 2
    assert chunked.read("/big") == WHOLE
    assert chunked.read("/big", len(WHOLE) - 1, 10) == WHOLE[-1:]
    assert chunked.read("/big", len(WHOLE) + 1, 10) == chunked.read("/big", 5, 0) == b""
    with open(chunked.materialise(chunked.stat("/big")), "rb") as file:
        assert file.read() == WHOLE
    assert forged.server.count("*P") == len(PARTS)


def test_a_whole_file_in_the_cache_serves_ranges(chunked: Repository, forged: Forged) -> None:
    chunked.materialise(chunked.stat("/big"))
    asked = len(forged.server.requests)
    forged.server.stop()
    assert chunked.read("/big", 100, 1000) == WHOLE[100:1100]
    with chunked.open_file("/big") as file:
        assert file.read() == WHOLE
    assert len(forged.server.requests) == asked


def test_ranges_of_plain_and_empty_files(chunked: Repository) -> None:
    assert chunked.read("/plain", 3, 4) == b"3456"
    assert chunked.read("/plain", 8) == b"89"
    assert chunked.read("/plain", 11) == chunked.read("/nil") == chunked.read("/nil", 4, 4) == b""
    with chunked.open_file("/nil") as nil:
        assert nil.read() == b""
    expect_errno(errno.EINVAL, lambda: chunked.read("/plain", -1))


def test_open_files(chunked: Repository, forged: Forged) -> None:
    with chunked.open_file("/big") as file:
        assert forged.server.count("*P") == 0
        assert (file.readable(), file.writable(), file.seekable()) == (True, False, True)
        assert file.seek(-10, os.SEEK_END) == len(WHOLE) - 10
        assert file.read() == WHOLE[-10:]
        assert file.read() == b""
        assert file.seek(0) == 0
        assert b"".join(iter(lambda: file.read(333), b"")) == WHOLE
        assert forged.server.count("*P") == len(PARTS)
        with pytest.raises(OSError, match="before the beginning"):
            file.seek(-1)
        file.seek(len(WHOLE) + 5)
        assert file.read(1) == b""


def test_a_damaged_chunk_is_an_error_and_not_kept(chunked: Repository, forged: Forged) -> None:
    forged.server.fault("*P", Fault(flip=3))
    before = forged.cached()
    chunked.lookup(b"")
    expect_errno(errno.EIO, lambda: chunked.read("/big", 0, 10))
    with chunked.open_file("/big") as file:
        expect_errno(errno.EIO, lambda: file.read(1))
    assert not [name for name in forged.cached() - before if "txn" in name]


@pytest.fixture(scope="module")
def warm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Repository]:
    from tests.drivers.cvmfs.forge import Forge
    from tests.support.httpd import Server

    place = tmp_path_factory.mktemp("ranges")
    forge = Forge(place / "forged")
    with Server({f"/cvmfs/{forge.name}": forge.directory}) as server:
        forged = Forged(forge, server, place / "cache")
        publish_chunked(forged)
        with Repository(forged.config()) as repository:
            yield repository


@settings(max_examples=150, deadline=None, database=None)
@given(offset=st.integers(0, len(WHOLE) + 50), size=st.one_of(st.none(), st.integers(0, len(WHOLE) + 50)))
def test_any_range_is_that_of_the_content(warm: Repository, offset: int, size: int | None) -> None:
    assert warm.read("/big", offset, size) == WHOLE[offset:][:size]


@settings(max_examples=60, deadline=None, database=None)
@given(st.lists(st.tuples(st.integers(0, len(WHOLE) + 50), st.integers(0, 3000)), max_size=12))
def test_any_seeks_and_reads_are_those_of_a_local_file(warm: Repository, steps: list[tuple[int, int]]) -> None:
    with warm.open_file("/big") as file:
        for position, size in steps:
            file.seek(position)
            assert file.read(size) == WHOLE[position:][:size]


def test_attributes_by_path(forged: Forged, opened: Open) -> None:
    file = forged.forge.file(b"/f", b"x", xattr=pack_xattrs({b"user.a": b"1"}))
    forged.forge.publish([file, Row(b"/l", LINK, symlink=b"f")])
    repository = opened(forged.config())
    assert repository.getxattr("/f", "user.a") == repository.getxattr("/l", b"user.a") == b"1"
    assert list(repository.listxattr("/l")) == [b"user.a"]
    assert "user.fqrn" in [os.fsdecode(name) for name in repository.listxattr()]
    assert repository.getxattr(repository.lstat("/l"), "user.rawlink") == b"f"
    expect_errno(errno.ENODATA, lambda: repository.getxattr("/f", "user.none"))

"""Trees that are asked name by name: the driver over fsspec file systems of this machine, and over plain HTTP."""

from __future__ import annotations

import errno
import os
import shutil
import stat
import tarfile
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from parrot_py.config.model import RepositoryConfig
from parrot_py.drivers.base import Driver
from parrot_py.drivers.cvmfs.cache.transaction import Transaction
from parrot_py.drivers.cvmfs.net.statistics import Statistics
from parrot_py.drivers.cvmfs.trouble import Failure
from parrot_py.drivers.remote.driver import RemoteDriver
from parrot_py.drivers.remote.fsspec_source import FsspecSource
from parrot_py.drivers.remote.http_facts import errno_of
from parrot_py.drivers.remote.http_source import HttpSource
from parrot_py.drivers.remote.source import DIRECTORY, FILE, Fact
from tests.drivers.contract import NEXT, TREE, DriverContract, expect_errno
from tests.support.contract_tree import materialise_all, write_tree
from tests.support.httpd import Fault, Server

pytest.importorskip("fsspec")

PLAIN = {name: what for name, what in TREE.items() if what[0] != stat.S_IFLNK}


def config(cache: Path) -> RepositoryConfig:
    return RepositoryConfig("remote", (), (), cache)._replace(deadline=4.0, backoff_init=0.1, backoff_max=0.2)


def fsspec_driver(url: str, cache: Path, **options: object) -> RemoteDriver:
    return RemoteDriver(FsspecSource(url, options, 10.0), config(cache))


class TestLocalDirectory(DriverContract):
    HARD_LINKS = ATTRIBUTES = False

    @pytest.fixture
    def driver(self, tmp_path: Path) -> Iterator[Driver]:
        driver = fsspec_driver(f"file://{write_tree(tmp_path / 'tree')}", tmp_path / "cache")
        yield driver
        driver.close()


class TestTar(DriverContract):
    HARD_LINKS = ATTRIBUTES = LINKS = False

    @pytest.fixture
    def driver(self, tmp_path: Path) -> Iterator[Driver]:
        tree = write_tree(tmp_path / "tree", PLAIN)
        with tarfile.open(tmp_path / "tree.tar.gz", "w:gz") as archive:
            archive.add(tree, "")
        driver = fsspec_driver(f"tar://::file://{tmp_path}/tree.tar.gz", tmp_path / "cache")
        yield driver
        driver.close()


class TestZip(DriverContract):
    HARD_LINKS = ATTRIBUTES = LINKS = False
    ABSENT = frozenset({b"/with blank \xff"})

    @pytest.fixture
    def driver(self, tmp_path: Path) -> Iterator[Driver]:
        tree = write_tree(tmp_path / "tree", {name: what for name, what in PLAIN.items() if b"\xff" not in name})
        shutil.make_archive(str(tmp_path / "tree"), "zip", tree)
        driver = fsspec_driver(f"zip://::file://{tmp_path}/tree.zip", tmp_path / "cache")
        yield driver
        driver.close()


class TestChangingDirectory(DriverContract):
    """A directory in memory that is changed, with a short life of all answers."""

    HARD_LINKS = ATTRIBUTES = False

    @pytest.fixture
    def driver(self, tmp_path: Path) -> Iterator[Driver]:
        url = f"file://{write_tree(tmp_path / 'tree')}"
        driver = RemoteDriver(FsspecSource(url, {}, 10.0), config(tmp_path / "cache"), ttl=1.0)
        materialise_all(driver)
        yield driver
        driver.close()

    @pytest.fixture
    def publish(self, tmp_path: Path) -> Callable[[Driver], None]:
        def publish(driver: Driver) -> None:
            assert isinstance(driver, RemoteDriver)
            write_tree(tmp_path / "tree", NEXT)
            driver.expire()

        return publish


# -- what servers may do


class Scripted:
    """A source whose answers are what a test says."""

    name = "scripted"

    def __init__(self) -> None:
        self.facts: dict[bytes, Fact | Exception] = {b"": Fact(DIRECTORY, mode=0o555)}
        self.content = b"content"
        self.looks: list[bytes] = []
        self.closed = False
        self.statistics = Statistics()

    def look(self, path: bytes) -> Fact:
        self.looks.append(path)
        fact = self.facts.get(path) or FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))
        if isinstance(fact, Exception):
            raise fact
        return fact

    def list(self, path: bytes) -> Sequence[tuple[bytes, Fact]]:  # noqa: ARG002 - the same everywhere
        return [(name[1:], fact) for name, fact in self.facts.items() if name and isinstance(fact, Fact)]

    def fetch(self, path: bytes, fact: Fact, txn: Transaction) -> None:  # noqa: ARG002
        txn.write(self.content)

    def place(self, path: bytes) -> str:
        return f"host:{os.fsdecode(path)}"

    def passage(self, path: bytes) -> bool:  # noqa: ARG002
        return False

    def close(self) -> None:
        self.closed = True


def test_an_answer_is_believed_for_as_long_as_the_server_says(tmp_path: Path) -> None:
    source = Scripted()
    source.facts[b"/a"] = Fact(FILE, 7, identity=b"1", lasts=1.0)
    driver = RemoteDriver(source, config(tmp_path), ttl=3600.0)
    news = threading.Event()
    driver.watch(news.set)
    first = driver.lookup(b"/a")
    source.facts[b"/a"] = Fact(FILE, 8, identity=b"2")
    assert not driver.settle()
    assert driver.lookup(b"/a") == first
    assert news.wait(60)
    assert driver.settle()
    second = driver.lookup(b"/a")
    assert (second.size, second.ino != first.ino) == (8, True)
    driver.close()
    assert source.closed


def test_a_name_that_did_not_change_keeps_its_number(tmp_path: Path) -> None:
    source = Scripted()
    source.facts[b"/a"] = Fact(FILE, 7, identity=b"1")
    driver = RemoteDriver(source, config(tmp_path))
    before = driver.lookup(b"/a").ino
    driver.expire()
    assert driver.lookup(b"/a").ino == before


def test_a_size_that_nobody_states_is_found_by_reading(tmp_path: Path) -> None:
    source = Scripted()
    source.facts[b"/a"] = Fact(FILE, None, identity=b"1")
    assert RemoteDriver(source, config(tmp_path)).lookup(b"/a").size == 7


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (FileNotFoundError(errno.ENOENT, "x"), errno.ENOENT),
        (PermissionError(errno.EACCES, "x"), errno.EACCES),
        (ConnectionResetError(errno.ECONNRESET, "x"), errno.ECONNRESET),
        (Failure("x"), errno.EIO),
        (Failure("x", errno.ETIMEDOUT), errno.ETIMEDOUT),
    ],
)
def test_trouble_is_told_as_trouble(tmp_path: Path, error: Exception, code: int) -> None:
    source = Scripted()
    source.facts[b"/a"] = error
    driver = RemoteDriver(source, config(tmp_path))
    for _ in range(2):
        expect_errno(code, lambda: driver.lookup(b"/a"))
    assert source.looks == [b"", b"/a"]


def test_a_package_that_does_not_answer_is_given_up(tmp_path: Path) -> None:
    source = FsspecSource(f"file://{write_tree(tmp_path / 'tree')}", {}, 0.2)
    hold = threading.Event()
    source._fs.info = lambda _: hold.wait(60)
    driver = RemoteDriver(source, config(tmp_path / "cache"))
    expect_errno(errno.ETIMEDOUT, lambda: driver.lookup(b"/file"))
    hold.set()


def test_an_unknown_protocol() -> None:
    with pytest.raises(Failure, match="nonsense"):
        FsspecSource("nonsense://host/path", {}, 5.0)


# -- plain URLs


class Web:
    """A web server with a tree, and drivers that reach it."""

    def __init__(self, base: Path) -> None:
        self.base, self.tree = base, write_tree(base / "tree")
        self.server = Server(self.tree, tags=True)
        self.driver = RemoteDriver(HttpSource("http", timeout=30.0, patience=60.0), config(base / "cache"))

    @property
    def top(self) -> bytes:
        return b"/" + self.server.url.partition("://")[2].encode()


@pytest.fixture
def web(tmp_path: Path) -> Iterator[Web]:
    made = Web(tmp_path)
    with made.server:
        yield made
        made.driver.close()


def test_files_at_urls(web: Web) -> None:
    inode = web.driver.lookup(web.top + b"/dir/inner")
    assert (inode.mode, inode.size) == (stat.S_IFREG | 0o555, 5)
    assert Path(web.driver.materialise(inode)).read_bytes() == b"inner"
    expect_errno(errno.ENOENT, lambda: web.driver.lookup(web.top + b"/none"))
    assert web.driver.lookup(web.top).is_dir
    assert web.driver.listdir(web.driver.lookup(web.top)) == []
    expect_errno(errno.ENOENT, lambda: web.driver.lookup(b"/not a host"))


def test_names_are_quoted_as_little_as_possible(web: Web) -> None:
    assert web.driver.lookup(web.top + b"/with blank \xff").size == 5
    assert web.driver.lookup(web.top + b"/with%20blank%20%ff").size == 5


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (304, errno.EBUSY), (400, errno.EINVAL), (401, errno.EACCES), (403, errno.EACCES), (404, errno.ENOENT),
        (405, errno.EINVAL), (406, errno.EINVAL), (407, errno.EACCES), (408, errno.ETIMEDOUT), (409, errno.ENOENT),
        (410, errno.ENOENT), (411, errno.EINVAL), (414, errno.ENAMETOOLONG), (416, errno.EINVAL), (429, errno.EBUSY),
        (500, errno.EIO), (502, errno.EIO), (503, errno.EIO), (504, errno.EIO),
    ],
)  # fmt: skip
def test_answers_and_their_errno(web: Web, status: int, code: int) -> None:
    assert errno_of(status) == code
    web.server.fault("*/dir/inner", Fault(status=status))
    expect_errno(code, lambda: web.driver.lookup(web.top + b"/dir/inner"))


def test_nobody_there(tmp_path: Path) -> None:
    driver = RemoteDriver(HttpSource("http", timeout=30.0), config(tmp_path))
    expect_errno(errno.ECONNRESET, lambda: driver.lookup(b"/127.0.0.1:1/file"))
    expect_errno(errno.ECONNRESET, lambda: driver.lookup(b"/no.such.host.invalid/file"))


def test_silence_is_a_time_out(web: Web, tmp_path: Path) -> None:
    web.server.fault("*", Fault(delay=60.0))
    driver = RemoteDriver(HttpSource("http", timeout=1.0, patience=2.0), config(tmp_path))
    expect_errno(errno.ETIMEDOUT, lambda: driver.lookup(web.top + b"/file"))
    driver.close()


def test_redirections_are_followed_a_few_times(web: Web) -> None:
    web.server.fault("/old", Fault(status=302, headers={"Location": "/file"}))
    assert Path(web.driver.materialise(web.driver.lookup(web.top + b"/old"))).read_bytes() == TREE[b"/file"][1]
    web.server.fault("/round", Fault(status=302, headers={"Location": "/round"}))
    expect_errno(errno.ELOOP, lambda: web.driver.lookup(web.top + b"/round"))
    web.server.fault("/out", Fault(status=302, headers={"Location": "file:///etc/passwd"}))
    expect_errno(errno.EIO, lambda: web.driver.lookup(web.top + b"/out"))


def test_a_download_that_breaks_goes_on(web: Web) -> None:
    (web.tree / "big").write_bytes(bytes(range(256)) * 4096)
    web.server.fault("/big", Fault(truncate=300_000), times=2)
    inode = web.driver.lookup(web.top + b"/big")
    assert Path(web.driver.materialise(inode)).read_bytes() == bytes(range(256)) * 4096


def test_a_file_that_changes_in_the_middle_is_stale(web: Web) -> None:
    inode = web.driver.lookup(web.top + b"/dir/inner")
    (web.tree / "dir" / "inner").write_bytes(b"other, longer")
    expect_errno(errno.ESTALE, lambda: web.driver.materialise(inode))
    web.driver.expire()
    assert Path(web.driver.materialise(web.driver.lookup(web.top + b"/dir/inner"))).read_bytes() == b"other, longer"


def test_a_proxy_that_is_dead_is_passed_by(web: Web) -> None:
    source = HttpSource("http", (("http://127.0.0.1:1",), ("DIRECT",)), timeout=2.0)
    driver = RemoteDriver(source, config(web.base / "other"))
    assert driver.lookup(web.top + b"/file").size == 13


def test_what_is_cached_is_asked_for_but_not_fetched(web: Web) -> None:
    for _ in range(2):
        web.driver.materialise(web.driver.lookup(web.top + b"/file"))
        web.driver.expire()
    assert web.server.methods == ["HEAD", "GET", "HEAD"]
    assert "If-None-Match" in web.server.headers[2]

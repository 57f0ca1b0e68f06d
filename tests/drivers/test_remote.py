"""Trees that are asked name by name: fsspec file systems of this machine, and servers that are scripted."""

from __future__ import annotations

import errno
import os
import shutil
import stat
import tarfile
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from parrot_py.config.model import RepositoryConfig
from parrot_py.drivers.base import Driver
from parrot_py.drivers.cvmfs.cache.transaction import Transaction
from parrot_py.drivers.cvmfs.net.statistics import Statistics
from parrot_py.drivers.cvmfs.trouble import Failure
from parrot_py.drivers.remote.driver import RemoteDriver
from parrot_py.drivers.remote.fsspec_source import FsspecSource
from parrot_py.drivers.remote.source import DIRECTORY, FILE, Fact
from tests.drivers.contract import NEXT, TREE, DriverContract, expect_errno
from tests.support.contract_tree import materialise_all, write_tree

pytest.importorskip("fsspec")

PLAIN = {name: what for name, what in TREE.items() if what[0] != stat.S_IFLNK}


def config(cache: Path) -> RepositoryConfig:
    return RepositoryConfig("remote", (), (), cache)._replace(deadline=4.0, backoff_init=0.1, backoff_max=0.2)


def fsspec_driver(url: str, cache: Path, **options: object) -> RemoteDriver:
    return RemoteDriver(FsspecSource(url, options, 10.0), config(cache))


class TestLocalDirectory(DriverContract):
    HARD_LINKS = ATTRIBUTES = False

    @pytest.fixture
    def driver(self, tmp_path: Path) -> Driver:
        return fsspec_driver(f"file://{write_tree(tmp_path / 'tree')}", tmp_path / "cache")


class TestTar(DriverContract):
    HARD_LINKS = ATTRIBUTES = LINKS = False

    @pytest.fixture
    def driver(self, tmp_path: Path) -> Driver:
        tree = write_tree(tmp_path / "tree", PLAIN)
        with tarfile.open(tmp_path / "tree.tar.gz", "w:gz") as archive:
            archive.add(tree, "")
        return fsspec_driver(f"tar://::file://{tmp_path}/tree.tar.gz", tmp_path / "cache")


class TestZip(DriverContract):
    HARD_LINKS = ATTRIBUTES = LINKS = False
    ABSENT = frozenset({b"/with blank \xff"})

    @pytest.fixture
    def driver(self, tmp_path: Path) -> Driver:
        tree = write_tree(tmp_path / "tree", {name: what for name, what in PLAIN.items() if b"\xff" not in name})
        shutil.make_archive(str(tmp_path / "tree"), "zip", tree)
        return fsspec_driver(f"zip://::file://{tmp_path}/tree.zip", tmp_path / "cache")


class TestChangingDirectory(DriverContract):
    """A directory in memory that is changed, with a short life of all answers."""

    HARD_LINKS = ATTRIBUTES = False

    @pytest.fixture
    def driver(self, tmp_path: Path) -> Driver:
        url = f"file://{write_tree(tmp_path / 'tree')}"
        driver = RemoteDriver(FsspecSource(url, {}, 10.0), config(tmp_path / "cache"), ttl=1.0)
        materialise_all(driver)
        return driver

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

"""What every driver must do, whatever is behind it: a driver's tests subclass :class:`DriverContract`.

The tree must hold, among anything else, what TREE lists (attributes are up to the driver unless listed).
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from typing import Any, Callable

import pytest

from parrot_py.drivers.base import Driver, Inode, WouldBlock, nonblocking

FILE_DATA = b"hello, world\n"
# path → (type, content or target)
TREE: dict[bytes, tuple[int, bytes]] = {
    b"/file": (stat.S_IFREG, FILE_DATA),
    b"/empty": (stat.S_IFREG, b""),
    b"/link": (stat.S_IFLNK, b"dir/inner"),
    b"/dir": (stat.S_IFDIR, b""),
    b"/dir/inner": (stat.S_IFREG, b"inner"),
    b"/dir/deep": (stat.S_IFDIR, b""),
    b"/dir/deep/leaf": (stat.S_IFREG, b"leaf"),
    b"/hollow": (stat.S_IFDIR, b""),
    b"/with blank \xff": (stat.S_IFREG, b"blank"),
    b"/same1": (stat.S_IFREG, b"same"),
    b"/same2": (stat.S_IFREG, b"same"),
}
XATTR = (b"/file", b"user.contract", b"value\0binary")


def expect_errno(code: int, call: Callable[[], Any]) -> None:
    """Assert that *call* raises exactly an OSError with *code*."""
    with pytest.raises(OSError, match=r"^\[Errno") as failed:
        call()
    assert failed.value.errno == code


def walk(driver: Driver, path: bytes = b"") -> Iterator[Inode]:
    """Every inode at and below *path*."""
    inode = driver.lookup(path)
    yield inode
    if inode.is_dir:
        for entry in driver.listdir(inode):
            yield from walk(driver, entry.inode.path)


class DriverContract:
    """The suite.  Subclasses provide the fixture ``driver``."""

    def test_root(self, driver: Driver) -> None:
        root = driver.lookup(b"")
        assert root.is_dir
        assert root.path == b""

    def test_kinds_and_sizes(self, driver: Driver) -> None:
        for path, (kind, data) in TREE.items():
            inode = driver.lookup(path)
            assert inode.path == path
            assert stat.S_IFMT(inode.mode) == kind
            assert inode.nlink >= 1
            if kind != stat.S_IFDIR:
                assert inode.size == len(data)
            assert inode.target == (data if kind == stat.S_IFLNK else None)

    def test_lookup_tells_missing_from_not_a_directory(self, driver: Driver) -> None:
        for path in (b"/none", b"/none/deeper", b"/dir/none", b"/hollow/x"):
            expect_errno(errno.ENOENT, lambda path=path: driver.lookup(path))  # type: ignore[misc]
        for path in (b"/file/x", b"/file/x/y", b"/link/x", b"/empty/x"):
            expect_errno(errno.ENOTDIR, lambda path=path: driver.lookup(path))  # type: ignore[misc]

    def test_listing_is_what_lookup_gives(self, driver: Driver) -> None:
        for inode in list(walk(driver)):
            if not inode.is_dir:
                continue
            entries = driver.listdir(inode)
            assert [entry.inode for entry in entries] == [
                driver.lookup(inode.path + b"/" + entry.name) for entry in entries
            ]
            assert not {b"", b".", b".."} & {entry.name for entry in entries}
            assert len({entry.name for entry in entries}) == len(entries)
            assert list(driver.listdir(inode)) == list(entries)

    def test_listing_finds_everything(self, driver: Driver) -> None:
        assert TREE.keys() <= {inode.path for inode in walk(driver)}
        assert driver.listdir(driver.lookup(b"/hollow")) == []

    def test_listing_of_something_else(self, driver: Driver) -> None:
        for path in (b"/file", b"/link"):
            expect_errno(errno.ENOTDIR, lambda path=path: driver.listdir(driver.lookup(path)))  # type: ignore[misc]

    def test_content(self, driver: Driver) -> None:
        for path, (kind, data) in TREE.items():
            if kind != stat.S_IFREG:
                continue
            local = driver.materialise(driver.lookup(path))
            with open(local, "rb") as file:
                assert file.read() == data
            mode = os.stat(local).st_mode
            assert mode & 0o500 == 0o500
            assert not mode & 0o222
            assert driver.materialise(driver.lookup(path)) == local

    def test_content_of_something_else(self, driver: Driver) -> None:
        expect_errno(errno.EISDIR, lambda: driver.materialise(driver.lookup(b"/dir")))
        expect_errno(errno.EINVAL, lambda: driver.materialise(driver.lookup(b"/link")))

    def test_inode_numbers(self, driver: Driver) -> None:
        first = {inode.path: inode.ino for inode in walk(driver)}
        assert first[b"/same1"] == first[b"/same2"]
        assert len(set(first.values())) == len(first) - 1
        assert driver.lookup(b"/same1").nlink == 2
        assert {inode.path: inode.ino for inode in walk(driver)} == first
        assert all(0 < ino < 1 << 63 for ino in first.values())

    def test_extended_attributes(self, driver: Driver) -> None:
        path, name, value = XATTR
        inode = driver.lookup(path)
        assert inode.has_xattrs
        assert driver.getxattr(inode, name) == value
        assert list(driver.listxattr(inode)) == [name]
        plain = driver.lookup(b"/empty")
        assert list(driver.listxattr(plain)) == []
        for there in (inode, plain):
            expect_errno(errno.ENODATA, lambda there=there: driver.getxattr(there, b"user.none"))  # type: ignore[misc]

    def test_statfs(self, driver: Driver) -> None:
        driver.lookup(b"")
        assert driver.statfs().bsize > 0

    def test_warm_answers_do_not_block(self, driver: Driver) -> None:
        for inode in list(walk(driver)):
            if inode.is_regular:
                driver.materialise(inode)
        with nonblocking():
            for inode in list(walk(driver)):
                driver.listxattr(inode)
                if inode.is_regular:
                    driver.materialise(inode)
            for path in (b"/none", b"/dir/none"):
                expect_errno(errno.ENOENT, lambda path=path: driver.lookup(path))  # type: ignore[misc]

    def test_cold_answers_block_or_are_right(self, driver: Driver) -> None:
        for _ in range(2):
            try:
                with nonblocking():
                    assert driver.lookup(b"/file").size == len(FILE_DATA)
                    driver.materialise(driver.lookup(b"/file"))
            except WouldBlock:
                driver.materialise(driver.lookup(b"/file"))

    def test_close_twice(self, driver: Driver) -> None:
        driver.lookup(b"/file")
        driver.close()
        driver.close()

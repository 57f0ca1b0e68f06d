"""What every driver must do, whatever is behind it: a driver's tests subclass :class:`DriverContract`.

The tree must hold, among anything else, what TREE lists (attributes are up to the driver unless listed).
"""

from __future__ import annotations

import errno
import hashlib
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
# The newer state of a tree that can have one: a file changed, a directory gone, something new.
NEXT_DATA = b"hello, new world\n"
NEXT: dict[bytes, tuple[int, bytes]] = {
    **{path: what for path, what in TREE.items() if not path.startswith(b"/dir/deep")},
    b"/file": (stat.S_IFREG, NEXT_DATA),
    b"/link": (stat.S_IFLNK, b"file"),
    b"/new": (stat.S_IFREG, b"new"),
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
    """The suite.  Subclasses provide the fixture ``driver``, and ``publish`` if the tree can come to be another.

    What the format behind a driver cannot say is switched off: *HARD_LINKS*, *ATTRIBUTES*, *LINKS*; *ABSENT* are
    names that it cannot have.
    """

    HARD_LINKS = True
    ATTRIBUTES = True
    LINKS = True
    ABSENT: frozenset[bytes] = frozenset()

    def listed(self) -> dict[bytes, tuple[int, bytes]]:
        """What of TREE the driver shows."""
        kept = {path: what for path, what in TREE.items() if path not in self.ABSENT}
        return {path: what for path, what in kept.items() if self.LINKS or what[0] != stat.S_IFLNK}

    @pytest.fixture
    def publish(self) -> Callable[[Driver], None] | None:
        """Makes NEXT ready to be shown by the driver."""
        return None

    @pytest.fixture(autouse=True)
    def _closes(self, driver: Driver) -> Iterator[None]:
        yield
        driver.close()

    def settle_down(self, driver: Driver) -> None:
        """Wait until *driver* does nothing by itself: who holds a lock for a moment makes others go another way."""

    def test_root(self, driver: Driver) -> None:
        root = driver.lookup(b"")
        assert root.is_dir
        assert root.path == b""

    def test_kinds_and_sizes(self, driver: Driver) -> None:
        for path, (kind, data) in self.listed().items():
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
        for path in (b"/file/x", b"/file/x/y", b"/empty/x", *([b"/link/x"] if self.LINKS else [])):
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
        assert self.listed().keys() <= {inode.path for inode in walk(driver)}
        if b"/hollow" not in self.ABSENT:
            assert driver.listdir(driver.lookup(b"/hollow")) == []

    def test_listing_of_something_else(self, driver: Driver) -> None:
        for path in (b"/file", *([b"/link"] if self.LINKS else [])):
            expect_errno(errno.ENOTDIR, lambda path=path: driver.listdir(driver.lookup(path)))  # type: ignore[misc]

    def test_content(self, driver: Driver) -> None:
        for path, (kind, data) in self.listed().items():
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
        if self.LINKS:
            expect_errno(errno.EINVAL, lambda: driver.materialise(driver.lookup(b"/link")))

    def test_inode_numbers(self, driver: Driver) -> None:
        first = {inode.path: inode.ino for inode in walk(driver)}
        assert (first[b"/same1"] == first[b"/same2"]) == self.HARD_LINKS
        assert len(set(first.values())) == len(first) - self.HARD_LINKS
        assert driver.lookup(b"/same1").nlink == 1 + self.HARD_LINKS
        assert {inode.path: inode.ino for inode in walk(driver)} == first
        assert all(0 < ino < 1 << 63 for ino in first.values())

    def test_extended_attributes(self, driver: Driver) -> None:
        path, name, value = XATTR
        inode = driver.lookup(path)
        assert inode.has_xattrs == self.ATTRIBUTES
        if self.ATTRIBUTES:
            assert driver.getxattr(inode, name) == value
        assert list(driver.listxattr(inode)) == [name] * self.ATTRIBUTES
        plain = driver.lookup(b"/empty")
        assert list(driver.listxattr(plain)) == []
        for there in (inode, plain):
            expect_errno(errno.ENODATA, lambda there=there: driver.getxattr(there, b"user.none"))  # type: ignore[misc]

    def test_digests_are_those_of_the_content(self, driver: Driver) -> None:
        for inode in list(walk(driver)):
            if inode.is_regular:
                with open(driver.materialise(inode), "rb") as file:
                    data = file.read()
                for name, digest in driver.digests(inode).items():
                    assert hashlib.new(name, data).hexdigest() == digest

    def test_origins_and_counters(self, driver: Driver) -> None:
        inode = driver.lookup(b"/file")
        driver.materialise(inode)
        with nonblocking():
            assert all(":" in place for place in driver.origins(inode))
            assert all(value >= 0 for value in driver.counters().values())

    def test_statfs(self, driver: Driver) -> None:
        driver.lookup(b"")
        assert driver.statfs().bsize > 0

    def test_warm_answers_do_not_block(self, driver: Driver) -> None:
        for inode in list(walk(driver)):
            if inode.is_regular:
                driver.materialise(inode)
        self.settle_down(driver)
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

    def test_nothing_new_is_nothing_to_settle(self, driver: Driver) -> None:
        calls: list[None] = []
        driver.watch(lambda: calls.append(None))
        with nonblocking():
            assert not driver.settle()
        driver.lookup(b"/file")
        with nonblocking():
            assert not driver.settle()
        assert calls == []

    def test_a_newer_state_shows_when_it_is_settled(
        self, driver: Driver, publish: Callable[[Driver], None] | None
    ) -> None:
        if publish is None:
            pytest.skip("this tree never changes")
        calls: list[None] = []
        driver.watch(lambda: calls.append(None))
        before = {inode.path: inode for inode in walk(driver)}
        publish(driver)
        assert calls == [None]
        assert {inode.path: inode for inode in walk(driver)} == before
        with nonblocking():
            assert driver.settle()
            assert not driver.settle()
        after = {inode.path: inode for inode in walk(driver)}
        assert NEXT.keys() <= after.keys()
        assert b"/new" not in before
        expect_errno(errno.ENOENT, lambda: driver.lookup(b"/dir/deep/leaf"))
        assert after[b"/file"].size == len(NEXT_DATA)
        assert after[b"/link"].target == b"file"
        with open(driver.materialise(after[b"/file"]), "rb") as file:
            assert file.read() == NEXT_DATA
        assert after[b"/file"].ino not in {inode.ino for inode in before.values()}

    def test_an_inode_keeps_the_state_that_it_is_from(
        self, driver: Driver, publish: Callable[[Driver], None] | None
    ) -> None:
        if publish is None:
            pytest.skip("this tree never changes")
        driver.watch(lambda: None)
        before = {inode.path: inode for inode in walk(driver)}
        listings = {path: driver.listdir(inode) for path, inode in before.items() if inode.is_dir}
        publish(driver)
        driver.settle()
        after = {inode.path for inode in walk(driver)}
        for path, listing in listings.items():
            assert driver.listdir(before[path]) == listing
        assert {inode.path for inode in walk(driver)} == after
        for path, (kind, data) in TREE.items():
            if kind == stat.S_IFREG:
                with open(driver.materialise(before[path]), "rb") as file:
                    assert file.read() == data
        path, name, value = XATTR
        if self.ATTRIBUTES:
            assert driver.getxattr(before[path], name) == value
        assert list(driver.listxattr(before[path])) == [name] * self.ATTRIBUTES

    def test_without_a_watcher_the_newer_state_shows_by_itself(
        self, driver: Driver, publish: Callable[[Driver], None] | None
    ) -> None:
        if publish is None:
            pytest.skip("this tree never changes")
        old = driver.lookup(b"/file")
        publish(driver)
        assert driver.lookup(b"/file").size == len(NEXT_DATA)
        assert driver.lookup(b"/new").size == 3
        assert old.size == len(FILE_DATA)

    def test_close_twice(self, driver: Driver) -> None:
        driver.lookup(b"/file")
        driver.close()
        driver.close()

"""The mount table: which tree a name lies in, what /cvmfs shows, and asking drivers that would wait."""

from __future__ import annotations

import errno
import os
import stat

import pytest

from parrot_py.drivers.base import Inode, may_block, nonblocking
from parrot_py.drivers.memory import MemoryDriver
from parrot_py.namespace import Namespace, Park


class Waiting(MemoryDriver):
    """Waits for everything, and counts who asked."""

    def __init__(self, trouble: BaseException | None = None) -> None:
        super().__init__({b"/f": b"x"})
        self.asked = 0
        self.closed = 0
        self.trouble = trouble

    def lookup(self, path: bytes) -> Inode:
        may_block()
        self.asked += 1
        if self.trouble is not None:
            raise self.trouble
        return super().lookup(path)

    def close(self) -> None:
        self.closed += 1
        super().close()


def made(**drivers: MemoryDriver) -> tuple[Namespace, list[bytes]]:
    found: list[bytes] = []

    def find(name: bytes) -> MemoryDriver | None:
        found.append(name)
        return drivers.get(name.decode())

    return Namespace(find, lambda: [name.encode() for name in drivers]), found


def test_a_driver_is_made_when_its_name_is_used() -> None:
    space, found = made(one=MemoryDriver({}), two=MemoryDriver({}))
    assert found == []
    tree = space.tree_of(b"/cvmfs/one/a/b")
    assert tree is not None
    assert tree.prefix == b"/cvmfs/one"
    assert space.tree_of(b"/cvmfs/one") is tree
    assert space.child(space.root, b"one") is tree
    assert found == [b"one"]


def test_names_that_nobody_configured_are_asked_for_again() -> None:
    space, found = made()
    assert space.tree_of(b"/cvmfs/none/x") is None
    assert space.tree_of(b"/cvmfs/none") is None
    assert found == [b"none", b"none"]


@pytest.mark.parametrize("path", [b"/", b"", b"/cvmfsx/one", b"/usr/cvmfs/one", b"/cvmf"])
def test_native_names(path: bytes) -> None:
    space, found = made(one=MemoryDriver({}))
    assert space.tree_of(path) is None
    assert found == []


def test_finding_a_repository_may_have_to_wait() -> None:
    """The first question parks the caller; repeated with the worker's outcome it mounts what was found, once."""
    asked: list[bytes] = []

    def find(name: bytes) -> MemoryDriver | None:
        may_block()
        asked.append(name)
        return MemoryDriver({}) if name == b"one" else None

    space = Namespace(find, list)
    with nonblocking():
        with pytest.raises(Park) as first:
            space.child(space.root, b"one")
        with pytest.raises(Park) as second:
            space.child(space.root, b"none")
    assert asked == []
    assert first.value.key != second.value.key
    with nonblocking():
        space.memo = {second.value.key: None}
        assert space.child(space.root, b"none") is None
    space.memo = {first.value.key: first.value.call()}
    tree = space.child(space.root, b"one")
    assert tree is not None
    with nonblocking():
        space.memo = {first.value.key: MemoryDriver({})}
        assert space.child(space.root, b"one") is tree, "what another caller mounted meanwhile stays"
        space.memo = {second.value.key: OSError(errno.EIO, "no configuration")}
        with pytest.raises(OSError, match="no configuration"):
            space.child(space.root, b"none")


def test_devices_differ_and_stay() -> None:
    space, _ = made(one=MemoryDriver({}), two=MemoryDriver({}))
    trees = [space.root, space.child(space.root, b"one"), space.child(space.root, b"two")]
    devices = [tree.device for tree in trees if tree]
    assert len(set(devices)) == 3
    assert [os.major(device) for device in devices] == [0, 0, 0]
    assert all(os.minor(device) > 1 << 16 for device in devices), "far from the numbers that the kernel hands out"
    again = space.child(space.root, b"one")
    assert again is not None
    assert again.device == devices[1]


def test_the_top_directory() -> None:
    space, _ = made(two=MemoryDriver({}), one=MemoryDriver({}))
    inode = space.lookup(space.root, b"/cvmfs")
    assert stat.S_ISDIR(inode.mode)
    assert inode.mode & 0o777 == 0o555
    entries = space.ask(space.root.driver.listdir, inode)
    names = [entry.name for entry in entries]
    assert names == sorted(set(names))
    assert {b"one", b"two"} <= set(names)
    assert len({entry.inode.ino for entry in entries} | {inode.ino}) == len(entries) + 1
    with pytest.raises(OSError, match=os.strerror(errno.ENODATA)):
        space.ask(space.root.driver.getxattr, inode, b"user.x")
    with pytest.raises(IsADirectoryError):
        space.ask(space.root.driver.materialise, inode)


def test_what_would_wait_is_parked_and_repeated_with_its_outcome() -> None:
    driver = Waiting()
    space, _ = made(one=driver)
    tree = space.child(space.root, b"one")
    assert tree is not None
    with nonblocking():
        with pytest.raises(Park) as park:
            space.lookup(tree, b"/cvmfs/one/f")
        with pytest.raises(Park) as same:
            space.lookup(tree, b"/cvmfs/one/f")
        with pytest.raises(Park) as other:
            space.lookup(tree, b"/cvmfs/one/g")
    assert park.value.key == same.value.key != other.value.key
    assert driver.asked == 0
    outcome = park.value.call()
    assert driver.asked == 1
    with nonblocking():
        space.memo = {park.value.key: outcome}
        assert space.lookup(tree, b"/cvmfs/one/f") is outcome
        space.memo = {park.value.key: FileNotFoundError(errno.ENOENT, "gone")}
        with pytest.raises(FileNotFoundError):
            space.lookup(tree, b"/cvmfs/one/f")
        space.memo = None
    assert driver.asked == 1


def test_equal_names_in_two_repositories_are_two_waits() -> None:
    space, _ = made(one=Waiting(), two=Waiting())
    keys = set()
    with nonblocking():
        for name in (b"one", b"two"):
            tree = space.child(space.root, name)
            assert tree is not None
            with pytest.raises(Park) as park:
                space.lookup(tree, tree.prefix + b"/f")
            keys.add(park.value.key)
    assert len(keys) == 2


def test_closing() -> None:
    one, two = Waiting(), Waiting()
    space, _ = made(one=one, two=two)
    space.child(space.root, b"one")
    space.child(space.root, b"none")
    space.close()
    assert (one.closed, two.closed) == (1, 0)

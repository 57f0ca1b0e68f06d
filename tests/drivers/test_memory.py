"""The memory driver keeps the contract, and the registry makes drivers by name."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from collections.abc import Callable, Mapping

import pytest

from parrot_py.drivers import registry
from parrot_py.drivers.base import Driver
from parrot_py.drivers.memory import Directory, File, Link, MemoryDriver, Node, Special
from tests.drivers.contract import NEXT, TREE, XATTR, DriverContract


def contract_tree(listed: Mapping[bytes, tuple[int, bytes]] = TREE) -> dict[bytes, Node | bytes]:
    path, name, value = XATTR
    tree: dict[bytes, Node | bytes] = {}
    for entry, (kind, data) in listed.items():
        tree[entry] = Link(data) if kind == stat.S_IFLNK else Directory() if kind == stat.S_IFDIR else File(data)
    tree[path] = File(listed[path][1], xattrs={name: value})
    tree[b"/same2"] = tree[b"/same1"]
    return tree


class TestMemoryDriver(DriverContract):
    @pytest.fixture
    def driver(self) -> Driver:
        return registry.make("memory", contract_tree())


class TestMemoryDriverThatChanges(DriverContract):
    @pytest.fixture
    def driver(self) -> Driver:
        return MemoryDriver(contract_tree())

    @pytest.fixture
    def publish(self) -> Callable[[Driver], None]:
        def publish(driver: Driver) -> None:
            assert isinstance(driver, MemoryDriver)
            driver.replace(contract_tree(NEXT))

        return publish


def test_attributes() -> None:
    driver = MemoryDriver(
        {b"/a/b": File(b"x", mode=0o4711, mtime_ns=5), b"/dev": Special(stat.S_IFCHR | 0o600, 259)}, 7, 8
    )
    inode = driver.lookup(b"/a/b")
    assert (inode.mode, inode.mtime_ns, inode.uid, inode.gid) == (stat.S_IFREG | 0o4711, 5, 7, 8)
    assert driver.lookup(b"/dev").rdev == 259
    assert driver.lookup(b"").nlink == 3


def test_close_removes_what_was_written() -> None:
    driver = MemoryDriver({b"/f": b"data"})
    local = driver.materialise(driver.lookup(b"/f"))
    driver.close()
    assert not os.path.exists(local)


def test_registry_knows_its_kinds_and_imports_only_what_is_made() -> None:
    assert {"cvmfs", "memory"} <= set(registry.kinds())
    with pytest.raises(KeyError):
        registry.make("nonsense")
    code = "import sys, parrot_py.drivers.registry; print([m for m in sys.modules if 'cvmfs' in m or 'memory' in m])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_the_cvmfs_package_is_light_until_its_repository_is_wanted() -> None:
    code = (
        "import sys, parrot_py.drivers.cvmfs as c; a = 'sqlite3' in sys.modules; c.Repository; "
        "heavy = [m for m in ('requests', 'urllib3', 'cryptography', 'ssl') if m in sys.modules]; print(a, heavy)"
    )
    assert (
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False []\n"
    )

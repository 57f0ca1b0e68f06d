"""Copies of maps files, with the names that the job knows."""

from __future__ import annotations

import mmap
import os
from pathlib import Path

import pytest

from parrot_py.drivers.memory import MemoryDriver
from parrot_py.fdtable import FdTable
from parrot_py.namespace import Tree
from parrot_py.procfs import maps_snapshot

ME = os.getpid()


@pytest.fixture
def table(tmp_path: Path) -> FdTable:
    session = Path(os.path.realpath(tmp_path)) / "session"
    session.mkdir()
    return FdTable(session)


@pytest.fixture
def mapped(table: FdTable) -> bytes:
    """The object of /cvmfs/m/lib name.so, mapped into this process."""
    tree = Tree(b"/cvmfs/m", MemoryDriver({b"/lib.so": b"x" * 5000}), 1)
    inode = tree.driver.lookup(b"/lib.so")
    path = table.file_of(table.node(b"/cvmfs/m/lib.so", tree, inode), tree.driver.materialise(inode))
    with open(path, "rb") as file:
        kept.append(mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ))
    return path


kept: list[mmap.mmap] = []


@pytest.mark.parametrize("name", ["maps", "smaps", "numa_maps"])
@pytest.mark.parametrize("process", ["/proc/{me}", "/proc/{me}/task/{me}"])
def test_names_are_put_back(table: FdTable, mapped: bytes, name: str, process: str) -> None:
    asked = f"{process.format(me=ME)}/{name}"
    if not os.path.exists(asked):
        pytest.skip(f"this kernel has no {asked}")
    copy = maps_snapshot(table, asked.encode())
    assert copy is not None
    text = Path(os.fsdecode(copy)).read_bytes()
    assert b"/cvmfs/m/lib.so\n" in text or b"file=/cvmfs/m/lib.so" in text
    assert table.directory not in text
    assert mapped not in text
    real = Path(asked).read_bytes()
    assert abs(text.count(b"\n") - real.count(b"\n")) < 5, "every line is there"


def test_names_of_removed_objects(table: FdTable, mapped: bytes) -> None:
    os.unlink(mapped)
    copy = maps_snapshot(table, b"/proc/%d/maps" % ME)
    assert copy is not None
    text = Path(os.fsdecode(copy)).read_bytes()
    assert b"/cvmfs/m/lib.so\n" in text
    assert table.directory not in text


@pytest.mark.usefixtures("mapped")
def test_who_reads_an_older_copy_keeps_it(table: FdTable) -> None:
    first = maps_snapshot(table, b"/proc/%d/maps" % ME)
    assert first is not None
    with open(first, "rb") as reader:
        beginning = reader.read(10)
        kept.append(mmap.mmap(-1, 4096))
        maps_snapshot(table, b"/proc/%d/maps" % ME)
        reader.seek(0)
        assert reader.read(10) == beginning
        assert b"/cvmfs/m/lib.so" in reader.read()


@pytest.mark.usefixtures("mapped")
@pytest.mark.parametrize(
    "path", ["/proc/{me}/status", "/proc/maps", "/proc/x/maps", "/proc/{me}/maps/x", "/tmp/proc/{me}/maps"]
)
def test_other_files(table: FdTable, path: str) -> None:
    assert maps_snapshot(table, path.format(me=ME).encode()) is None


def test_nothing_of_ours_is_mapped(table: FdTable) -> None:
    assert maps_snapshot(table, b"/proc/%d/maps" % ME) is None


def test_a_process_that_is_gone(table: FdTable) -> None:
    with pytest.raises(OSError, match="No such"):
        maps_snapshot(table, b"/proc/%d/maps" % (1 << 22))

"""Copies of files of /proc, with what the job knows: names of maps, mounts, open files."""

from __future__ import annotations

import mmap
import os
import re
from pathlib import Path

import pytest

from parrot_py.drivers.memory import MemoryDriver
from parrot_py.fdtable import FdTable
from parrot_py.namespace import Namespace, Tree
from parrot_py.procfs import snapshot

ME = os.getpid()
NAMESPACE = Namespace({b"m": MemoryDriver({}), b"with blank": MemoryDriver({})}.get, list)


def maps_snapshot(table: FdTable, path: bytes) -> bytes | None:
    return snapshot(table, NAMESPACE, path, ME)


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


@pytest.fixture
def mounted() -> Namespace:
    NAMESPACE.child(NAMESPACE.root, b"m")
    NAMESPACE.child(NAMESPACE.root, b"with blank")
    return NAMESPACE


def copied(table: FdTable, name: str) -> bytes:
    copy = snapshot(table, NAMESPACE, f"/proc/{ME}/{name}".encode(), ME)
    assert copy is not None
    return Path(os.fsdecode(copy)).read_bytes()


@pytest.mark.parametrize(
    ("name", "mount"), [("mounts", b"cvmfs2 %s fuse ro,"), ("mountstats", b" mounted on %s with ")]
)
def test_mounts_come_after_the_real_ones(table: FdTable, mounted: Namespace, name: str, mount: bytes) -> None:
    text = copied(table, name)
    real = Path(f"/proc/{ME}/{name}").read_bytes()
    assert text.startswith(real)
    assert [mount % place in line for place, line in zip(PLACES, text[len(real) :].splitlines())] == [True] * 3
    assert len(mounted.mounted()) == 3


PLACES = (b"/cvmfs", b"/cvmfs/m", b"/cvmfs/with\\040blank")


def test_mountinfo_agrees_with_stat(table: FdTable, mounted: Namespace) -> None:
    real = Path(f"/proc/{ME}/mountinfo").read_bytes()
    lines = [line.split() for line in copied(table, "mountinfo")[len(real) :].splitlines()]
    assert [line[4] for line in lines] == list(PLACES)
    devices = [f"{os.major(tree.device)}:{os.minor(tree.device)}".encode() for tree in mounted.mounted()]
    assert [line[2] for line in lines] == devices
    top = next(line.split() for line in real.splitlines() if line.split()[4] == b"/")
    assert [line[1] for line in lines] == [top[0], lines[0][0], lines[0][0]]
    assert all(line[6:9] == [b"-", b"fuse", b"cvmfs2"] for line in lines)


def test_fdinfo_tells_our_numbers(table: FdTable, mounted: Namespace, mapped: bytes) -> None:
    with open(mapped, "rb") as file:
        file.seek(7)
        text = copied(table, f"fdinfo/{file.fileno()}")
    tree = Tree(b"/cvmfs/m", MemoryDriver({b"/lib.so": b"x" * 5000}), 1)
    assert b"ino:\t%d\n" % tree.driver.lookup(b"/lib.so").ino in text
    assert text.startswith(b"pos:\t7\n")
    device = re.search(rb"(?m)^mnt_id:\s*(\d+)$", text)
    assert device is not None
    assert device.group(1) == next(
        line.split()[0] for line in copied(table, "mountinfo").splitlines() if b" /cvmfs/m " in line
    )
    assert len(mounted.mounted()) == 3


def test_fdinfo_of_a_native_file(table: FdTable) -> None:
    with open(__file__, "rb") as file:
        assert snapshot(table, NAMESPACE, f"/proc/{ME}/fdinfo/{file.fileno()}".encode(), ME) is None

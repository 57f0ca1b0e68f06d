"""Nodes and their objects in the session directory."""

from __future__ import annotations

import errno
import os
import shutil
import stat
from pathlib import Path

import pytest

from parrot_py.drivers.memory import Directory, File, Link, MemoryDriver, Special
from parrot_py.drivers.memory import Node as Entry
from parrot_py.fdtable import FdTable, HostNode, Node
from parrot_py.namespace import Tree

FILE, OTHER = b"/cvmfs/m/file", b"/cvmfs/m/same"


@pytest.fixture
def table(tmp_path: Path) -> FdTable:
    (tmp_path / "session").mkdir()
    return FdTable(tmp_path / "session")


@pytest.fixture
def tree() -> Tree:
    nodes: dict[bytes, Entry | bytes] = {
        b"/file": File(b"content", mode=0o640), b"/same": b"content", b"/dir": Directory(),
        b"/link": Link(b"file"), b"/fifo": Special(stat.S_IFIFO | 0o200), b"/odd name\n": b"odd",
    }  # fmt: skip
    return Tree(b"/cvmfs/m", MemoryDriver(nodes), 1)


def node_of(table: FdTable, tree: Tree, name: bytes) -> Node:
    return table.node(tree.prefix + name, tree, tree.driver.lookup(name))


def content_of(node: Node) -> str:
    return node.tree.driver.materialise(node.inode)


def test_a_node_for_each_name(table: FdTable, tree: Tree) -> None:
    first = node_of(table, tree, b"/file")
    assert node_of(table, tree, b"/file") is first
    assert node_of(table, tree, b"/same") is not first
    assert table.known(FILE) is first
    assert table.known(b"/cvmfs/m/none") is None
    native = table.native_node(b"/bin/tool")
    assert isinstance(native, HostNode)
    assert table.native_node(b"/bin/tool") is native
    assert len({first.number, native.number, node_of(table, tree, b"/dir").number}) == 3


def test_what_a_descriptor_is(table: FdTable, tree: Tree) -> None:
    """The kernel's own text for a descriptor leads back to the node, whatever happened to the object."""
    file, directory = node_of(table, tree, b"/file"), node_of(table, tree, b"/dir")
    path = table.file_of(file, content_of(file))
    fd, where = os.open(path, os.O_RDONLY), os.open(table.directory_of(directory), os.O_RDONLY)
    assert table.find(os.readlink(b"/proc/self/fd/%d" % fd)) is file
    assert table.find(os.readlink(b"/proc/self/fd/%d" % where)) is directory
    os.unlink(path)
    assert os.readlink(b"/proc/self/fd/%d" % fd).endswith(b" (deleted)")
    assert table.find(os.readlink(b"/proc/self/fd/%d" % fd)) is file
    os.close(fd)
    os.close(where)


@pytest.mark.parametrize(
    "text",
    [b"{s}", b"{s}/", b"{s}/o", b"{s}/o/", b"{s}/o/x", b"{s}/o/99", b"{s}/o/-1", b"{s}x/o/0", b"/o/0", b"", b"pipe:[0]",
     b"{s}/o/0x", b"{s}/o/0.", b"{s}/o/99.1", b"{s}/o/0 (removed)", "{s}/o/²".encode(), b"anon_inode:[eventfd]"],
)  # fmt: skip
def test_what_is_none_of_ours(table: FdTable, tree: Tree, text: bytes) -> None:
    node_of(table, tree, b"/file")
    assert table.find(text.replace(b"{s}", table.directory)) is None


def test_find_knows_programs_under_any_name(table: FdTable, tree: Tree) -> None:
    node = node_of(table, tree, b"/odd name\n")
    path = table.program_of(node, content_of(node), b"odd name\n")
    assert path.endswith(b"/odd name\n")
    assert table.find(path) is node
    assert table.find(table.directory + b"/x/%d" % node.number) is node


def test_objects_are_made_once(table: FdTable, tree: Tree) -> None:
    node = node_of(table, tree, b"/file")
    assert table.made_file(node) is None
    path = table.file_of(node, content_of(node))
    assert table.made_file(node) == path
    assert table.file_of(node, "/no/such/content") == path
    assert Path(os.fsdecode(path)).read_bytes() == b"content"
    assert os.stat(path).st_ino == os.stat(content_of(node)).st_ino, "a link, not a copy"


def test_two_names_of_one_content_are_two_objects(table: FdTable, tree: Tree) -> None:
    content = tree.driver.materialise(tree.driver.lookup(b"/file"))
    one, two = node_of(table, tree, b"/file"), node_of(table, tree, b"/same")
    paths = [table.file_of(node, content) for node in (one, two)]
    assert [table.find(path) for path in paths] == [one, two]


def test_content_survives_its_eviction(table: FdTable, tree: Tree) -> None:
    node = node_of(table, tree, b"/file")
    content = content_of(node)
    path = table.file_of(node, content)
    os.unlink(content)
    assert Path(os.fsdecode(path)).read_bytes() == b"content"


def test_a_round_ends(table: FdTable, tree: Tree) -> None:
    """What was made is no answer any more, even while it is still there; names of both rounds lead to the node."""
    file, directory = node_of(table, tree, b"/file"), node_of(table, tree, b"/dir")
    old, program = table.file_of(file, content_of(file)), table.program_of(file, content_of(file), b"tool")
    placeholder = table.directory_of(directory)
    assert table.linked == 2 * 4096, "bytes on disk"
    assert table.end_round() == [old, program, placeholder]
    assert (table.linked, table.made_file(file)) == (0, None)
    assert table.find(placeholder) is directory
    later = table.directory_of(directory)
    assert table.find(later) is directory
    assert later != placeholder
    new, again = table.file_of(file, content_of(file)), table.program_of(file, content_of(file), b"tool")
    assert new not in (old, program, again)
    assert again not in (old, program)
    assert os.path.basename(again) == b"tool"
    for path in (old, program, new, again):
        assert os.path.exists(path)
        assert table.find(path) is file
        assert table.find(path + b" (deleted)") is file
    assert table.end_round() == [later, new, again]
    assert table.end_round() == []


def test_placeholders(table: FdTable, tree: Tree) -> None:
    directory = table.directory_of(node_of(table, tree, b"/dir"))
    fd = os.open(directory, os.O_RDONLY)
    with pytest.raises(IsADirectoryError):
        os.read(fd, 1)
    assert os.lseek(fd, 1 << 40, os.SEEK_SET) == 1 << 40
    os.close(fd)
    assert os.readlink(table.link_of(node_of(table, tree, b"/link"))) == b"file"
    fifo = table.fifo_of(node_of(table, tree, b"/fifo"))
    assert stat.S_ISFIFO(os.stat(fifo).st_mode)
    assert table.fifo_of(node_of(table, tree, b"/fifo")) == fifo, "all who open it meet in one"


@pytest.mark.parametrize("code", [errno.EXDEV, errno.EMLINK, errno.EPERM, errno.EACCES, errno.EOPNOTSUPP])
def test_a_copy_where_links_are_impossible(
    table: FdTable, tree: Tree, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    def link(*_: object) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "link", link)
    node = node_of(table, tree, b"/file")
    path = table.file_of(node, content_of(node))
    assert Path(os.fsdecode(path)).read_bytes() == b"content"
    assert os.stat(path).st_mode & 0o777 == 0o555


def test_a_full_disk_is_told_and_can_be_tried_again(
    table: FdTable, tree: Tree, monkeypatch: pytest.MonkeyPatch
) -> None:
    def link(*_: object) -> None:
        raise OSError(errno.ENOSPC, "full")

    node = node_of(table, tree, b"/file")
    with monkeypatch.context() as patch:
        patch.setattr(os, "link", link)
        with pytest.raises(OSError, match="full"):
            table.file_of(node, content_of(node))
    assert os.path.exists(table.file_of(node, content_of(node)))


@pytest.mark.parametrize("program", [False, True])
def test_a_copy_that_failed_half_way_is_not_taken_for_the_object(
    table: FdTable, tree: Tree, monkeypatch: pytest.MonkeyPatch, program: bool
) -> None:
    node = node_of(table, tree, b"/file")

    def half(source: str, target: bytes) -> None:
        Path(os.fsdecode(target)).write_bytes(Path(source).read_bytes()[:3])
        raise OSError(errno.ENOSPC, "full")

    def link(_: str, target: bytes) -> None:
        code = errno.EEXIST if os.path.lexists(target) else errno.EXDEV  # in the kernel's order
        raise OSError(code, os.strerror(code))

    def ask() -> bytes:
        return table.program_of(node, content_of(node), b"p") if program else table.file_of(node, content_of(node))

    monkeypatch.setattr(os, "link", link)
    with monkeypatch.context() as patch:
        patch.setattr(shutil, "copyfile", half)
        with pytest.raises(OSError, match="full"):
            ask()
    assert Path(os.fsdecode(ask())).read_bytes() == b"content"


def test_aliases_of_native_programs(table: FdTable) -> None:
    node = table.native_node(b"/bin/tool")
    path = table.alias(node, b"name", b"/bin/tool")
    assert os.readlink(path) == b"/bin/tool"
    assert table.alias(node, b"name", b"/bin/tool") == path
    assert os.readlink(table.alias(node, b"name", b"/bin/other")) == b"/bin/other"
    assert table.find(path) is node

"""The walk through /proc: links that jump to objects of ours, and those that are none of our business."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from parrot_py.drivers.memory import Link, Node
from parrot_py.places import Native, Target
from parrot_py.steps import RESOLVE_NO_MAGICLINKS, RESOLVE_NO_SYMLINKS
from parrot_py.walk import Walker
from tests.unit.test_walk import ME, end_of
from tests.unit.walk_world import driver, walker_of


@pytest.fixture
def walker(tmp_path: Path) -> Walker:
    tree: dict[str, Node | bytes] = {"/file": b"x", "/dir/sub/leaf": b"x", "/link": Link(b"dir/sub")}
    return walker_of(tmp_path / "s", {b"one": driver(tree)})


@pytest.fixture
def held(walker: Walker) -> dict[str, str]:
    """Descriptors of this process on objects of ours, by kind."""
    links = {}
    for kind, path in (("file", b"/cvmfs/one/file"), ("dir", b"/cvmfs/one/dir"), ("link", b"/cvmfs/one/link")):
        end = walker.resolve(ME, b"", path, False)
        assert isinstance(end, Target)
        node = walker.fdtable.node(end.path, end.tree, end.found())
        text = walker.fdtable.link_of(node) if kind == "link" else walker.fdtable.directory_of(node)
        fd = os.open(text, os.O_PATH | (os.O_NOFOLLOW if kind == "link" else 0))
        links[kind] = f"/proc/self/fd/{fd}"
    return links


def test_descriptors_in_proc(walker: Walker, held: dict[str, str]) -> None:
    assert end_of(walker, held["dir"]) == "/cvmfs/one/dir"
    assert end_of(walker, held["dir"] + "/sub/../../file") == "/cvmfs/one/file"
    assert end_of(walker, held["dir"].replace("self", "thread-self") + "/sub") == "/cvmfs/one/dir/sub"
    assert end_of(walker, held["dir"].replace("self", f"self/task/{ME}") + "/..") == "/cvmfs/one"
    assert end_of(walker, held["file"] + "/x") == "ENOTDIR"
    assert end_of(walker, held["link"]) == "/cvmfs/one/link", "a descriptor on a link is the link itself"
    assert end_of(walker, held["dir"] + "/sub", how=RESOLVE_NO_MAGICLINKS) == "ELOOP"
    assert end_of(walker, held["dir"] + "/sub", how=RESOLVE_NO_SYMLINKS) == "ELOOP"
    end = walker.resolve(ME, b"", os.fsencode(held["dir"]), False)
    assert isinstance(end, Native)
    assert end.magic == b"/cvmfs/one/dir"


def test_the_working_directory_in_proc(walker: Walker, held: dict[str, str]) -> None:
    before = os.open(".", os.O_PATH)
    try:
        os.chdir(os.readlink(held["dir"]))
        assert end_of(walker, "/proc/self/cwd") == "/cvmfs/one/dir"
        assert end_of(walker, "/proc/self/cwd/sub/leaf") == "/cvmfs/one/dir/sub/leaf"
        assert end_of(walker, f"/proc/{ME}/cwd/..") == "/cvmfs/one"
    finally:
        os.fchdir(before)
        os.close(before)


def test_other_links_of_proc_are_the_kernels(walker: Walker) -> None:
    reading, writing = os.pipe()
    path = f"/proc/self/fd/{reading}"
    assert end_of(walker, path).replace(f"/{ME}/", "/self/").endswith(path)
    assert end_of(walker, "/proc/self/root/cvmfs/one/file") == "/cvmfs/one/file"
    assert end_of(walker, "/proc/self/status") in ("native /proc/self/status", f"native /proc/{ME}/status")
    os.close(reading)
    os.close(writing)

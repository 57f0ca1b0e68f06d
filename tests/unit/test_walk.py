"""The walk, case by case: links in all directions, limits, dots and slashes, rules of openat2, permissions."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from parrot_py.drivers.memory import Link, MemoryDriver, Node
from parrot_py.fdtable import Node as FdNode
from parrot_py.places import DOT, DOTDOT, NORMAL, Native, Target
from parrot_py.steps import RESOLVE_BENEATH, RESOLVE_IN_ROOT, RESOLVE_NO_SYMLINKS, RESOLVE_NO_XDEV, RESOLVE_PARENT
from parrot_py.walk import Walker
from tests.unit.walk_world import driver, walker_of

ME = os.getpid()


def repositories(native: str) -> dict[bytes, dict[str, Node | bytes]]:
    return {
        b"one": {
            "/file": b"x",
            "/dir/sub/leaf": b"x",
            "/link": Link(b"dir/sub"),
            "/absolute": Link(b"/cvmfs/one/dir"),
            "/other": Link(b"/cvmfs/two/there"),
            "/out": Link(os.fsencode(native)),
            "/outfile": Link(os.fsencode(native) + b"/file"),
            "/dangling": Link(b"missing"),
            "/slash": Link(b"file/"),
            "/loop": Link(b"loop"),
            "/etc": Link(b"/etc"),
            **{f"/l{i}": Link(f"l{i - 1}".encode()) for i in range(1, 45)},
            "/l0": b"end",
        },
        b"two": {"/there/file": b"x", "/back": Link(b"/cvmfs/one/link/leaf")},
    }


@pytest.fixture
def native(tmp_path: Path) -> Path:
    place = Path(os.path.realpath(tmp_path)) / "native"
    place.mkdir()
    (place / "file").write_text("x")
    (place / "in").symlink_to("/cvmfs/one")
    (place / "in2").symlink_to("in/../two")
    (place / "relative").symlink_to("file")
    return place


@pytest.fixture
def walker(native: Path, tmp_path: Path) -> Walker:
    trees = repositories(str(native))
    return walker_of(tmp_path / "s", {name: driver(tree) for name, tree in trees.items()})


def end_of(walker: Walker, path: str, *, follow: bool = True, how: int = 0, start: str = "") -> str:
    """The canonical name at the end, marked where it is native; or the errno's name."""
    begin: object = b""
    if start:
        place = walker.resolve(ME, b"", os.fsencode(start), True)
        begin = place.path
        if isinstance(place, Target):
            begin = walker.fdtable.node(place.path, place.tree, place.found())
    try:
        end = walker.resolve(ME, begin, os.fsencode(path), follow, how)  # type: ignore[arg-type]
    except OSError as error:
        return errno.errorcode[error.errno or 0]
    if isinstance(end, Target):
        return ("" if end.inode else "missing ") + os.fsdecode(end.path)
    return f"{'touched' if end.touched else 'native'} {os.fsdecode(end.path)}"


@pytest.mark.parametrize(
    ("path", "end"),
    [
        ("/cvmfs", "/cvmfs"),
        ("/cvmfs/", "/cvmfs"),
        ("//cvmfs//one/./file", "/cvmfs/one/file"),
        ("/cvmfs/..", "touched /"),
        ("/cvmfs/../cvmfs/one", "/cvmfs/one"),
        ("/../../cvmfs/one/..", "/cvmfs"),
        ("/cvmfs/one/../two/there", "/cvmfs/two/there"),
        ("/cvmfs/none", "missing /cvmfs/none"),
        ("/cvmfs/none/below", "ENOENT"),
        ("/cvmfs/one/link", "/cvmfs/one/dir/sub"),
        ("/cvmfs/one/link/..", "/cvmfs/one/dir"),
        ("/cvmfs/one/absolute/sub/leaf", "/cvmfs/one/dir/sub/leaf"),
        ("/cvmfs/one/other", "/cvmfs/two/there"),
        ("/cvmfs/one/other/../back", "/cvmfs/one/dir/sub/leaf"),
        ("/cvmfs/two/back", "/cvmfs/one/dir/sub/leaf"),
        ("/cvmfs/one/file/", "ENOTDIR"),
        ("/cvmfs/one/file/.", "ENOTDIR"),
        ("/cvmfs/one/file/..", "ENOTDIR"),
        ("/cvmfs/one/file/x", "ENOTDIR"),
        ("/cvmfs/one/slash", "ENOTDIR"),
        ("/cvmfs/one/dangling", "missing /cvmfs/one/missing"),
        ("/cvmfs/one/dangling/x", "ENOENT"),
        ("/cvmfs/one/missing/..", "ENOENT"),
        ("/cvmfs/one/loop", "ELOOP"),
        ("/cvmfs/one/l40", "/cvmfs/one/l0"),
        ("/cvmfs/one/l41", "ELOOP"),
        ("/cvmfs/one/" + "n" * 255, "missing /cvmfs/one/" + "n" * 255),
        ("/cvmfs/one/" + "n" * 256, "ENAMETOOLONG"),
    ],
)
def test_names(walker: Walker, path: str, end: str) -> None:
    assert end_of(walker, path) == end


@pytest.mark.parametrize(
    ("path", "end"),
    [
        ("/cvmfs/one/link", "/cvmfs/one/link"),
        ("/cvmfs/one/link/", "/cvmfs/one/dir/sub"),
        ("/cvmfs/one/loop", "/cvmfs/one/loop"),
        ("/cvmfs/one/out/in", "touched {native}/in"),
        ("/cvmfs/one/out/in/", "/cvmfs/one"),
        ("{native}/relative", "native {native}/relative"),
    ],
)
def test_names_not_followed(walker: Walker, native: Path, path: str, end: str) -> None:
    assert end_of(walker, path.format(native=native), follow=False) == end.format(native=native)


@pytest.mark.parametrize(
    ("path", "end"),
    [
        ("/cvmfs/one/out", "touched {native}"),
        ("/cvmfs/one/out/file", "touched {native}/file"),
        ("/cvmfs/one/outfile", "touched {native}/file"),
        ("/cvmfs/one/out/relative", "touched {native}/file"),
        ("/cvmfs/one/out/..", "touched {above}"),
        ("/cvmfs/one/out/none/deep/er", "touched {native}/none/deep/er"),
        ("/cvmfs/one/out/none/", "touched {native}/none/"),
        ("{native}/in", "/cvmfs/one"),
        ("{native}/in/file", "/cvmfs/one/file"),
        ("{native}/in/..", "/cvmfs"),
        ("{native}/in2/there", "/cvmfs/two/there"),
        ("{native}/in/out/in/out/file", "touched {native}/file"),
        ("{native}/file", "native {native}/file"),
        ("{native}/../native/file", "native {native}/file"),
        ("{native}/in/l39", "/cvmfs/one/l0"),
        ("{native}/in/l40", "ELOOP"),
        ("/cvmfs/one/outfile/", "touched {native}/file/"),
    ],
)
def test_across_the_border(walker: Walker, native: Path, path: str, end: str) -> None:
    names = {"native": native, "above": native.parent}
    assert end_of(walker, path.format(**names)) == end.format(**names)


def test_relative_names(walker: Walker, native: Path) -> None:
    assert end_of(walker, "sub/leaf", start="/cvmfs/one/dir") == "/cvmfs/one/dir/sub/leaf"
    assert end_of(walker, "../../..", start="/cvmfs/one/dir") == "touched /"
    assert end_of(walker, "..", start="/cvmfs/one") == "/cvmfs"
    assert end_of(walker, ".", start="/cvmfs/one/dir") == "/cvmfs/one/dir"
    assert end_of(walker, "x", start="/cvmfs/one/file") == "ENOTDIR"
    assert end_of(walker, "in/file", start=str(native)) == "/cvmfs/one/file"
    assert end_of(walker, "/cvmfs/two/there", start="/cvmfs/one/dir") == "/cvmfs/two/there"


@pytest.mark.parametrize(
    ("path", "end"),
    [
        ("new", "missing /cvmfs/one/dir/new"),
        ("new/", "missing /cvmfs/one/dir/new"),
        ("sub", "/cvmfs/one/dir/sub"),
        ("../link", "/cvmfs/one/link"),
        ("../link/", "/cvmfs/one/link"),
        ("../link/new", "missing /cvmfs/one/dir/sub/new"),
        ("../dangling", "/cvmfs/one/dangling"),
        ("../file/x", "ENOTDIR"),
        ("../none/x", "ENOENT"),
        ("../out/new", "touched {native}/new"),
        ("../out/in", "touched {native}/in"),
    ],
)
def test_the_last_name_is_to_be_made_or_removed(walker: Walker, native: Path, path: str, end: str) -> None:
    told = end_of(walker, path, start="/cvmfs/one/dir", how=RESOLVE_PARENT)
    assert told == end.format(native=native)


@pytest.mark.parametrize(
    ("path", "last", "slash"),
    [("dir", NORMAL, False), ("dir/", NORMAL, True), ("dir/.", DOT, False), ("dir/..", DOTDOT, False),
     ("dir/../", DOTDOT, True), ("link", NORMAL, False)],
)  # fmt: skip
def test_what_the_last_component_was(walker: Walker, path: str, last: str, slash: bool) -> None:
    for how in (0, RESOLVE_PARENT):
        end = walker.resolve(ME, b"", b"/cvmfs/one/" + path.encode(), False, how)
        assert isinstance(end, Target)
        assert (end.last, end.slash) == (last, slash)
    top = walker.resolve(ME, b"", b"//", False, RESOLVE_PARENT)
    assert top == Native(b"/", False)


BENEATH, ROOT, LINKS, XDEV = RESOLVE_BENEATH, RESOLVE_IN_ROOT, RESOLVE_NO_SYMLINKS, RESOLVE_NO_XDEV


@pytest.mark.parametrize(
    ("how", "path", "end"),
    [
        (BENEATH, "sub/../sub/leaf", "/cvmfs/one/dir/sub/leaf"),
        (BENEATH, "..", "EXDEV"),
        (BENEATH, "sub/../../file", "EXDEV"),
        (BENEATH, "/cvmfs/one/dir/sub", "EXDEV"),
        (ROOT, "..", "/cvmfs/one/dir"),
        (ROOT, "../../sub", "/cvmfs/one/dir/sub"),
        (ROOT, "/sub/leaf", "/cvmfs/one/dir/sub/leaf"),
        (ROOT, "/cvmfs", "missing /cvmfs/one/dir/cvmfs"),
        (LINKS, "sub/leaf", "/cvmfs/one/dir/sub/leaf"),
        (LINKS, "../link", "ELOOP"),
        (LINKS, "../link/leaf", "ELOOP"),
        (XDEV, "../link", "/cvmfs/one/dir/sub"),
        (XDEV, "../..", "EXDEV"),
        (XDEV, "../other", "EXDEV"),
        (XDEV, "../out", "EXDEV"),
        (BENEATH, "../one/dir", "EXDEV"),
    ],
)
def test_rules_of_openat2(walker: Walker, how: int, path: str, end: str) -> None:
    assert end_of(walker, path, start="/cvmfs/one/dir", how=how) == end


def test_rules_of_openat2_at_a_link_to_the_root(walker: Walker) -> None:
    assert end_of(walker, "absolute", start="/cvmfs/one", how=BENEATH) == "EXDEV"
    assert end_of(walker, "absolute", start="/cvmfs/one", how=ROOT) == "ENOENT", "/cvmfs inside of the root"
    assert end_of(walker, "link", start="/cvmfs/one", how=LINKS) == "ELOOP"
    end = walker.resolve(ME, b"", b"/cvmfs/one/link", False, LINKS)
    assert isinstance(end, Target), "a link at the end that is not followed is no link on the way"


def test_directories_from_before_a_change(tmp_path: Path) -> None:
    before: dict[bytes, Node | bytes] = {b"/dir/sub/old": b"x", b"/gone/sub/leaf": b"x", b"/turned/x": b"x"}
    changing = MemoryDriver(before)
    walker = walker_of(tmp_path / "s", {b"r": changing})
    namespace, fdtable = walker.namespace, walker.fdtable

    def entered(path: bytes) -> FdNode:
        end = walker.resolve(ME, b"", path, True)
        assert isinstance(end, Target)
        return fdtable.node(end.path, end.tree, end.found())

    stays, gone, turned, top = (entered(b"/cvmfs/r" + p) for p in (b"/dir/sub", b"/gone/sub", b"/turned", b""))
    program = fdtable.native_node(b"/bin")

    def found(start: FdNode, path: bytes) -> bytes | int:
        try:
            end = walker.resolve(ME, start, path, True)
        except OSError as error:
            return error.errno or -1
        if isinstance(end, Native):
            return b"native " + end.path
        return end.path if end.inode is not None else errno.ENOENT

    assert found(stays, b"old") == b"/cvmfs/r/dir/sub/old"
    changing.replace({b"/dir/sub/new": b"x", b"/turned": b"x"})
    assert found(stays, b"new") == errno.ENOENT, "not before it is settled"
    assert namespace.settle()
    fdtable.generation = namespace.generation
    walker.forget()
    assert found(stays, b"new") == b"/cvmfs/r/dir/sub/new"
    assert found(stays, b"old") == errno.ENOENT
    assert found(stays, b"../../turned") == b"/cvmfs/r/turned"
    assert found(top, b"gone") == errno.ENOENT
    assert (found(gone, b"."), found(gone, b"../..")) == (b"/cvmfs/r/gone/sub", b"/cvmfs/r")
    assert (found(gone, b"leaf"), found(turned, b"x")) == (errno.ENOENT, errno.ENOTDIR)
    assert found(program, b".") == b"native /bin"
    assert entered(b"/cvmfs/r/dir/sub") is not stays
    assert fdtable.find(fdtable.directory_of(stays)) is stays
    assert not namespace.settle()

"""What the warm table is told: only facts that hold for everybody, under the name by which the core will ask again."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from parrot_py.drivers.memory import Directory, File, Link, Node
from parrot_py.engine.kinds import FOLLOW, NOFOLLOW
from parrot_py.places import Target
from parrot_py.warm import BATCH, Warmer, key_of
from tests.unit.walk_world import driver, walker_of

ME = os.getpid()
BOTH = FOLLOW | NOFOLLOW


class Asked(NamedTuple):
    """As much of a Stop as is looked at."""

    path: tuple[bytes | None, bytes | None]
    base: tuple[bytes | None, bytes | None] = (None, None)


def asked(path: bytes | None, base: bytes | None = None) -> Any:
    return Asked((path, None), (base, None))


class Table:
    """Stands for the engine and keeps what it is told."""

    def __init__(self) -> None:
        self.names: dict[bytes, dict[str, Any]] = {}

    def warm_name(self, key: bytes, valid: int, **what: Any) -> None:
        self.names[key] = {"valid": valid, **what}


class World(NamedTuple):
    table: Table
    warmer: Warmer
    walker: Any

    def look(self, path: bytes, *, follow: bool = True) -> Target:
        """Walk to *path*, absolute, and tell the warmer."""
        end = self.walker.resolve(ME, b"", path, follow)
        assert isinstance(end, Target)
        self.warmer.found(asked(path), end, follow)
        return end


TREE: dict[str, Node | bytes] = {
    "/file": b"x",
    "/link": Link(b"file"),
    "/dangling": Link(b"none"),
    "/private": File(b"x", mode=0o600),
    "/closed": Directory(0o700),
    "/closed/file": b"x",
    "/labelled": File(b"x", xattrs={b"user.a": b"1"}),
    **{f"/many/f{i:04d}": b"" for i in range(2 * BATCH + 50)},
    "/many/g": Link(b"f0000"),
}


@pytest.fixture
def world(tmp_path: Path) -> World:
    walker = walker_of(tmp_path / "s", {b"r": driver(TREE)})
    table = Table()
    return World(table, Warmer(table, walker.namespace, walker.fdtable, walker), walker)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("path", "base", "key"),
    [
        (b"/cvmfs/r/x", None, b"/cvmfs/r/x"),
        (b"/cvmfs/r/x", b"/s/d/1", b"/cvmfs/r/x"),
        (b"x/../y", b"/s/d/1", b"/s/d/1//x/../y"),
        (b"", b"/s/o/1", b"/s/o/1"),
        (None, b"/s/o/1", b"/s/o/1"),
        (b"x", None, None),
        (None, None, None),
    ],
)
def test_keys(path: bytes | None, base: bytes | None, key: bytes | None) -> None:
    assert key_of(asked(path, base)) == key


def test_a_file_is_known_however_its_name_is_treated(world: World) -> None:
    world.look(b"/cvmfs/r/file", follow=False)
    told = world.table.names[b"/cvmfs/r/file"]
    assert (told["valid"], told["no_xattrs"], len(told["stat"])) == (BOTH, True, 144)
    world.look(b"/cvmfs/r/labelled")
    assert not world.table.names[b"/cvmfs/r/labelled"]["no_xattrs"]


def test_a_link_and_what_it_leads_to_are_kept_apart(world: World) -> None:
    world.look(b"/cvmfs/r/link", follow=False)
    told = world.table.names[b"/cvmfs/r/link"]
    assert (told["valid"], told["target"]) == (NOFOLLOW, b"file")
    world.look(b"/cvmfs/r/link", follow=True)
    told = world.table.names[b"/cvmfs/r/link"]
    assert (told["valid"], told["target"]) == (FOLLOW, None)


def test_missing_names(world: World) -> None:
    world.look(b"/cvmfs/r/none", follow=False)
    assert world.table.names[b"/cvmfs/r/none"] == {"valid": BOTH, "error": errno.ENOENT}
    world.look(b"/cvmfs/r/dangling")
    assert world.table.names[b"/cvmfs/r/dangling"] == {"valid": FOLLOW, "error": errno.ENOENT}, "the link exists"


@pytest.mark.parametrize(
    ("path", "code", "kept"),
    [
        (b"/cvmfs/r/file/x", errno.ENOTDIR, True),
        (b"/cvmfs/r/none/x", errno.ENOENT, True),
        (b"/cvmfs/r/closed/none/x", errno.ENOENT, False),
        (b"/cvmfs/none/x", errno.ENOENT, False),
        (b"/cvmfs/r/" + b"n" * 256, errno.ENAMETOOLONG, False),
    ],
)
def test_failures_that_last(world: World, path: bytes, code: int, kept: bool) -> None:
    with pytest.raises(OSError, match=os.strerror(code)) as trouble:
        world.walker.resolve(ME, b"", path, True)
    world.warmer.missing(asked(path), trouble.value, True)
    assert world.table.names == ({path: {"valid": FOLLOW, "error": code}} if kept else {})


def test_trouble_is_not_remembered(world: World) -> None:
    world.look(b"/cvmfs/r/file")
    world.table.names.clear()
    world.warmer.missing(asked(b"/cvmfs/r/file"), OSError(errno.EIO, "network"), True)
    world.warmer.missing(asked(b"", b"/s/o/1"), OSError(errno.ENOENT, "empty"), True)
    assert world.table.names == {}


def test_what_depends_on_who_asks_stays_with_python(world: World) -> None:
    world.look(b"/cvmfs/r/closed/file")
    world.look(b"/cvmfs/none")
    assert world.table.names == {}
    world.look(b"/cvmfs")
    assert set(world.table.names) == {b"/cvmfs"}, "names in it come and go; itself, it stays"


def test_objects_that_anybody_may_open(world: World) -> None:
    for name, shared in ((b"file", True), (b"private", False), (b"closed", False), (b"many", True)):
        path = b"/cvmfs/r/" + name
        place = world.look(path)
        world.warmer.opened(asked(path), place, True, b"/s/o/" + name)
        assert world.table.names[path].get("obj") == (b"/s/o/" + name if shared else None), name
        # By its descriptor it is known to whoever got that far.
        assert len(world.table.names[b"/s/o/" + name]["stat"]) == 144


def listed(world: World) -> bytes:
    """As after a listing of /cvmfs/r/many; its placeholder."""
    place = world.walker.resolve(ME, b"", b"/cvmfs/r/many", True)
    node = world.walker.fdtable.node(place.path, place.tree, place.found())
    node.entries = place.tree.driver.listdir(place.found())
    return bytes(world.walker.fdtable.directory_of(node))


def test_who_looks_at_one_name_of_a_listing_will_look_at_the_others(world: World) -> None:
    placeholder = listed(world)
    total = 2 * BATCH + 51
    for looks, fed in ((1, BATCH), (2, 2 * BATCH), (3, total), (4, total)):
        world.look(b"/cvmfs/r/many/f%04d" % looks)
        below = [key for key in world.table.names if key.startswith(placeholder + b"//")]
        assert len(below) == fed
        assert placeholder + b"//f0000" in below
        assert b"/cvmfs/r/many/f0000" in world.table.names
    assert world.table.names[placeholder + b"//g"]["valid"] == NOFOLLOW
    assert world.table.names[placeholder + b"//f0000"]["valid"] == BOTH


def test_without_a_listing_nothing_is_fed(world: World) -> None:
    world.look(b"/cvmfs/r/many/f0000")
    assert list(world.table.names) == [b"/cvmfs/r/many/f0000"]

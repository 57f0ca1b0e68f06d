"""Search permission in the walk, and what of a walk may be remembered for everybody."""

from __future__ import annotations

from pathlib import Path

import pytest

from parrot_py.drivers.memory import Directory, Link, Node
from parrot_py.process import Credentials
from tests.unit.test_walk import ME, end_of
from tests.unit.walk_world import driver, walker_of


@pytest.mark.parametrize("mode", [0o700, 0o070, 0o007, 0o077, 0o707, 0o000, 0o600])
def test_search_permission(tmp_path: Path, mode: int) -> None:
    asked = []
    who = Credentials(0, 0, frozenset())

    def credentials(tid: int) -> Credentials:
        asked.append(tid)
        return who

    tree: dict[str, Node | bytes] = {"/d": Directory(mode), "/d/f": b"x", "/open/f": b"x"}
    walker = walker_of(tmp_path / "s", {b"one": driver(tree, 1, 5)}, who=credentials)
    for who, bit in [
        (Credentials(1, 9, frozenset()), 0o100),
        (Credentials(1, 5, frozenset([5])), 0o100),
        (Credentials(2, 5, frozenset()), 0o010),
        (Credentials(2, 9, frozenset([7, 5])), 0o010),
        (Credentials(2, 9, frozenset([7])), 0o001),
        (Credentials(2, 9, frozenset(), override=True), 0o777 | 1 << 12),
    ]:
        allowed = bool(mode & bit) or who.override
        assert end_of(walker, "/cvmfs/one/d/f") == ("/cvmfs/one/d/f" if allowed else "EACCES")
        assert end_of(walker, "/cvmfs/one/d/..") == ("/cvmfs/one" if allowed else "EACCES")
        assert end_of(walker, "/cvmfs/one/d/none") == ("missing /cvmfs/one/d/none" if allowed else "EACCES")
        assert end_of(walker, "/cvmfs/one/d/") == "/cvmfs/one/d"
    assert set(asked) == {ME}
    asked.clear()
    assert end_of(walker, "/cvmfs/one/open/f") == "/cvmfs/one/open/f"
    assert asked == [], "where everybody may search nobody asks who it is"


def test_what_depends_on_the_user_is_not_remembered(tmp_path: Path) -> None:
    tree: dict[str, Node | bytes] = {
        "/d": Directory(0o700), "/d/f": b"x", "/g": b"x", "/l": Link(b"/tmp"), "/n": Link(b"g"),
    }  # fmt: skip
    walker = walker_of(tmp_path / "s", {b"one": driver(tree)})
    for path, expected in (("d/f", False), ("g", True), ("l", False), ("n", True), ("../one/g", True), ("d", True)):
        walker.resolve(ME, b"", f"/cvmfs/one/{path}".encode(), True)
        assert walker.last_cacheable is expected, path


def test_errors_tell_whether_they_last(tmp_path: Path) -> None:
    walker = walker_of(tmp_path / "s", {b"one": driver({"/d": Directory(0o700), "/g": b"x"})})
    for path, expected in (("g/x", True), ("none/x", True), ("d/none/x", False)):
        with pytest.raises(OSError, match=r"No such file|Not a directory"):
            walker.resolve(ME, b"", f"/cvmfs/one/{path}".encode(), True)
        assert walker.last_cacheable is expected, path
    with pytest.raises(OSError, match="No such file"):
        walker.resolve(ME, b"", b"/cvmfs/norepository/x", True)
    assert not walker.last_cacheable, "the host may mount it yet"

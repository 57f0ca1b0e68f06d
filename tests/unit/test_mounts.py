"""The mount table: which mount governs a name, what a place is called, what the gate has to ask about."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from parrot_py.config.model import DENY, ENOENT, LOCAL, Mount
from parrot_py.mounts import NOTHING, MountTable, table_of


def table(*lines: str) -> MountTable:
    """Mounts as ``/a=/b`` or ``/a=WORD``, nothing of which is there."""
    mounts = []
    for line in lines:
        prefix, _, target = line.partition("=")
        word = target if target in (DENY, ENOENT, LOCAL) else ""
        mounts.append(Mount(os.fsencode(prefix), b"" if word else os.fsencode(target), word))
    return table_of(mounts)


@pytest.mark.parametrize(
    ("lines", "name", "index", "point"),
    [
        (["/none=/x"], "/none/a", 0, "/none"),
        (["/none=/x"], "/nonesuch", NOTHING, ""),
        (["/none=/x"], "/", NOTHING, ""),
        (["/none=/x", "/none/a=/y"], "/none/a/b", 1, "/none/a"),
        (["/none/a=/y", "/none=/x"], "/none/a/b", 1, "/none"),
        (["/none=/x", "/none=/y"], "/none", 1, "/none"),
        (["/none/*=/x"], "/none", NOTHING, ""),
        (["/none/*=/x"], "/none/a/b", 0, "/none/a"),
        (["/none/*.key=DENY"], "/none/a/b.key/c", 0, "/none/a/b.key"),
        (["/none/?=/x", "/none/a=/y"], "/none/a", 1, "/none/a"),
        (["/none/a=/y", "/none/?=/x"], "/none/a", 1, "/none/a"),
        (["/none/[ab]/c=/x"], "/none/b/c/d", 0, "/none/b/c"),
        (["/none/.*=ENOENT"], "/none/.ssh/id", 0, "/none/.ssh"),
        (["/=/x"], "/any/thing", 0, ""),
        (["/=/x"], "/cvmfs/a", 1, "/cvmfs"),
        (["/=DENY"], "/cvmfs/a", 0, ""),
    ],
)
def test_the_last_that_matches_governs(lines: list[str], name: str, index: int, point: str) -> None:
    assert table(*lines).governing(os.fsencode(name.rstrip("/"))) == (index, os.fsencode(point))


@pytest.mark.parametrize(
    ("lines", "place", "name"),
    [
        (["/t=/s/t"], "/s/t/a", "/t/a"),
        (["/t=/s/t"], "/s/tt", "/s/tt"),
        (["/t=/s/t"], "/t/a", None),
        (["/t=/t/j/t", "/t/j=/t/j"], "/t/j/t/a", "/t/a"),
        (["/t=/t/j/t", "/t/j=/t/j"], "/t/j/a", "/t/j/a"),
        (["/t=/t/j/t", "/t/j=/t/j"], "/t/other", None),
        (["/a=/s", "/b=/s"], "/s/x", "/b/x"),
        (["/a=/s", "/a=/r"], "/s/x", "/s/x"),
        (["/a=/s", "/a/x=DENY"], "/s/x", "/s/x"),
        (["/d=DENY"], "/d/x", "/d/x"),
        (["/d/*=/s"], "/s/x", "/s/x"),
        (["/=/s"], "/usr", None),
        (["/=/s"], "/s/usr", "/usr"),
        (["/l=LOCAL"], "/l/x", "/l/x"),
    ],
)
def test_what_the_job_calls_a_place(lines: list[str], place: str, name: str | None) -> None:
    found = table(*lines).name_of(os.fsencode(place))
    assert found == (None if name is None else os.fsencode(name))


def test_the_gate_gets_literal_prefixes() -> None:
    found = table("/a/b=/c", "/d/*/e=DENY", "/f*=DENY", "/g\\*/*=DENY", "/cvmfs/x=/y", "/h/i?=/c").prefixes()
    assert found == [b"/a/b", b"/d", b"", b"/h"]
    assert table("/a=/c", "/b=/c/d", "/c=/c", "/e=DENY", "/f/*=/g").backs() == [b"/c/d"]


def test_names_are_those_without_links(tmp_path: Path) -> None:
    top = os.path.realpath(tmp_path)
    for name in ("real/sub", "place"):
        os.makedirs(f"{top}/{name}")
    os.symlink("real", f"{top}/link")
    os.symlink("place", f"{top}/there")
    made = table(f"{top}/link/sub={top}/there", f"{top}/there=/x", f"{top}/link={top}/link")
    assert [mount.prefix for mount in made.mounts] == [os.fsencode(f"{top}/{n}") for n in ("real/sub", "there", "link")]
    assert made.mounts[0].destination == os.fsencode(f"{top}/place")
    assert made.mounts[2].destination == os.fsencode(f"{top}/real"), "what is linked is what is meant"
    assert os.fsencode(f"{top}/link/sub") in made.prefixes()


def test_adding_and_taking_away() -> None:
    first = table("/a=/b")
    more = first.with_mount(Mount(b"/c", b"/d")).with_mount(Mount(b"/c", b"/e"))
    assert (first.sealed, more.sealed, len(first.mounts)) == (1, 1, 1)
    last = more.last_at(b"/c")
    assert last == 2
    assert more.without(2).mounts[-1].destination == b"/d"
    assert more.last_at(b"/none") is None
    assert not MountTable()
    assert table("/a=/b", "/c/d=DENY").restricts_below(b"/c")
    assert not table("/a=/b", "/c/d=DENY").restricts_below(b"/a")
    assert table("/c/*.key=DENY").restricts_below(b"/c/deep")


def test_only_what_leads_somewhere_is_listed() -> None:
    made = table("/cvmfs/a=/x", "/cvmfs/b=DENY", "/cvmfs/c=LOCAL", "/cvmfs/*.org=/x", "/cvmfs/d=ENOENT")
    assert made.reached() == [b"/cvmfs/a"]

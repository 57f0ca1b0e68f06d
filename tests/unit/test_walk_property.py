"""Random paths over random trees: the walk ends where the kernel's does, or fails as it fails."""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from parrot_py.drivers.memory import Directory, File, Link, Node
from parrot_py.process import Credentials
from tests.support import places
from tests.unit.walk_world import PARTS, World, effective

NAMES = ["qa", "qb", "qc"]
Parts = dict[str, dict[str, Node]]


def joined(parts: list[str]) -> st.SearchStrategy[str]:
    return st.tuples(st.sampled_from(["", "", "/", "//"]), st.sampled_from(["/", "/", "//", "/./"])).map(
        lambda ends: ends[1].join(parts) + ends[0]
    )


COMPONENTS = st.lists(st.sampled_from([*NAMES, *NAMES, "..", "."]), min_size=1, max_size=6)
RELATIVE = COMPONENTS.flatmap(joined)
ABSOLUTE = st.tuples(st.sampled_from(["{qr}", "{qs}", "{native}"]), RELATIVE).map("/".join)
TARGETS = st.one_of(RELATIVE, ABSOLUTE, st.sampled_from(["{qr}", "{qs}", "{native}", ".", ".."]))
KINDS = st.one_of(
    st.just(Directory()), st.just(Directory()), st.just(File(b"x")), TARGETS.map(lambda text: Link(os.fsencode(text)))
)


@st.composite
def trees(draw: st.DrawFn) -> dict[str, Node]:
    """Names under which there is something; parents come first."""
    tree: dict[str, Node] = {}
    directories = [""]
    for _ in range(draw(st.integers(1, 8))):
        name = f"{draw(st.sampled_from(directories))}/{draw(st.sampled_from(NAMES))}"
        if name not in tree:
            tree[name] = draw(KINDS)
            if isinstance(tree[name], Directory):
                directories.append(name)
    return tree


PARTS_OF = st.fixed_dictionaries({part: trees() for part in PARTS})
QUESTION = st.tuples(st.integers(0, 20), st.one_of(RELATIVE, ABSOLUTE), st.booleans())
QUESTIONS = st.lists(QUESTION, min_size=10, max_size=30)


def compare(world: World, parts: Parts, questions: list[tuple[int, str, bool]]) -> None:
    starts = [
        (part, name)
        for part in PARTS
        for name, node in [("", Directory()), *parts[part].items()]
        if isinstance(node, Directory)
    ]
    for number, path, follow in questions:
        start = None if path.startswith("{") else starts[number % len(starts)]
        for again in ("first", "second"):  # from the walk's cache
            told = world.virtually(start, path, follow), world.really(start, path, follow)
            assert told[0] == told[1], (_say(told[0]), _say(told[1]), start, path, follow, again)


def _say(outcome: object) -> object:
    return errno.errorcode.get(outcome, outcome) if isinstance(outcome, int) else outcome


def bare(**parts: dict[str, Node]) -> Parts:
    return {part: parts.get(part, {}) for part in PARTS}


TO_FILE = bare(qr={"/qa": Link(b"{native}/qa"), "/qb": Link(b"{native}/qa/")}, native={"/qa": File(b"x")})


@given(PARTS_OF, QUESTIONS)
@example(TO_FILE, [(0, "qa/", True)])
@example(TO_FILE, [(0, "qa/.", True)])
@example(TO_FILE, [(0, "qa/..", True)])
@example(TO_FILE, [(0, "qb", True)])
@example(TO_FILE, [(0, "qa/../qb", False)])
@settings(max_examples=70, deadline=None, suppress_health_check=list(HealthCheck))
def test_a_walk_ends_where_the_kernels_does(parts: Parts, questions: list[tuple[int, str, bool]]) -> None:
    home = Path(tempfile.mkdtemp(dir=places.base() / "work"))
    try:
        compare(World(home, parts), parts, questions)
    finally:
        shutil.rmtree(home)


MODES = st.sampled_from([0o755, 0o755, 0o700, 0o711, 0o050, 0o005, 0o750, 0o501, 0o000, 0o611])


@st.composite
def guarded(draw: st.DrawFn) -> dict[str, Node]:
    tree = draw(trees())
    return {name: Directory(draw(MODES)) if isinstance(node, Directory) else node for name, node in tree.items()}


@given(
    st.fixed_dictionaries({"qr": guarded(), "qs": guarded(), "native": st.just({})}),
    QUESTIONS,
    st.sampled_from([(1, 1), (65534, 1), (1, 65534), (1, 77)]),
)
@settings(max_examples=50, deadline=None, suppress_health_check=list(HealthCheck))
def test_search_permission_is_the_kernels(
    parts: Parts, questions: list[tuple[int, str, bool]], owner: tuple[int, int]
) -> None:
    if not places.is_root():
        pytest.skip("only root can make trees of others, and ask as somebody else")
    who = Credentials(65534, 65534, frozenset([77]))
    home = Path(tempfile.mkdtemp(dir=places.base() / "work"))
    home.chmod(0o755)
    try:
        world = World(home, parts, who, owner)
        with effective(who):
            compare_from_the_top(world, questions)
    finally:
        shutil.rmtree(home)


def compare_from_the_top(world: World, questions: list[tuple[int, str, bool]]) -> None:
    for number, path, follow in questions:
        start = None if path.startswith("{") else (PARTS[number % 2], "")
        told = world.virtually(start, path, follow), world.really(start, path, follow)
        assert told[0] == told[1], (_say(told[0]), _say(told[1]), start, path, follow)

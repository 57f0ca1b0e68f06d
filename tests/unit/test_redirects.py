"""-M a=b: one name stands for another, on the host, below /cvmfs and inside a repository."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from parrot_py.drivers.memory import Link, Node
from parrot_py.steps import RESOLVE_PARENT
from parrot_py.walk import Walker
from tests.unit.test_walk import end_of
from tests.unit.walk_world import driver, walker_of


@pytest.fixture
def walker(tmp_path: Path) -> Walker:
    host = Path(os.path.realpath(tmp_path)) / "host"
    (host / "real/deep").mkdir(parents=True)
    (host / "real/deep/file").write_text("x")
    (host / "link").symlink_to("/data/deep")
    one: dict[str, Node | bytes] = {
        "/dir/file": b"x", "/etc/conf": b"x", "/to": Link(b"/data/deep/file"), "/up": Link(b"dir"),
    }  # fmt: skip
    names = [
        (b"/data", b"{host}/real"),
        (b"/soft", b"/cvmfs/one"),
        (b"/soft/inner", b"/cvmfs/two"),
        (b"/cvmfs/one/etc", b"{host}/real"),
        (b"/cvmfs/one/nested/deep", b"/cvmfs/two/there"),
        (b"/cvmfs/three", b"/cvmfs/one/dir"),
        (b"/cvmfs/four", b"{host}/real"),
        (b"/chain", b"/data/deep"),
        (b"/slashed", b"{host}/real/"),
        (b"/missing/above", b"/cvmfs/two"),
    ]
    redirects = [(a, b.replace(b"{host}", os.fsencode(host))) for a, b in names]
    return walker_of(
        tmp_path / "s", {b"one": driver(one), b"two": driver({"/there/x": b"x", "/nested/f": b"x"})}, redirects
    )


@pytest.mark.parametrize(
    ("path", "end"),
    [
        ("/data", "touched {real}"),
        ("/data/deep/file", "touched {real}/deep/file"),
        ("//data/./deep", "touched {real}/deep"),
        ("/datafile", "native /datafile"),
        ("/data/none", "touched {real}/none"),
        ("/slashed/deep", "touched {real}/deep"),
        ("/soft", "/cvmfs/one"),
        ("/soft/dir/file", "/cvmfs/one/dir/file"),
        ("/soft/up/file", "/cvmfs/one/dir/file"),
        ("/cvmfs/one/etc", "touched {real}"),
        ("/cvmfs/one/etc/deep/file", "touched {real}/deep/file"),
        ("/cvmfs/one/etc/conf", "touched {real}/conf"),
        ("/cvmfs/one/to", "touched {real}/deep/file"),
        ("/cvmfs/three/file", "/cvmfs/one/dir/file"),
        ("/cvmfs/four/deep/file", "touched {real}/deep/file"),
        ("{host}/link", "touched {real}/deep"),
        ("{host}/link/file", "touched {real}/deep/file"),
    ],
)
def test_redirected_names(walker: Walker, tmp_path: Path, path: str, end: str) -> None:
    host = Path(os.path.realpath(tmp_path)) / "host"
    names = {"host": host, "real": host / "real"}
    assert end_of(walker, path.format(**names)) == end.format(**names)


def test_a_destination_is_a_name_of_the_host(walker: Walker) -> None:
    # A destination is a name of the host, not of the table: /data is redirected for the job only.
    assert end_of(walker, "/chain/file") == "touched /data/deep/file"


def test_a_redirection_below_a_redirected_name(walker: Walker) -> None:
    assert end_of(walker, "/soft/inner/there/x") == "/cvmfs/two/there/x"


def test_a_redirection_at_a_name_that_the_repository_has_not(walker: Walker) -> None:
    assert end_of(walker, "/cvmfs/one/nested/deep/x") == "/cvmfs/two/there/x"


def test_a_redirection_at_a_name_that_the_host_has_not(walker: Walker) -> None:
    assert end_of(walker, "/missing/above/there/x") == "/cvmfs/two/there/x"


def test_a_name_redirected_to_itself_keeps_out_of_the_redirection_above(tmp_path: Path) -> None:
    """What glideinWMS does: -M /tmp=/tmp/scratch/tmp -M /tmp/scratch=/tmp/scratch."""
    top = Path(os.path.realpath(tmp_path)) / "tmp"
    (top / "scratch/tmp").mkdir(parents=True)
    (top / "scratch/file").write_text("x")
    (top / "scratch/tmp/mine").write_text("x")
    names = [(str(top), f"{top}/scratch/tmp"), (f"{top}/scratch", f"{top}/scratch")]
    walker = walker_of(tmp_path / "s", {}, [(os.fsencode(a), os.fsencode(b)) for a, b in names])
    assert end_of(walker, f"{top}/mine") == f"touched {top}/scratch/tmp/mine"
    assert end_of(walker, f"{top}/scratch/file").endswith(f" {top}/scratch/file")


def test_the_redirected_name_itself_to_be_removed(walker: Walker, tmp_path: Path) -> None:
    host = Path(os.path.realpath(tmp_path)) / "host"
    assert end_of(walker, "/data/new", how=RESOLVE_PARENT) == f"touched {host}/real/new"


def test_redirected_names_are_listed(walker: Walker) -> None:
    root = walker.namespace.root
    entries = walker.namespace.ask(root.driver.listdir, walker.namespace.lookup(root, b"/cvmfs"))
    assert {b"one", b"two", b"three", b"four"} <= {entry.name for entry in entries}


def test_the_gate_learns_of_redirections_outside_cvmfs(walker: Walker) -> None:
    assert set(walker.namespace.prefixes()) >= {b"/cvmfs", b"/data", b"/soft", b"/missing/above"}
    assert not any(prefix.startswith(b"/cvmfs/") for prefix in walker.namespace.prefixes())

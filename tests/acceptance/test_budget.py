"""How often the job is stopped: the engine's own counters, as differences between a longer and a shorter run."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence

import pytest

from tests.support import places, sites, tree
from tests.support.parrot import Parrot
from tests.support.programs import I386, cannot_run, program

FEW, MANY = 10, 210

FREE = ("read", "lseek", "getppid", "poll", "futex", "mmap")
PATHS = ("stat", "access", "open+close")


def stops(run: Parrot, what: str, path: str, abi: Sequence[str] = ()) -> float:
    """Stops per round of *what* on *path*."""
    if reason := cannot_run(*abi):
        pytest.skip(reason)
    totals = []
    for count in (FEW, MANY):
        run.log_file.unlink(missing_ok=True)
        run.run([str(program("budget", *abi)), what, path, str(count)], options=["--stats"]).expect()
        totals.append(run.stats()["stops"])
    return (totals[1] - totals[0]) / (MANY - FEW)


ABIS = pytest.mark.parametrize("abi", [(), I386], ids=["x86_64", "i386"])


@pytest.fixture(scope="module")
def run() -> Iterator[Parrot]:
    """One cache for all counts, warm with everything they touch."""
    published = tree.twin_tree()
    home = places.fresh(places.base() / "work" / f"budget-{os.getpid()}")
    with sites.made_site(published.web, {published.name: published.key}) as site:
        run = Parrot(home, [site.entry(published.name)])
        files = [f"{tree.TOP}/{name}" for name in ("hello.txt", "same/two", "big.bin", "dir/file", "links/abs")]
        run.run(["cat", *files]).expect()
        yield run


@ABIS
@pytest.mark.parametrize("what", FREE)
@pytest.mark.parametrize("path", ["/etc/passwd", f"{tree.TOP}/hello.txt"])
def test_calls_without_a_path_cost_no_stop(run: Parrot, what: str, path: str, abi: Sequence[str]) -> None:
    assert stops(run, what, path, abi) == 0


def test_writing_costs_no_stop(run: Parrot) -> None:
    own = run.home / "own"
    run.run(["/bin/sh", "-c", f"echo text >{own}"]).expect()
    assert stops(run, "write", str(own)) == 0


@ABIS
@pytest.mark.parametrize("what", PATHS)
def test_a_native_path_costs_one_stop(run: Parrot, what: str, abi: Sequence[str]) -> None:
    assert stops(run, what, "/etc/passwd", abi) == 1


@ABIS
@pytest.mark.parametrize("path", ["/etc/passwd", f"{tree.TOP}/hello.txt"])
def test_open_by_int_0x80_costs_one_stop(run: Parrot, path: str, abi: Sequence[str]) -> None:
    if reason := cannot_run(*I386):
        pytest.skip(reason)
    assert stops(run, "int 0x80", path, abi) == 1


@pytest.mark.parametrize(("what", "path"), [("readlink", "/proc/self/exe"), ("missing", "/etc/not-there/at/all")])
def test_a_native_link_or_nothing_costs_one_stop(run: Parrot, what: str, path: str) -> None:
    assert stops(run, what, path) == 1


@pytest.mark.parametrize(
    ("what", "path"),
    [
        ("stat", "hello.txt"),
        ("access", "dir"),
        ("readlink", "links/file"),
        ("missing", "missing"),
        ("stat", "links/abs"),
    ],
)
@ABIS
def test_a_name_in_the_tree_costs_one_stop(run: Parrot, what: str, path: str, abi: Sequence[str]) -> None:
    assert stops(run, what, f"{tree.TOP}/{path}", abi) == 1


@pytest.mark.parametrize("path", ["hello.txt", "links/file", "same/two", "big.bin"])
@ABIS
def test_reading_a_warm_file_costs_two_stops_at_most(run: Parrot, path: str, abi: Sequence[str]) -> None:
    assert stops(run, "open+read+close", f"{tree.TOP}/{path}", abi) <= 2


@ABIS
def test_fstat_costs_one_stop_at_most(run: Parrot, abi: Sequence[str]) -> None:
    assert stops(run, "fstat", f"{tree.TOP}/hello.txt", abi) <= 1
    assert stops(run, "fstat", "/etc/passwd", abi) <= 1


def test_listing_does_not_grow_with_every_entry(run: Parrot) -> None:
    run.run(["ls", "-f", f"{tree.TOP}/many"], options=["--stats"]).expect()
    assert run.stats()["stops"] < 200, "3,000 names come in pieces of some hundred"


def test_the_tracer_stays_small(run: Parrot) -> None:
    run.run(["ls", "-lR", tree.TOP], options=["--stats"])
    assert run.stats()["rss_max_kib"] < 60 * 1024

"""A short run of the differential fuzzer with fixed seeds; the longer ones are marked, and bin/differ has no end."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator

import pytest

from tests.differential.__main__ import MODES, Search
from tests.differential.compare import first_difference
from tests.differential.generate import sequence
from tests.differential.known import excused
from tests.differential.minimise import shrink
from tests.differential.sweep import Sweep
from tests.differential.worlds import Mode, Unavailable, Worlds
from tests.support import places


@pytest.fixture(scope="module")
def worlds() -> Iterator[Worlds]:
    """Both sides, for jobs of the usual user."""
    try:
        made = Worlds(f"test-{os.getpid()}", places.job_uid())
    except Unavailable as error:
        pytest.skip(f"no mount namespace to compare with: {error}")
    yield made
    made.close()


def _search(worlds: Worlds, first: int, mode: Mode, size: int, sweep: Sweep | None = None) -> None:
    search = Search(worlds, first, until=time.monotonic() + 60, most=3, sweep=sweep)
    search.one_batch(first, mode, size)
    assert search.calls > size * 10
    assert not search.findings, "\n".join(f"{f.text()}\n{f.traced}" for f in search.findings)
    assert not search.unsteady


@pytest.mark.parametrize("mode", [Mode(), Mode(cold=True), Mode(threads=4), Mode(seccomp=False)], ids=str)
def test_fixed_seeds(worlds: Worlds, mode: Mode) -> None:
    _search(worlds, 1_000_000, mode, 100)


@pytest.mark.parametrize("mode", [Mode(), Mode(seccomp=False)], ids=str)
def test_part_of_the_sweep(worlds: Worlds, mode: Mode) -> None:
    _search(worlds, 9000 if mode.seccomp else 20_000, mode, 150, Sweep())


def test_a_sweep_has_every_case_once() -> None:
    sweep = Sweep()
    lines = [line for number in range(0, len(sweep), 50) for line in sweep.sequence(number)]
    assert len(lines) > 20_000
    assert {line.split(" ")[1] for line in lines if line.startswith("call ")} > {"stat", "open", "openat2", "getxattr"}
    assert len({sweep.case(number) for number in range(20_000)}) > 19_990


@pytest.mark.slow
@pytest.mark.parametrize("start", range(2_000_000, 2_020_000, 1000))
def test_many_seeds(worlds: Worlds, start: int) -> None:
    _search(worlds, start, MODES[start // 1000 % len(MODES)], 300)


@pytest.mark.slow
@pytest.mark.skipif(not places.is_root(), reason="only root can make root's calls")
def test_seeds_as_root() -> None:
    made = Worlds(f"root-{os.getpid()}", 0)
    try:
        for number, mode in enumerate(MODES):
            _search(made, 3_000_000 + 1000 * number, mode, 150)
    finally:
        made.close()


def test_the_search_sees_a_difference(worlds: Worlds) -> None:
    """What the sides said in earnest, with one answer falsified: it must be found, and nothing else."""
    batch = (
        "seq 1\ncall stat 4 S1 - s:/cvmfs/diff.parrot.test/file b:144\ncall chdir 80 - - s:/cvmfs/diff.parrot.test/no\n"
    )
    native, traced = worlds.native(batch, Mode()).lines["1"], worlds.traced(batch, Mode()).lines["1"]
    from collections import Counter

    assert len(native) == 2
    assert first_difference(native, traced, Counter()) is None
    false = [traced[0], traced[1].replace("ENOENT", "ENOTDIR")]
    assert first_difference(native, false, Counter()) == (native[1], false[1])
    assert first_difference(native, [traced[0].replace("size=13", "size=14"), traced[1]], Counter()) is not None


def test_the_same_seed_makes_the_same_sequence() -> None:
    assert sequence(7) == sequence(7) != sequence(8)
    kinds = {line.split(" ")[1] for seed in range(300) for line in sequence(seed) if line.startswith("call ")}
    assert len(kinds) > 80


def test_a_finding_is_made_small() -> None:
    def fails(parts: list[list[int]]) -> int | None:
        return next((n for n, part in enumerate(parts) if {3, 17} <= set(part)), None)

    assert shrink(list(range(40)), fails) == [3, 17]


def test_nothing_is_excused_by_accident() -> None:
    assert excused("0 stat = 0 dev=R ino=1 size=3 blocks=0", "0 stat = 0 dev=R ino=1 size=3 blocks=1") == ["blocks"]
    assert excused("0 stat = 0 dev=S ino=1 size=3 blocks=0", "0 stat = 0 dev=S ino=1 size=3 blocks=1") is None
    assert excused("0 stat = 0 dev=R ino=1 size=3 blocks=0", "0 stat = 0 dev=R ino=2 size=3 blocks=1") is None
    assert excused("0 open = ENOENT", "0 open = EACCES") is None

"""How often whole programs are stopped: one stop for each call that the table names, and next to nothing else.

Two budgets.  What a program may cost is what it does natively: strace counts its calls on the mounted tree, whatever
the machine's libraries make it do.  And for the machine that the suite is written on there is a table, so that a
change which adds stops shows even where there is no strace.  The counts are the engine's own (``--stats``).
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import pytest

from parrot_py.syscalls.table import ROWS
from tests.support import places
from tests.support.oracle import OracleUnavailable
from tests.support.parrot import environment
from tests.support.stage import Stage, stage

pytestmark = pytest.mark.serial

R = "/cvmfs/budget.parrot.test"
TWENTY = "for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do {}; done"
SAFE = {"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "safe.directory", "GIT_CONFIG_VALUE_0": "*"}


class Budget(NamedTuple):
    """*calls*: stops by call on Debian 12; *extra*: exit stops and injected calls; *python*: answered by Python."""

    argv: list[str]
    calls: str
    extra: int = 0
    python: int = 0

    def recorded(self) -> dict[str, int]:
        """*calls* by name."""
        return {name: int(number) for name, number in (word.split(":") for word in self.calls.split())}


JOBS = {
    "nothing": Budget(["/bin/true"], "access:1 execve:1 openat:2 newfstatat:2"),
    "python": Budget(
        ["/usr/bin/python3", "-I", "-c", "import json"],
        "access:1 execve:1 getcwd:10 readlink:2 getdents64:18 openat:51 newfstatat:214",
    ),
    "dots": Budget(
        ["/bin/bash", "-c", "cd /cvmfs/..; pwd"],
        "access:1 connect:2 execve:1 getcwd:1 chdir:1 openat:34 newfstatat:26",
        python=2,
    ),
    "processes": Budget(
        ["/bin/sh", "-c", TWENTY.format("/bin/true")],
        "access:21 execve:21 getcwd:1 openat:42 newfstatat:42",
    ),
    "listing": Budget(
        ["/bin/ls", "-l", f"{R}/hundred"],
        "access:2 connect:4 execve:1 statfs:2 getxattr:102 lgetxattr:101 getdents64:2 openat:45 newfstatat:31"
        " statx:101",
        extra=1,
        python=4,
    ),
    "find": Budget(
        ["/usr/bin/find", f"{R}/thousand"],
        "access:2 execve:1 fchdir:1 statfs:2 fstatfs:1 getdents64:42 openat:60 newfstatat:85",
        extra=1,
        python=45,
    ),
    "reading": Budget(
        ["/bin/cat", *(f"{R}/ten/file{i}" for i in range(1, 11))],
        "access:1 execve:1 openat:41 newfstatat:28",
        extra=1,
        python=10,
    ),
    "real names": Budget(
        ["/usr/bin/realpath", *(f"{R}/ten/file{i}" for i in range(1, 11))],
        "access:1 execve:1 readlink:40 openat:32 newfstatat:20",
        python=14,
    ),
    "scripts": Budget(
        ["/bin/sh", "-c", TWENTY.format(f"{R}/bin/script")],
        "access:21 execve:22 getcwd:1 openat:82 newfstatat:82",
        extra=21,
        python=22,
    ),
    "programs": Budget(
        ["/bin/sh", "-c", TWENTY.format(f"{R}/bin/true")],
        "access:21 execve:22 getcwd:1 openat:42 newfstatat:42",
        extra=1,
        python=21,
    ),
    "compiler": Budget(
        ["/usr/bin/gcc", "-o", "hello", f"{R}/hello.c"],
        "access:44 execve:6 getcwd:8 unlink:5 readlink:486 chmod:1 openat:228 newfstatat:339 faccessat2:4",
        extra=1,
        python=8,
    ),
    "git": Budget(
        ["/usr/bin/git", "-C", f"{R}/work", "status"],
        "access:18 execve:1 getcwd:5 chdir:3 readlink:1 getdents64:10 openat:121 newfstatat:156",
        extra=1,
        python=188,
    ),
}


@pytest.fixture(scope="module")
def on() -> Iterator[Stage]:
    """A tree with what the programs touch."""
    try:
        with stage("budget") as made:
            yield made
    except OracleUnavailable as error:
        pytest.skip(f"no mount namespace to compare with: {error}")


class Counts(NamedTuple):
    """A program with its budget, and the counters of two warm runs of it."""

    job: Budget
    first: dict[str, int]
    second: dict[str, int]


@pytest.fixture(scope="module", params=JOBS)
def counts(request: pytest.FixtureRequest, on: Stage) -> Counts:
    """Each program that is here."""
    job = JOBS[request.param]
    if not Path(job.argv[0]).exists():
        pytest.skip(f"{job.argv[0]} is not installed")
    counted(on, job)
    return Counts(job, counted(on, job), counted(on, job))


def counted(on: Stage, job: Budget) -> dict[str, int]:
    """The counters of one run, from an empty directory."""
    scratch = places.fresh(on.home / "w")
    on.parrot.log_file.unlink(missing_ok=True)
    on.parrot.run(job.argv, options=["--stats"], env=environment(on.home, SAFE), cwd=scratch)._replace(log=b"").expect()
    return on.parrot.stats()


def by_call(stats: Mapping[str, int]) -> dict[str, int]:
    """The stops of each call."""
    return {name.partition(".")[2]: count for name, count in stats.items() if name.startswith("stops.")}


def grown(now: Mapping[str, int], allowed: Mapping[str, int]) -> str:
    """The calls that stopped more often than they may."""
    names = [name for name in sorted(now) if now[name] > allowed.get(name, 0)]
    return ", ".join(f"{name} stopped {now[name]} times, its budget is {allowed.get(name, 0)}" for name in names)


def native_calls(on: Stage, job: Budget) -> dict[str, int]:
    """How often the program makes each call of the table on the mounted tree, as strace counts them."""
    scratch = places.fresh(on.home / "w")
    counts = on.home / "counts"
    counts.unlink(missing_ok=True)
    places.give(on.home)
    strace = ["/usr/bin/strace", "-f", "-qq", "-c", "-U", "calls,name", "-o", str(counts), *job.argv]
    on.oracle.run(strace, cwd=scratch, env=environment(on.home, SAFE)).expect()
    known = {row.name for row in ROWS}
    lines = [line.split() for line in counts.read_text().splitlines()]
    return {words[1]: int(words[0]) for words in lines if len(words) == 2 and words[1] in known}


def test_two_runs_stop_equally_often(counts: Counts) -> None:
    first, second = by_call(counts.first), by_call(counts.second)
    assert first == second, grown(second, first) or grown(first, second)


def test_a_program_stops_once_for_each_of_its_calls(on: Stage, counts: Counts) -> None:
    if not shutil.which("strace"):
        pytest.skip("strace is not installed")
    native, stats = native_calls(on, counts.job), counts.second
    # A call for which memory had to be made in the job comes back as a stop of its own.
    assert stats["stops"] == sum(native.values()) + stats["injected"], grown(by_call(stats), native)
    assert stats["extra"] <= counts.job.extra, "exit stops and injected calls have become more"
    assert stats["python"] <= counts.job.python, "more calls than before are left to Python"


def test_a_program_keeps_its_budget(counts: Counts) -> None:
    release = Path("/etc/os-release")
    if not release.exists() or 'VERSION_ID="12"' not in release.read_text():
        pytest.skip("the table was written on Debian 12; other libraries make other calls")
    told = grown(by_call(counts.second), counts.job.recorded())
    assert not told, told
    assert counts.second["extra"] <= counts.job.extra, "exit stops and injected calls have become more"


def test_the_page_lists_the_counters(on: Stage) -> None:
    page = (places.CHECKOUT / "docs" / "performance.md").read_text()
    table = page.partition("## Counting stops")[2].partition("\n## ")[0]
    first_column = [row.split("|")[1] for row in table.splitlines() if row.startswith("| `")]
    listed = {name for cell in first_column for name in re.findall(r"`([^`]+)`", cell)}
    printed = counted(on, JOBS["nothing"])
    assert listed - {"stops.CALL"} == {name for name in printed if not name.startswith("stops.")}
    assert printed["stops"] == sum(by_call(printed).values())
    assert printed["stops"] == printed["resumed_in_core"] + printed["warm"] + printed["python"]

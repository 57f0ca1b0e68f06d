"""Many copies of the single file begin at once, and some are killed: one whole tree, and nothing else."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from tests.support import places, single
from tests.support.single import started, unfinished

COPIES = 16
PATIENCE = 120.0
# Much to unpack, in little time.
BIG = {f"big/{number}": random.Random(number).randbytes(1 << 20) for number in range(24)}


@pytest.fixture(scope="module")
def file() -> Path:
    """A single file that takes a while to be unpacked."""
    return places.once("single-big", lambda place: single.single(place, BIG).touch())


def begin(file: Path, env: Mapping[str, str]) -> subprocess.Popen[str]:
    return subprocess.Popen([str(file), "true"], env=env, stdout=subprocess.PIPE, text=True, **places.as_job())


def finished(process: subprocess.Popen[str]) -> Path:
    """The tree that *process* used; it went well."""
    output, _ = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0
    return started(output)[0]


def assert_whole(tree: Path) -> None:
    assert [name for name, data in BIG.items() if (tree / name).read_bytes() != data] == []


def watch(condition: Callable[[], bool]) -> None:
    """Until *condition* holds, or for PATIENCE seconds: without a pause, in which the moment would pass."""
    until = time.monotonic() + PATIENCE
    while not condition() and time.monotonic() < until:
        os.sched_yield()


def at_work(base: Path) -> bool:
    """Whether somebody holds the lock of his directory already: only then he has a tree in it."""
    return any((place / "tree").exists() for place in unfinished(base))


@pytest.mark.parametrize("locks", [True, False], ids=["locks", "no locks"])
def test_sixteen_at_once(home: Path, file: Path, *, locks: bool) -> None:
    """A directory in the place of the lock file is as good as a file system without locks."""
    base = places.fresh(home / "d")
    if not locks:
        (base / "lock").mkdir()
    env = {"PARROT_DIST_DIR": str(base)}
    trees = {finished(process) for process in [begin(file, env) for _ in range(COPIES)]}
    assert len(trees) == 1
    assert_whole(trees.pop())
    assert unfinished(base) == []


def test_killed_in_the_middle(home: Path, file: Path) -> None:
    """What a killed one leaves has no name that counts, and the next start removes it."""
    hits = 0
    for attempt in range(20):
        base = home / f"d{attempt}"
        env = {"PARROT_DIST_DIR": str(base)}
        process = begin(file, env)
        watch(lambda: process.poll() is not None or bool(unfinished(base)))  # noqa: B023
        process.send_signal(signal.SIGKILL)
        process.communicate()
        caught = bool(unfinished(base))
        assert_whole(finished(begin(file, env)))
        assert unfinished(base) == []
        hits += caught
        if hits == 3:
            return
    pytest.fail("never caught in the middle")


def test_some_of_many_are_killed(home: Path, file: Path) -> None:
    base = home / "d"
    env = {"PARROT_DIST_DIR": str(base)}
    processes = [begin(file, env) for _ in range(COPIES)]
    watch(lambda: bool(unfinished(base)) or any(base.glob("?" * 32)))
    for process in processes[::2]:
        process.kill()
    trees = {finished(process) for process in processes[1::2]}
    for process in processes[::2]:
        process.communicate()
    assert len(trees) == 1
    assert_whole(trees.pop())
    finished(begin(file, env))
    assert unfinished(base) == []


def test_a_living_one_is_not_swept(home: Path, file: Path) -> None:
    """One that is stopped in the middle keeps its directory, holds nobody up for long, and finishes well."""
    for attempt in range(20):
        base = home / f"d{attempt}"
        env = {"PARROT_DIST_DIR": str(base)}
        slow = begin(file, env)
        watch(lambda: slow.poll() is not None or at_work(base))  # noqa: B023
        slow.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, slow.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)
        if at_work(base):
            break
        slow.send_signal(signal.SIGCONT)
        finished(slow)
    else:
        pytest.fail("never stopped in the middle")
    try:
        tree = finished(begin(file, env))
        assert_whole(tree)
        assert len(unfinished(base)) == 1
    finally:
        slow.send_signal(signal.SIGCONT)
    assert finished(slow) == tree
    assert_whole(tree)
    assert unfinished(base) == []


def test_a_full_disk_is_no_end(home: Path, file: Path) -> None:
    """A limit on the size of files is as good as one: the reason is told, and nothing stays."""
    import resource

    def limited() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 19, 1 << 19))

    done = subprocess.run(
        [str(file)],
        env={"PARROT_DIST_DIR": str(home / "d")},
        preexec_fn=limited,
        capture_output=True,
        text=True,
        check=False,
        **places.as_job(),
    )
    assert done.returncode == 125
    assert f"{home}/d: File too large" in done.stderr
    assert [path.name for path in (home / "d").iterdir()] == ["lock"]

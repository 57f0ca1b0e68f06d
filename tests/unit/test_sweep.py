"""Removing links of a session that nobody uses."""

from __future__ import annotations

import errno
import mmap
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from parrot_py import sweep
from parrot_py.sweep import Sweeper

HOLD = "import sys; kept = open(sys.argv[1]); print('open', flush=True); sys.stdin.read()"


def settled(sweeper: Sweeper) -> None:
    for thread in threading.enumerate():
        if thread.name == "parrot-sweep":
            thread.join(60)
    assert sweeper._thread is not None
    assert not sweeper._thread.is_alive()


@pytest.fixture
def files(tmp_path: Path) -> list[bytes]:
    paths = [tmp_path / "used", tmp_path / "unused"]
    for path in paths:
        path.write_bytes(b"x" * 8192)
    return [os.fsencode(path) for path in paths]


@pytest.fixture
def holder(files: list[bytes]) -> Iterator[subprocess.Popen[bytes]]:
    """A process that has the first file open until its input ends."""
    command = [sys.executable, "-I", "-c", HOLD, os.fsdecode(files[0])]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"open\n"
        yield process


def test_due_at_a_share_of_the_capacity(tmp_path: Path) -> None:
    sweeper = Sweeper(os.fsencode(tmp_path), lambda: 400)
    assert not sweeper.due(1000), "asking what the capacity is may wait"
    settled(sweeper)
    assert not sweeper.due(100)
    assert sweeper.due(101)


def test_due_when_it_is_crowded_whatever_that_keeps(tmp_path: Path) -> None:
    assert Sweeper(os.fsencode(tmp_path), lambda: 0).due(0, crowded=True)


def test_every_kind_of_object_goes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Directories, links, programs with the folder that each has; not what a thread has as its directory."""
    monkeypatch.setattr(sweep, "_processes", lambda: iter([os.getpid()]))
    for kind in "odlx":
        (tmp_path / kind).mkdir()
    paths = [tmp_path / name for name in ("o/0", "d/1", "d/2", "l/3", "x/4/tool")]
    paths[0].touch()
    paths[1].mkdir()
    paths[2].mkdir()
    paths[3].symlink_to("nowhere")
    paths[4].parent.mkdir()
    paths[4].touch()
    monkeypatch.chdir(paths[2])
    sweeper = Sweeper(os.fsencode(tmp_path), lambda: 0)
    sweeper.start([os.fsencode(path) for path in paths])
    settled(sweeper)
    assert [os.path.lexists(path) for path in paths] == [False, False, True, False, False]
    assert not paths[4].parent.exists()


def test_without_descriptors_the_next_sweep_takes_it(
    tmp_path: Path, files: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A thread that fails would write a traceback into what the job says."""
    sweeper = Sweeper(os.fsencode(tmp_path), lambda: 0)

    def refuse() -> Iterator[int]:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    failed: list[threading.ExceptHookArgs] = []
    with monkeypatch.context() as patch:
        patch.setattr(sweep, "_processes", refuse)
        patch.setattr(threading, "excepthook", failed.append)
        sweeper.start(files)
        settled(sweeper)
    assert failed == []
    monkeypatch.setattr(sweep, "_processes", lambda: iter([os.getpid()]))
    sweeper.start([])
    settled(sweeper)
    assert [path for path in files if os.path.lexists(path)] == []


def test_never_due_without_a_limit_but_asked_again(tmp_path: Path) -> None:
    capacity = [0]
    sweeper = Sweeper(os.fsencode(tmp_path), lambda: capacity[0])
    for linked in (1 << 20, 1 << 21, 1 << 40):
        assert not sweeper.due(linked)
        settled(sweeper)
    capacity[0] = 4096
    assert not sweeper.due(1 << 42)
    settled(sweeper)
    assert sweeper.due(1025)


def test_what_is_open_stays_until_it_is_closed(
    tmp_path: Path, files: list[bytes], holder: subprocess.Popen[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweep, "_processes", lambda: iter([holder.pid]))
    sweeper = Sweeper(os.fsencode(tmp_path), lambda: 4)
    sweeper.start(files)
    settled(sweeper)
    assert [os.path.exists(path) for path in files] == [True, False]
    monkeypatch.setattr(sweep, "_in_use", lambda *_: iter(()))
    sweeper.start([])
    settled(sweeper)
    assert not os.path.exists(files[0]), "it is looked at again by the next sweep"
    holder.communicate(b"")


def test_what_cannot_be_seen_is_left_alone(tmp_path: Path, files: list[bytes], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweep, "_processes", lambda: iter(()))
    sweeper = Sweeper(os.fsencode(tmp_path), lambda: 4)
    sweeper.start(files)
    settled(sweeper)
    assert all(os.path.exists(path) for path in files)


def test_a_thread_that_may_be_on_its_way_is_waited_for(
    tmp_path: Path, files: list[bytes], holder: subprocess.Popen[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    looks = iter([(b"R", 5), (b"D", 5), (b"R", 6), (b"R", 8)])
    ran = []

    def activity(_: str) -> tuple[bytes, int]:
        ran.append(all(os.path.exists(path) for path in files))
        return next(looks)

    monkeypatch.setattr(sweep, "_processes", lambda: iter([holder.pid]))
    monkeypatch.setattr(sweep, "_activity", activity)
    sweeper = Sweeper(os.fsencode(tmp_path), lambda: 4)
    sweeper.start(files)
    settled(sweeper)
    assert ran == [True] * 4, "nothing is removed before"
    assert [os.path.exists(path) for path in files] == [True, False]
    holder.communicate(b"")


def test_the_end_of_the_job_ends_the_waiting(
    tmp_path: Path, files: list[bytes], holder: subprocess.Popen[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweep, "_processes", lambda: iter([holder.pid]))
    monkeypatch.setattr(sweep, "_activity", lambda _: (b"D", 0))
    sweeper = Sweeper(os.fsencode(tmp_path), lambda: 4)
    sweeper.start(files)
    assert not sweeper.due(1 << 40), "one at a time"
    sweeper.stop()
    settled(sweeper)
    assert all(os.path.exists(path) for path in files)
    holder.communicate(b"")


def test_use_is_descriptors_and_mappings(tmp_path: Path, files: list[bytes]) -> None:
    directory = os.fsencode(tmp_path)
    with open(files[1], "rb") as other:
        mapped = mmap.mmap(other.fileno(), 0, prot=mmap.PROT_READ)
    with open(files[0], "rb") as file:
        assert file.readable()
        assert set(sweep._in_use(os.getpid(), directory)) == set(files)
    assert set(sweep._in_use(os.getpid(), directory)) == {files[1]}
    mapped.close()
    assert not set(sweep._in_use(os.getpid(), directory))

"""One cold cache and many processes: each object is fetched once, and right even where there are no locks."""

from __future__ import annotations

import errno
import json
import os
import pickle
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path
from types import MappingProxyType
from typing import Any, Callable

import pytest

from parrot_py.config.model import RepositoryConfig
from parrot_py.drivers.cvmfs import Repository
from parrot_py.drivers.cvmfs.cache.local import Cache
from parrot_py.drivers.cvmfs.cache.locks import Locks
from tests.drivers.cvmfs import walker
from tests.drivers.cvmfs.conftest import Forged, Site
from tests.drivers.cvmfs.truth import SHAKE
from tests.support.httpd import Fault
from tests.support.processes import eventually

Open = Callable[[RepositoryConfig], Repository]


def start_walkers(config: RepositoryConfig, **knobs: Any) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "tests.drivers.cvmfs.walker", json.dumps(knobs)]
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=Path(__file__).parents[3], start_new_session=True
    )
    assert process.stdin is not None
    values: dict[str, Any] = {
        name: dict(v) if isinstance(v, MappingProxyType) else v for name, v in config._asdict().items()
    }
    process.stdin.write(pickle.dumps(RepositoryConfig(**values)))
    process.stdin.close()
    process.stdin = None
    return process


def objects_asked(site: Site) -> Counter[str]:
    """How often each object (or part of an external file) was asked for."""
    asked = zip(site.server.requests, site.server.headers)
    return Counter(path + headers.get("Range", "") for path, headers in asked if "/.cvmfs" not in path)


@pytest.mark.parametrize("locks", [True, False])
def test_32_processes_walk_through_one_cold_cache(site: Site, tmp_path: Path, locks: bool) -> None:
    number = 32 if locks else 8
    site.server.fault("*/data/*", Fault(delay=0.002))
    walkers = start_walkers(site.config(SHAKE), processes=number, locks=locks)
    out, _ = walkers.communicate(timeout=120)
    assert walkers.returncode == 0
    asked = objects_asked(site)
    want = walker.digest(site.config(SHAKE, cache_dir=tmp_path / "alone"))
    assert out.decode().split() == [want] * number
    if locks:
        assert [(p, n) for p, n in asked.items() if n > 1] == []
    else:
        assert max(asked.values()) > 1
    assert len(asked) > 50
    assert list((site.cache / "txn").iterdir()) == []


def test_who_waits_for_a_killed_process_goes_on_at_once(forged: Forged, opened: Open) -> None:
    forged.forge.publish([forged.forge.file(b"/a", b"A" * 1000)])
    opened(forged.config()).lookup(b"")
    forged.server.fault("*/data/*", Fault(trickle=1.0), times=1)
    leader = start_walkers(forged.config())
    eventually(lambda: any((forged.cache / "txn").iterdir()), what="the leader's file")
    os.killpg(leader.pid, signal.SIGKILL)
    leader.communicate()
    began = time.monotonic()
    assert opened(forged.config(deadline=200.0)).read(b"/a") == b"A" * 1000
    assert time.monotonic() - began < 60


def test_who_waits_tries_itself_when_the_first_one_failed(forged: Forged, opened: Open) -> None:
    forged.forge.publish([forged.forge.file(b"/a", b"A")])
    first, second = opened(forged.config()), opened(forged.config())
    inodes = [first.lookup(b"/a"), second.lookup(b"/a")]
    held = threading.Event()
    before = forged.server.count("*/data/*")
    forged.server.fault("*/data/*", Fault(hold=held, status=404), times=1)
    errors: list[OSError] = []

    def fail() -> None:
        try:
            first.materialise(inodes[0])
        except OSError as error:
            errors.append(error)

    thread = threading.Thread(target=fail)
    thread.start()
    eventually(lambda: forged.server.count("*/data/*") == before + 1, what="the first request")
    threading.Timer(0.1, held.set).start()
    assert Path(second.materialise(inodes[1])).read_bytes() == b"A"
    thread.join()
    assert [error.errno for error in errors] == [errno.EIO]
    assert forged.server.count("*/data/*") == before + 2


def test_a_wait_ends_with_patience_unless_there_is_progress(tmp_path: Path) -> None:
    first, second = Locks(str(tmp_path / "locks")), Locks(str(tmp_path / "locks"))
    steps = iter(range(3))
    with first.turn("x", 0.0) as ours:
        assert ours
        with second.turn("y", 0.0) as other:
            assert other
        began = time.monotonic()
        with second.turn("x", 0.2) as ours:
            assert not ours
        assert 0.2 <= time.monotonic() - began < 40
        began = time.monotonic()
        with second.turn("x", 1.2, progress=lambda: next(steps, 9)) as ours:
            assert not ours
        assert time.monotonic() - began >= 3
        with second.turn("x", 60, settled=lambda: True) as ours:
            assert not ours
    with second.turn("x", 0.0) as ours:
        assert ours


def test_a_slow_transfer_is_progress(tmp_path: Path) -> None:
    cache, other = Cache(tmp_path), Cache(tmp_path)
    with cache.transaction("x", "ab/cd") as txn:
        txn.write(b"x")
        before = other._progress("ab/cd")
        assert before == cache._progress("ab/cd") != other._progress("ab/ce")
        time.sleep(1.05)
        txn.write(b"y")  # far from a whole piece: nothing is written yet
        assert other._progress("ab/cd") != before


@pytest.mark.parametrize("code", [errno.ENOLCK, errno.ENOSYS, errno.EINVAL])
def test_no_locks_no_waiting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int) -> None:
    def refuse(*_: Any) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr("fcntl.fcntl", refuse)
    locks = Locks(str(tmp_path / "locks"))
    with locks.turn("x", 60) as first, locks.turn("x", 60) as second:
        assert not first
        assert not second

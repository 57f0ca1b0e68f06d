"""Nothing grows: descriptors, memory and records of the tracer, mappings of the job."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from parrot_py.drivers.memory import File, Node
from tests.engine import harness
from tests.engine.harness import TOP, Setup, Tracer

TREE: dict[bytes, Node | bytes] = {b"/file": b"content", b"/dir/x": b"x", b"/private": File(b"p", mode=0o400)}

ROUND = f"""
import gc
def go_round(n):
    for _ in range(n):
        for name in '{TOP}/file', '{TOP}/private', '{TOP}/dir', '/etc/passwd': os.close(os.open(name, 0))
        os.stat('{TOP}/file'); os.listdir('{TOP}/dir'); os.chdir('{TOP}/dir'); os.getcwd(); os.chdir('/')
        pid = os.fork()
        if pid == 0:
            os.close(os.open('{TOP}/private', 0))
            os._exit(0)
        os.waitpid(pid, 0)
"""


if "PARROT_TESTS_CORE" in os.environ:
    pytestmark = pytest.mark.skip("the sanitizers' own memory grows")


def _state() -> tuple[int, int]:
    """Descriptors and resident KiB of this process."""
    return len(os.listdir("/proc/self/fd")), int(Path("/proc/self/statm").read_text().split()[1]) * 4


@pytest.mark.parametrize(
    ("first", "then"), [(500, 2000), pytest.param(1000, 10_000, marks=pytest.mark.stress)], ids=["short", "long"]
)
def test_many_rounds(home: Path, use_seccomp: bool, first: int, then: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(harness, "TIMEOUT", 40 + then / 50)

    def director(tracer: Tracer) -> list[tuple[int, int]]:
        states = []
        for mark in (b"first\n", b"second\n"):
            tracer.wait_said(mark, 30 + then / 50)
            states.append(_state())
            os.kill(tracer.root, 10)
        return states

    code = (
        f"{ROUND}\nimport signal\nsignal.pthread_sigmask(signal.SIG_BLOCK, [10])\n"
        "def size(): return int(open('/proc/self/statm').read().split()[0])\n"
        f"go_round({first}); before = size(); print('first', flush=True); signal.sigwait([10])\n"
        f"go_round({then}); print(size() - before, 'second', flush=True); signal.sigwait([10])"
    )
    told = Setup(home, TREE, director=director, use_seccomp=use_seccomp).python(code)
    grown = int(told.expect().stdout.split()[1])
    assert grown <= 64, "pages of the job's address space"
    (fds, memory), (fds_later, memory_later) = told.value
    assert fds_later == fds
    assert memory_later - memory < 1500


def test_threads_and_programs_leave_no_records(home: Path) -> None:
    code = f"""
import threading
for _ in range(100):
    threads = [threading.Thread(target=lambda: os.close(os.open('{TOP}/private', 0))) for _ in range(8)]
    for t in threads: t.start()
    for t in threads: t.join()
    pid = os.fork()
    if pid == 0: os.execv('/bin/true', ['true'])
    os.waitpid(pid, 0)
print(len(open('/proc/self/maps').readlines()) < 200)
"""
    told = Setup(home, TREE).python(code)
    told.expect(b"True\n")  # among what expect() looks at: no record of a thread is left
    assert told.counters["injected"] <= 16, "at most one for each of the first threads, which began together"


@pytest.mark.parametrize("call", [f"os.stat('{TOP}/missing%d' % i)", f"os.open('{TOP}/none%d' % i, 0)"])
def test_names_that_do_not_exist_cost_bounded_memory(home: Path, call: str) -> None:
    """A job may probe any number of names; the tables of what is known have an end."""

    def director(tracer: Tracer) -> list[int]:
        states = []
        for mark in (b"first\n", b"second\n"):
            tracer.wait_said(mark, 30)
            states.append(_state()[1])
            os.kill(tracer.root, 10)
        return states

    code = f"""
import signal; signal.pthread_sigmask(signal.SIG_BLOCK, [10])
def probe(numbers):
    for i in numbers:
        try: {call}
        except OSError: pass
probe(range(1000)); print('first', flush=True); signal.sigwait([10])
probe(range(1000, 31000)); print('second', flush=True); signal.sigwait([10])
"""
    told = Setup(home, TREE, director=director).python(code)
    told.expect(b"first\nsecond\n")
    assert told.value[1] - told.value[0] < 16 * 1024

"""Signals for threads that wait: handlers run at once, death comes at once, no call fails with EINTR."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest

from parrot_py.drivers.memory import Directory, File, Node
from tests.engine.blocking import BlockingDriver
from tests.engine.harness import TOP, Setup, Tracer
from tests.engine.programs import engine_program
from tests.support.processes import eventually, state

TREE: dict[bytes, Node | bytes] = {
    b"/cold/file": b"content",
    b"/cold/dir": Directory(),
    b"/cold/program": File(b"#!/bin/sh\necho started\n", mode=0o755),
    b"/slow": b"12345",
}

CALLS = {
    "open": f"os.open('{TOP}/cold/file', 0)",
    "stat": f"os.stat('{TOP}/slow')",
    "chdir": f"os.chdir('{TOP}/slow/x')",
    "list": f"os.listdir('{TOP}/cold/dir')",
    "exec": f"os.execv('{TOP}/cold/program', ['p'])",
}
HANDLER = "import signal; signal.signal(signal.SIGUSR1, lambda *_: print('handled', flush=True))\n"


@pytest.mark.parametrize("flags", ["interrupt", "restart"])
def test_a_handler_runs_at_once_and_the_open_succeeds(
    home: Path, use_seccomp: bool, flags: str, abi: tuple[str, ...]
) -> None:
    driver = BlockingDriver(TREE)

    def director(tracer: Tracer) -> None:
        for round in range(1, 4):
            tracer.wait_parked(round)
            os.kill(tracer.root, signal.SIGUSR1)
            eventually(lambda: tracer.said().count(b"handled\n") == round, what="the handler")  # noqa: B023
        tracer.wait_parked(4)
        driver.gate.set()

    job = Setup(home, driver=driver, director=director, use_seccomp=use_seccomp)
    told = job.run(engine_program("open_signalled", *abi), flags, f"{TOP}/cold/file")
    told.expect(b"handled\n" * 3 + b"content")


@pytest.mark.parametrize("busy", ["another process", "another thread"])
def test_a_handler_runs_at_once_beside_somebody_busy(home: Path, busy: str) -> None:
    driver = BlockingDriver(TREE)

    def director(tracer: Tracer) -> float:
        tracer.wait_parked()
        tracer.wait_said(b"busy\n")
        began = time.monotonic()
        os.kill(tracer.root, signal.SIGUSR1)
        try:
            eventually(lambda: b"handled\n" in tracer.said(), what="the handler")
            return time.monotonic() - began
        finally:
            driver.gate.set()

    how = "fork" if "process" in busy else "thread"
    job = Setup(home, driver=driver, director=director)
    told = job.run(engine_program("open_signalled"), "interrupt", f"{TOP}/cold/file", how)
    assert sorted(told.expect().stdout.split(b"\n")) == [b"busy", b"content", b"handled"]
    assert told.value < 30, "it waited for the answer"


CHILD_DIES = """
import signal, time
child = os.fork()
if child == 0:
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    %s
print(child, flush=True)
died = os.WTERMSIG(os.waitpid(child, 0)[1])
print('died', flush=True)
while not os.path.exists('go'): time.sleep(.01)
print(died, open('/cvmfs/mem.test/cold/file').read())
"""


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL, signal.SIGINT])
def test_death_comes_at_once(home: Path, call: str, number: int) -> None:
    """The worker is let go only after the process has died, and finds nobody to answer; its parent lives on."""
    driver = BlockingDriver(TREE)

    def director(tracer: Tracer) -> None:
        tracer.wait_parked()
        tracer.wait_said(b"\n")
        os.kill(int(tracer.said()), number)
        tracer.wait_said(b"died\n")
        driver.gate.set()
        eventually(lambda: tracer.parked() == 0, what="the answer that nobody wants")
        (tracer.home / "go").touch()

    told = Setup(home, driver=driver, director=director).python(CHILD_DIES % CALLS[call])
    assert told.expect().stdout.endswith(b"died\n%d content\n" % number)


@pytest.mark.parametrize("call", CALLS)
def test_the_run_ends_with_the_last_parked_process(home: Path, use_seccomp: bool, call: str) -> None:
    driver = BlockingDriver(TREE)

    def director(tracer: Tracer) -> None:
        tracer.wait_parked()
        os.kill(tracer.root, signal.SIGKILL)

    told = Setup(home, driver=driver, director=director, use_seccomp=use_seccomp).python(CALLS[call])
    told.expect(b"", -signal.SIGKILL)


def test_a_blocked_signal_waits_for_the_end_of_the_call(home: Path) -> None:
    driver = BlockingDriver(TREE)

    def director(tracer: Tracer) -> bool:
        tracer.wait_parked()
        os.kill(tracer.root, signal.SIGUSR1)
        stops = tracer.engine.counters()["stops"]
        eventually(lambda: b"ShdPnd:\t0000000000000200" in Path(f"/proc/{tracer.root}/status").read_bytes())
        driver.gate.set()
        return tracer.engine.counters()["stops"] == stops

    told = Setup(home, driver=driver, director=director).python(
        f"{HANDLER}signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1])\n"
        f"print(open('{TOP}/cold/file').read(), flush=True)\n"
        "signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGUSR1])"
    )
    told.expect(b"content\nhandled\n")
    assert told.value


STOPPING = f"""
import signal, threading
reading, writing = os.pipe()
child = os.fork()
if child == 0:
    os.setpgid(0, 0)  # the group has a parent outside, so that the kernel lets the terminal's signals stop it
    if len(sys.argv) > 1: threading.Thread(target=signal.pause, daemon=True).start()
    print(open('{TOP}/cold/file').read(), flush=True)
    os.read(reading, 1)  # who has ended is not told of as continued any more
    os._exit(3)
print(child, flush=True)
for flags in os.WUNTRACED, os.WCONTINUED, 0:
    status = os.waitpid(child, flags)[1]
    if os.WIFSTOPPED(status): print("stopped", os.WSTOPSIG(status), flush=True)
    elif os.WIFCONTINUED(status): os.write(writing, b"x"); print("continued", flush=True)
    else: print("exit", os.WEXITSTATUS(status), flush=True)
"""


@pytest.mark.parametrize("threads", [[], ["more"]], ids=["one thread", "two threads"])
@pytest.mark.parametrize("number", [signal.SIGSTOP, signal.SIGTSTP])
def test_a_parked_process_stops_and_continues(home: Path, use_seccomp: bool, number: int, threads: list[str]) -> None:
    driver = BlockingDriver(TREE)

    def director(tracer: Tracer) -> None:
        tracer.wait_parked()
        tracer.wait_said(b"\n")
        child = int(tracer.said().split()[0])
        os.kill(child, number)
        tracer.wait_said(b"stopped %d\n" % number)
        driver.gate.set()
        eventually(lambda: tracer.parked() == 0 or state(child) in "tT")
        assert b"content" not in tracer.said(), "who is stopped does not go on"
        os.kill(child, signal.SIGCONT)

    told = Setup(home, driver=driver, director=director, use_seccomp=use_seccomp).python(STOPPING, *threads)
    lines = told.expect().stdout.splitlines()[1:]
    assert sorted(lines) == sorted([b"stopped %d" % number, b"continued", b"content", b"exit 3"])

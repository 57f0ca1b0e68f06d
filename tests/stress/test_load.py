"""Many threads and processes at once: every answer is right, nobody hangs or stays, the tracer does not grow."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.stress.conftest import FILES, TOP
from tests.stress.watch import Watch
from tests.support.parrot import Parrot, environment
from tests.support.processes import eventually, marked

SHORT, MINUTE = pytest.param(1, id="short"), pytest.param(60, id="minute", marks=[pytest.mark.stress])
GRACE = 150  # a loaded machine takes a minute to end 500 processes


def stat_of(pid: int) -> str:
    """What the kernel says of *pid*, which may end meanwhile."""
    try:
        return Path(f"/proc/{pid}/stat").read_text()
    except OSError as error:
        return str(error)


class Load:
    """One run of load.c under parrot_run, watched."""

    def __init__(self, run: Parrot, program: Path, what: str, count: int, seconds: int) -> None:
        self.run, self.seconds = run, seconds
        self.env = environment(run.home, {"FILES": str(FILES), "MARK": str(run.home)})
        self.command = [str(program), what, TOP, str(count), str(seconds)]
        self.out, self.err = run.home / "out", run.home / "err"

    def __enter__(self) -> Load:
        self._stack = ExitStack()
        out, err = (self._stack.enter_context(path.open("wb")) for path in (self.out, self.err))
        running = self.run.running(self.command, env=self.env, stdout=out, stderr=err, start_new_session=True)
        self.tracer = self._stack.enter_context(running)
        self.watch = Watch(self.tracer.pid).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def ends(self, status: int = 0) -> None:
        """It comes to its end by itself, all its answers were right, nobody and nothing is left."""
        try:
            told = self.tracer.wait(self.seconds + GRACE)
        except subprocess.TimeoutExpired:
            alive = {pid: stat_of(pid) for pid in marked(str(self.run.home))}
            raise AssertionError(f"it hangs: {alive}\n{self.said()}") from None
        assert told == status, self.said()
        self.leaves_nothing()
        if status == 0:
            assert b"\nwrong 0 \n" in self.out.read_bytes(), self.said()
        assert b"defect" not in self.run.log(), self.said()

    def leaves_nothing(self) -> None:
        """No process and no session directory."""
        eventually(lambda: not marked(str(self.run.home)), GRACE, "the last process to end")
        assert list((self.run.tempdir / "s").iterdir()) == []

    def holds_no_more(self, kib: int = 8192, descriptors: int = 16) -> None:
        """The tracer held no more at the end than when it was warm."""
        print(self.watch.summary())
        assert self.watch.grown(lambda s: s.descriptors) <= descriptors, self.watch.summary()
        assert self.watch.grown(lambda s: s.kib) <= kib, self.watch.summary()
        assert max(s.threads for s in self.watch.samples) <= 64, self.watch.summary()

    def said(self) -> str:
        """What it printed, for a message."""
        return "\n".join([self.out.read_text(), self.err.read_text(), self.run.log().decode()[-2000:]])


@pytest.mark.parametrize("seconds", [SHORT, MINUTE])
@pytest.mark.parametrize(("what", "count"), [("threads", 64), ("processes", 500), ("storm", 100)])
def test_load(loaded: Parrot, load: Path, what: str, count: int, seconds: int) -> None:
    with Load(loaded, load, what, count if seconds > 1 else min(count, 64), seconds) as running:
        running.ends()
        print(running.out.read_text())
        if seconds > 1:
            running.holds_no_more()


FEW, MANY = pytest.param(100, id="few"), pytest.param(2000, id="many", marks=[pytest.mark.stress])


@pytest.mark.parametrize("count", [FEW, MANY])
def test_many_alive_at_once(loaded: Parrot, load: Path, count: int) -> None:
    with Load(loaded, load, "sleepers", count, 0) as running:
        eventually(lambda: b"calls of one" in running.err.read_bytes(), 120, "all of them")
        alive = marked(str(loaded.home))
        assert len(alive) == count + 2, "each of them, the first process and parrot_run"
        first = int(running.out.read_text().split()[-1])
        held = running.watch.samples[-1]
        os.kill(first, signal.SIGUSR1)
        running.ends()
        assert b"ended well: %d\n" % count in running.out.read_bytes()
        print(running.err.read_text(), held)
        assert held.kib < 120_000
        assert held.descriptors < 64


@pytest.mark.parametrize("seconds", [SHORT, MINUTE])
def test_a_tracer_that_is_stopped_and_continued(loaded: Parrot, load: Path, seconds: int) -> None:
    with Load(loaded, load, "storm", 32, seconds) as running:
        while running.tracer.poll() is None and len(running.watch.samples) < seconds * 10:
            os.kill(running.tracer.pid, signal.SIGSTOP)
            time.sleep(0.02)
            os.kill(running.tracer.pid, signal.SIGCONT)
            time.sleep(0.05)
        running.ends()


def test_a_signal_to_parrot_run_reaches_the_load(loaded: Parrot, load: Path) -> None:
    with Load(loaded, load, "storm", 32, 600) as running:
        eventually(lambda: len(marked(str(loaded.home))) > 10, what="the load")
        running.tracer.send_signal(signal.SIGUSR2)
        running.ends()


def test_the_tracer_is_killed(loaded: Parrot, load: Path) -> None:
    """At any moment: nobody survives it, and the next run removes what it left."""
    for moment in (0.4, 1.1):
        with Load(loaded, load, "storm", 32, 600) as running:
            time.sleep(moment)  # not a wait for something: any moment will do
            running.tracer.kill()
            assert running.tracer.wait(GRACE) == -signal.SIGKILL
            eventually(lambda: not marked(str(loaded.home)), GRACE, "every process to end")
    loaded.run(["/bin/true"]).expect()
    assert list((loaded.tempdir / "s").iterdir()) == []

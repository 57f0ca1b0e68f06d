"""Threads that die, are replaced or are stopped in the middle of what the engine does with them."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest

from parrot_py.drivers.base import Inode
from parrot_py.drivers.memory import File, MemoryDriver, Node
from tests.engine.blocking import BlockingDriver
from tests.engine.harness import TOP, Setup, Tracer
from tests.engine.programs import engine_program
from tests.support.processes import eventually

TREE: dict[bytes, Node | bytes] = {b"/text": b"text", b"/seven": File(b"#!/bin/sh\nexit 7\n", mode=0o755)}


class Slow(MemoryDriver):
    """Takes its time over names that do not exist, on the tracer's thread; meanwhile the caller may be replaced."""

    def lookup(self, path: bytes) -> Inode:
        if b"missing" in path:
            time.sleep(0.003)
        return super().lookup(path)


@pytest.mark.parametrize("where", ["of ours", "native"])
def test_a_thread_starts_a_program_while_the_first_is_in_a_call(home: Path, use_seccomp: bool, where: str) -> None:
    """exec gives the leader's number to another thread: what was meant for the leader must not reach that one."""
    (home / "seven").write_text("#!/bin/sh\nexit 7\n")
    (home / "seven").chmod(0o755)
    program = f"{TOP}/seven" if where == "of ours" else str(home / "seven")
    told = Setup(home, driver=Slow(TREE), use_seccomp=use_seccomp).run(engine_program("exec_race"), TOP, program, "40")
    told.expect(b"wrong: 0\n")


def test_nothing_is_written_for_a_call_that_was_left(home: Path, use_seccomp: bool) -> None:
    """The worker's outcome comes when the thread is elsewhere: its memory is its own."""
    driver = BlockingDriver({b"/slow": b"12345"})

    def director(tracer: Tracer) -> None:
        tracer.wait_parked()
        os.kill(tracer.root, signal.SIGUSR1)
        tracer.wait_said(b"jumped\n")
        driver.gate.set()
        eventually(lambda: tracer.parked() == 0, what="the answer that nobody wants")
        tracer.engine.wake()
        (tracer.home / "go").touch()

    job = Setup(home, driver=driver, director=director, use_seccomp=use_seccomp)
    job.run(engine_program("parked_jump"), f"{TOP}/slow", str(home / "go")).expect(b"jumped\nbytes changed: 0\n")


def test_children_of_killed_parents_live(home: Path, use_seccomp: bool) -> None:
    """Parents are killed at any moment of fork: their children are still the job's, and go on to their end."""
    command = engine_program("killed_parents")
    told = Setup(home, TREE, use_seccomp=use_seccomp).run(command, TOP, "200", str(home / "marks"))
    told.expect(b"born: as many as lived to their end\n")


REPLACED = b"""#!/bin/sh
echo started
while [ ! -e $1 ]; do sleep 0.01; done
cat /cvmfs/mem.test/text
exit 7
"""


@pytest.mark.parametrize("where", ["of ours", "native"])
def test_a_thread_starts_a_program_while_the_first_is_parked(home: Path, use_seccomp: bool, where: str) -> None:
    """What the parked threads waited for comes when there is another program, and is nobody's."""
    driver = BlockingDriver({b"/cold/file": b"12345", b"/text": b"text", b"/program": File(REPLACED, mode=0o755)})
    (home / "program").write_bytes(REPLACED)
    (home / "program").chmod(0o755)

    def director(tracer: Tracer) -> None:
        tracer.wait_parked(2)
        (tracer.home / "go").touch()
        tracer.wait_said(b"started\n")
        driver.gate.set()
        eventually(lambda: tracer.parked() == 0, what="the answer that nobody wants")
        (tracer.home / "end").touch()

    program = f"{TOP}/program" if where == "of ours" else str(home / "program")
    job = Setup(home, driver=driver, director=director, use_seccomp=use_seccomp)
    command = [str(engine_program("exec_parked")), f"{TOP}/cold/file", str(home / "go"), program, str(home / "end")]
    job.run(*command).expect(b"started\ntext", 7)

"""Threads that die, are replaced or are stopped in the middle of what the engine does with them."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from parrot_py.drivers.base import Inode
from parrot_py.drivers.memory import File, MemoryDriver, Node
from tests.engine.harness import TOP, Setup
from tests.engine.programs import engine_program

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

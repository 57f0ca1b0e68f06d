"""Threads that take SIGCHLD away from the tracer, as those of a library may: it is passed on, and nobody sleeps."""

from __future__ import annotations

import threading
from pathlib import Path

from parrot_py.engine.core import Engine
from tests.engine.harness import TOP, Setup
from tests.engine.programs import engine_program
from tests.engine.test_programs import births_tree

THIEVES = 8


def start_thieves(_: Engine) -> None:
    """Threads from before the tracer blocked anything: the kernel may give them what the tracer waits for."""
    for _number in range(THIEVES):
        threading.Thread(target=threading.Event().wait, daemon=True).start()


def test_a_job_does_not_depend_on_who_gets_the_signal(home: Path, use_seccomp: bool) -> None:
    command = engine_program("odd_threads")
    told = Setup(home, births_tree(), use_seccomp=use_seccomp, adjust=start_thieves).run(command, "storm", TOP)
    told.expect(b"failed: 0\n")

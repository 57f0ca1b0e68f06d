"""Hosts that forbid something: parrot_run does without it or says in one line why it cannot, and --doctor tells."""

from __future__ import annotations

import errno
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support import places
from tests.support.outcome import Outcome
from tests.support.parrot import Parrot, environment
from tests.support.programs import program

MakeParrot = Callable[..., Parrot]
DEMO = "/cvmfs/demo.parrot.local"

# What outer filters of containers are known to forbid; by number, since the point is that the kernel counts them.
CALLS = {
    "process_vm_readv": 310,
    "process_vm_writev": 311,
    "pidfd_open": 434,
    "pidfd_getfd": 438,
    "prctl": 157,
    "seccomp": 317,
    "memfd_create": 319,
    "close_range": 436,
    "kcmp": 312,
}
PTRACE = 101


def under_filter(run: Parrot, number: int, argv: list[str], options: list[str] | None = None) -> Outcome:
    """Run *argv* under parrot_run, all of it where system call *number* is EPERM."""
    command = [program("forbid"), str(number), str(errno.EPERM), *run.command(argv, options or [])]
    done = subprocess.run(
        command,
        env=environment(run.home),
        cwd=run.home,
        capture_output=True,
        stdin=subprocess.DEVNULL,
        timeout=120,
        **places.as_job(),
    )
    return Outcome(done.returncode, done.stdout, done.stderr, run.log())


@pytest.mark.parametrize("name", CALLS)
def test_a_call_is_forbidden(parrot: MakeParrot, name: str) -> None:
    told = under_filter(parrot(), CALLS[name], ["sh", "-c", f"cd {DEMO} && pwd && cat README.md && ls -l | wc -l"])
    assert told.status == 0, told
    assert told.stderr == b"", told
    assert told.stdout.startswith(os.fsencode(DEMO) + b"\n"), told


def test_ptrace_is_forbidden(parrot: MakeParrot, home: Path) -> None:
    told = under_filter(parrot(), PTRACE, ["touch", "started"])
    assert told.status == 125
    assert told.stderr.count(b"\n") == 1, told
    assert b"ptrace" in told.stderr, told
    assert not (home / "started").exists()


def doctor(run: Parrot, *options: str) -> Outcome:
    command = [*places.launcher(), "-t", str(run.tempdir), "--doctor", *options]
    done = subprocess.run(
        command, env=environment(run.home), cwd=run.home, capture_output=True, timeout=120, **places.as_job()
    )
    return Outcome(done.returncode, done.stdout, done.stderr, b"")


def findings(told: Outcome) -> dict[str, str]:
    """Name → sign of every line of the report."""
    lines = [line for line in told.stdout.decode().splitlines() if line[:2] in ("ok", "--", "!!", "XX")]
    return {line[4:26].strip(): line[:2] for line in lines}


def test_the_doctor_finds_nothing_wrong_here(parrot: MakeParrot) -> None:
    told = doctor(parrot())
    assert told.status == 0, told
    assert told.stderr == b"", told
    found = findings(told)
    trial = ("a job", "filters for jobs", "reading /cvmfs", "programs of /cvmfs")
    assert [found[name] for name in trial] == ["ok"] * len(trial), told
    assert "XX" not in found.values()


def test_the_doctor_names_what_is_forbidden(parrot: MakeParrot) -> None:
    run = parrot()
    command = [*places.launcher(), "-t", str(run.tempdir), "--doctor"]
    done = subprocess.run(
        [program("forbid"), str(PTRACE), str(errno.EPERM), *command],
        env=environment(run.home),
        cwd=run.home,
        capture_output=True,
        timeout=120,
        **places.as_job(),
    )
    told = Outcome(done.returncode, done.stdout, done.stderr, b"")
    assert told.status == 1, told
    assert findings(told)["a job"] == "XX"
    assert b"ptrace" in told.stdout
    assert b"remedy: " in told.stdout


def test_the_doctor_and_an_unusable_tempdir(parrot: MakeParrot) -> None:
    run = parrot()
    run.tempdir = Path("/proc/nowhere")
    told = doctor(run)
    assert told.status == 1, told
    assert findings(told)["tempdir"] == "XX"


def test_the_doctor_without_filters(parrot: MakeParrot) -> None:
    told = doctor(parrot(), "--no-seccomp")
    assert told.status == 0, told
    assert findings(told)["filters for jobs"] == "!!"

"""The last probes: real runs of small jobs."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from parrot_py.caller import Given
from parrot_py.config.model import RunConfig
from parrot_py.config.repositories import DEMO
from parrot_py.doctor.finding import BAD, GOOD, POOR, Finding

_SECONDS = 60
_REMEDY = "the message says what is forbidden; docs/limits.md has the list of what the host must allow"


def probes(config: RunConfig, given: Given) -> Iterator[Finding]:
    """Every probe of this module."""
    plain = _run(config, given, ["true"])
    if plain.returncode:
        yield Finding("a job", BAD, _said(plain), _REMEDY)
        return
    yield Finding("a job", GOOD, "runs")
    stops = _stops(plain.stderr)
    if stops.get("other"):
        yield Finding("filters for jobs", POOR, "not available: every system call stops twice", "see seccomp above")
    else:
        yield Finding("filters for jobs", GOOD, "work")
    reading = _run(config, given, ["cat", f"/cvmfs/{DEMO}/README.md"])
    yield _judged("reading /cvmfs", reading, "a file of the demonstration repository is there")
    starting = _run(config, given, [f"/cvmfs/{DEMO}/hello.sh"])
    yield _judged("programs of /cvmfs", starting, "one was started")


def _run(config: RunConfig, given: Given, job: list[str]) -> subprocess.CompletedProcess[bytes]:
    options = ["-t", str(config.tempdir), "-r", f"{DEMO}.unused:try_local_filesystem", "--stats", "-o", ":stderr"]
    if not config.use_seccomp:
        options.append("--no-seccomp")
    command = [sys.executable, "-m", "parrot_py", *options, "--", *job]
    package = str(Path(__file__).parents[2])
    paths = [package, *filter(None, [os.environ.get("PYTHONPATH")])]
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
    environ.pop("PARROT_ENABLED", None)
    try:
        return subprocess.run(
            command,
            capture_output=True,
            input=b"",  # not /dev/null, which may not be there
            env=environ,
            timeout=_SECONDS,
            preexec_fn=given.restore,  # the caller's limits count for the trial, not ours; there is no other thread
        )
    except subprocess.TimeoutExpired:
        return subprocess.CompletedProcess(command, -1, b"", b"no answer within a minute")
    except OSError as error:  # no process, or too few descriptors for one
        return subprocess.CompletedProcess(command, -1, b"", f"it cannot be started: {error.strerror}".encode())


def _said(run: subprocess.CompletedProcess[bytes]) -> str:
    """The message of parrot_run, without the lines of the log."""
    lines = [line for line in run.stderr.decode(errors="replace").splitlines() if "stats: " not in line]
    return lines[-1] if lines else f"exit status {run.returncode}"


def _stops(log: bytes) -> dict[str, int]:
    pairs = [line.rpartition("stats: ")[2].split() for line in log.decode(errors="replace").splitlines()]
    return {pair[0]: int(pair[1]) for pair in pairs if len(pair) == 2 and pair[1].isdigit()}


def _judged(name: str, run: subprocess.CompletedProcess[bytes], good: str) -> Finding:
    if run.returncode:
        return Finding(name, POOR, _said(run), _REMEDY)
    return Finding(name, GOOD, good)

"""What is asked of a run may fail or make no sense: the job goes on, and the next one is answered."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support import places
from tests.support.parrot import Parrot
from tests.support.processes import eventually

MakeParrot = Callable[..., Parrot]
ASK = """import socket, sys
s = socket.socket(socket.AF_UNIX)
s.settimeout(60)
s.connect(sys.argv[1])
s.sendall(sys.stdin.buffer.read())
print(s.makefile().readline())
"""


def _control(run: Parrot) -> Path:
    return next((run.tempdir / "s").glob("*/control"))


def _ask(run: Parrot, line: bytes) -> dict[str, object]:
    """The answer to *line* of a process that is not of the run."""
    command = ["/usr/bin/python3", "-c", ASK, str(_control(run))]
    done = subprocess.run(
        command, input=line + b"\n", cwd="/", capture_output=True, timeout=120, check=True, **places.as_job()
    )
    answer: dict[str, object] = json.loads(done.stdout)
    return answer


@pytest.mark.parametrize(
    ("line", "errno"),
    [
        (b'{"version": 1, "command": ["status"]}', "EPERM"),
        (b'{"version": 1, "command": {}}', "EPERM"),
        (b'{"version": 1}', "EPERM"),
        (b"[" * 60000, "EINVAL"),
        (b'"status"', "EINVAL"),
    ],
)
def test_requests_without_sense(parrot: MakeParrot, line: bytes, errno: str) -> None:
    run = parrot()
    with run.running(["sleep", "1000"]):
        eventually(lambda: any((run.tempdir / "s").glob("*/control")), 60, "its socket")
        eventually(lambda: _listens(run), 60, "somebody who listens")
        assert _ask(run, line)["errno"] == errno
        assert _ask(run, b'{"version": 1, "command": "status"}')["ok"] is True, "who answers has survived"


def _listens(run: Parrot) -> bool:
    with socket.socket(socket.AF_UNIX) as probe:
        return probe.connect_ex(str(_control(run))) == 0


def _prlimit(pid: int, *options: str) -> str:
    """Ask or change, as the job's user: for root, the limits of others need a capability."""
    command = ["prlimit", "--pid", str(pid), *options]
    done = subprocess.run(command, cwd="/", capture_output=True, timeout=60, check=True, **places.as_job())
    return str(done.stdout.decode().strip())


def test_no_descriptor_for_a_report(parrot: MakeParrot) -> None:
    run = parrot()
    script = "echo ready; read line; echo $line"
    pipe = subprocess.PIPE
    with run.running(["sh", "-c", script], stdin=pipe, stdout=pipe) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        before = _prlimit(process.pid, "--output=SOFT", "--noheadings", "--raw", "--nofile")
        _prlimit(process.pid, "--nofile=3:")
        process.send_signal(signal.SIGUSR1)
        eventually(lambda: b"nobody can be told" in run.log(), 60, "a line that says so")
        _prlimit(process.pid, f"--nofile={before}:")
        assert process.communicate(b"alive\n", 60)[0] == b"alive\n"
        assert process.returncode == 0


def _ticks(pid: int) -> int:
    """Processor time of the process, in hundredths of a second."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])


def test_no_descriptor_for_who_asks(parrot: MakeParrot) -> None:
    """Who has come stays in the queue of the socket, which is no reason to be busy."""
    run = parrot()
    with run.running(["sleep", "1000"]) as process:
        eventually(lambda: any((run.tempdir / "s").glob("*/control")), 60, "its socket")
        eventually(lambda: _listens(run), 60, "somebody who listens")
        assert _ask(run, b'{"version": 1, "command": "status"}')["ok"] is True
        before = _prlimit(process.pid, "--output=SOFT", "--noheadings", "--raw", "--nofile")
        _prlimit(process.pid, "--nofile=3:")
        assert _listens(run)
        began = _ticks(process.pid)
        time.sleep(3)
        used = _ticks(process.pid) - began
        _prlimit(process.pid, f"--nofile={before}:")
        assert _ask(run, b'{"version": 1, "command": "status"}')["ok"] is True
    assert used < 30, "of 300"

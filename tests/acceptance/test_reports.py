"""What a run leaves in files and in its exit status: -c, -e, -W, --stats-file, --old-exit-status."""

from __future__ import annotations

import errno
import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support import places
from tests.support.parrot import Parrot, environment
from tests.support.programs import program

MakeParrot = Callable[..., Parrot]
DEMO = "/cvmfs/demo.parrot.local"
PTRACE = 101


@pytest.mark.parametrize(
    ("argv", "text", "status", "old"),
    [
        (["true"], "normal\n0\n", 0, 0),
        (["sh", "-c", "exit 7"], "normal\n7\n", 7, 7),
        (["sh", "-c", "kill -9 $$"], "abnormal\n9\n", -9, 1),
        (["sh", "-c", "kill -15 $$"], "abnormal\n15\n", -15, 1),
        (["/not/there"], "noexec\n0\n", 127, 1),
        (["/etc/passwd"], "noexec\n0\n", 126, 1),
    ],
)
def test_how_it_ended(parrot: MakeParrot, home: Path, argv: list[str], text: str, status: int, old: int) -> None:
    run = parrot()
    assert run.run(argv, options=["-c", str(home / "status")]).status == status
    assert (home / "status").read_text() == text
    assert run.run(argv, options=["-c", str(home / "status"), "--old-exit-status"]).status == old
    assert (home / "status").read_text() == text


def test_where_tracing_is_forbidden(parrot: MakeParrot, home: Path) -> None:
    run = parrot()
    command = run.command(["true"], ["-c", str(home / "status")])
    inner = [program("forbid"), str(PTRACE), str(errno.EPERM), *command]
    done = subprocess.run(inner, env=environment(home), cwd=home, capture_output=True, timeout=60, **places.as_job())
    assert done.returncode == 125
    assert (home / "status").read_text() == "noattach\n0\n"


def test_a_status_file_that_cannot_be_written(parrot: MakeParrot) -> None:
    told = parrot().run(["sh", "-c", "exit 3"], options=["-c", "/proc/none/status"])
    assert (told.status, told.stderr) == (3, b"")
    assert b"cannot write /proc/none/status" in told.log


def test_the_environment(parrot: MakeParrot, home: Path) -> None:
    run = parrot()
    env = environment(home, {"A": "1\n2"})
    run.run(["true"], options=["-e", str(home / "env")], env=env).expect()
    entries, _, rest = (home / "env").read_bytes().rpartition(b"\0")
    assert {*entries.split(b"\0")} >= {b"A=1\n2", b"PARROT_ENABLED=TRUE"}
    assert rest == b"PWD=" + os.fsencode(home) + b"\n"
    told = run.run(["touch", str(home / "started")], options=["-e", str(home / "env")])
    assert (told.status, told.stderr.count(b"\n")) == (1, 1)
    assert not (home / "started").exists()


def test_statistics_as_json(parrot: MakeParrot, home: Path) -> None:
    run = parrot()
    run.run(["cat", f"{DEMO}/README.md"], options=["--stats-file", str(home / "stats.json")]).expect()
    told = json.loads((home / "stats.json").read_text())
    assert told["engine"]["stops"] >= told["engine"]["stops.openat"] > 0
    assert told["drivers"][DEMO]["cvmfs.n_fs_open"] >= 1
    assert told["drivers"][DEMO]["download.n_requests"] > 0


def test_statistics_for_prometheus(parrot: MakeParrot, home: Path) -> None:
    run = parrot()
    run.run(["cat", f"{DEMO}/README.md"], options=["--stats-file", str(home / "stats.prom")]).expect()
    lines = dict(line.rsplit(" ", 1) for line in (home / "stats.prom").read_text().splitlines())
    assert int(lines["parrot_engine_stops"]) > 0
    assert int(lines['parrot_engine_stops_by_call{call="openat"}']) > 0
    assert int(lines[f'parrot_driver_cvmfs_n_fs_open{{mount="{DEMO}"}}']) >= 1


def test_the_table_of_calls(parrot: MakeParrot) -> None:
    told = parrot().run(["cat", f"{DEMO}/hello.sh"], options=["-W"])
    table = told.stdout.decode().partition("       stops  call\n")[2].splitlines()
    counted = {line.split()[1]: int(line.split()[0]) for line in table}
    assert counted["openat"] > 0
    assert counted.pop("total") == sum(counted.values())

"""Hosts that limit something (ulimit): the tracer raises what it may for itself, the job has what the caller set."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.support import hosts, places
from tests.support.hosts import assert_refused, assert_works, doctor, findings, parrot_under
from tests.support.outcome import Outcome
from tests.support.parrot import Parrot, environment

FEW = {
    "64 descriptors": "ulimit -n 64",
    "24 descriptors": "ulimit -n 24",
    "500 MB of address space": "ulimit -v 500000",
    "200 MB of address space": "ulimit -v 200000",
    "140 MB of address space": "ulimit -v 140000",
    "300 MB of data": "ulimit -d 300000",
    "a small stack": "ulimit -s 128",
    "an unlimited stack": "ulimit -s unlimited",
    "no pending signals": "ulimit -i 0",
    "no locked memory": "ulimit -l 0",
    "no message queues": "ulimit -q 0",
    "no core": "ulimit -c 0",
    "few descriptors for the job only": "ulimit -Sn 16",
    "one second for the job only": "ulimit -St 1",
    "no files for the job only": "ulimit -Sf 0",
    "many descriptors": "ulimit -n $(ulimit -Hn)",
    "nice": "exec nice -n 5 bash -c 'exec \"$@\"' host \"$@\"",
}


@pytest.mark.parametrize("setup", FEW.values(), ids=list(FEW))
def test_works(run: Parrot, setup: str) -> None:
    assert_works(parrot_under(run, setup))


@pytest.mark.parametrize("setup", ["ulimit -u 1", "ulimit -n 8"])
def test_doctor_where_no_process_can_be_started(run: Parrot, setup: str) -> None:
    examined = doctor(run, setup)
    assert examined.status == 1, examined
    assert examined.stderr == b"", examined
    assert findings(examined)["a job"] == "XX", examined


@pytest.mark.parametrize("setup", FEW.values(), ids=list(FEW))
def test_the_job_has_the_limits_of_the_caller(run: Parrot, setup: str) -> None:
    ask = ["bash", "-c", "ulimit -Sa; ulimit -Ha; nice"]
    native = hosts.command_under(run, ask, setup)
    assert native.status == 0, native
    told = hosts.command_under(run, run.command(ask), setup)
    assert (told.status, told.stdout, told.stderr) == (0, native.stdout, native.stderr), told


def test_too_little_address_space(run: Parrot, home: Path) -> None:
    told = parrot_under(run, "ulimit -v 130000", ["touch", "started"])
    assert_refused(told, "ulimit -v 130000")
    assert not (home / "started").exists()
    examined = doctor(run, "ulimit -v 130000")
    assert examined.status == 1, examined
    assert findings(examined)["ulimit -v"] == "XX"


def test_files_too_big_for_the_limit_are_an_error_and_not_the_end(run: Parrot) -> None:
    """The cache can't have them; the job is told so, and goes on."""
    script = f"cat {hosts.R}/hello.txt; cat {hosts.R}/zeros.bin | wc -c; cat {hosts.R}/hello.txt"
    told = parrot_under(run, "ulimit -f 1000", ["bash", "-c", script])
    assert told.status == 0, told
    assert told.stdout == b"hello, world\n0\nhello, world\n", told
    assert told.stderr == f"cat: {hosts.R}/zeros.bin: File too large\n".encode(), told
    assert b"File too large" in told.log, told


def test_more_files_open_at_once_than_the_job_may_have(run: Parrot) -> None:
    """EMFILE is the job's, at the same number as natively; the tracer has enough for itself."""
    script = f"""
import os
held = []
try:
    while True:
        held.append(os.open("{hosts.R}/hello.txt" if len(held) % 2 else "/etc/passwd", os.O_RDONLY))
except OSError as error:
    print(len(held), error.strerror)
"""
    told = parrot_under(run, "ulimit -n 40", ["/usr/bin/python3", "-I", "-c", script])
    native = hosts.command_under(
        run, ["/usr/bin/python3", "-I", "-c", script.replace(hosts.R + "/hello.txt", "/etc/group")], "ulimit -n 40"
    )
    assert native.stdout.endswith(b" Too many open files\n"), native
    assert told.stdout == native.stdout, told


def test_no_more_processes(run: Parrot) -> None:
    """At the limit not even the job can be started; just above it runs, though the tracer gets no thread."""
    if not places.is_root():
        pytest.skip("the limit counts all processes of a user: this needs one of its own, which only root can take")
    first, last = 0, 0
    outcomes = [_with_processes(run, limit) for limit in range(1, 8)]
    for limit, told in enumerate(outcomes, 1):
        if told.status == 125:
            assert_refused(told, "ulimit -u")
            last = limit
        else:
            assert b"Traceback" not in told.stderr + told.log, told
            first = first or limit
    assert last, outcomes
    assert first == last + 1
    assert outcomes[-1].stdout == b"hello, world\n", outcomes[-1]


def _with_processes(run: Parrot, limit: int) -> Outcome:
    """``cat`` of a file for a user of its own who may have *limit* processes and threads."""
    uid = "--reuid=61234 --regid=61234 --clear-groups"
    own = f"/tmp/parrot-61234-{run.home.name}"
    command = [*places.launcher(), "-t", own, "-r", run.repositories, "-o", f"{own}.log"]
    job = ["/bin/cat", f"{hosts.R}/hello.txt"]
    shell = f'ulimit -u {limit}; exec setpriv {uid} --inh-caps=-all -- "$@"'
    done = subprocess.run(
        ["/bin/bash", "-c", shell, "host", *command, "--", *job],
        env=environment(run.home), cwd="/", capture_output=True, stdin=subprocess.DEVNULL, timeout=60, check=False,
    )  # fmt: skip
    log = Path(f"{own}.log")
    said = log.read_bytes() if log.exists() else b""
    log.unlink(missing_ok=True)
    places.remove(Path(own))
    return Outcome(done.returncode, done.stdout, done.stderr, said)

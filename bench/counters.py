"""What is counted instead of timed: stops per call, the tracer's memory, the job's address space."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

from bench.site import Site, Trouble
from bench.tools import Tool, parrot, run

COUNTER = re.compile(r"\bstats: (\S+) (\d+)")
FEW, MANY = 100, 1100


def counters(site: Site, command: list[str]) -> dict[str, int]:
    """Run *command* under parrot_run and return the engine's own counters, as ``--stats`` writes them to the log."""
    with tempfile.NamedTemporaryFile(dir=site.work, prefix="stats-", suffix=".log") as log:
        run([*parrot(site, "--stats", "-o", log.name), *command])
        text = Path(log.name).read_text(errors="replace")
    found = {name: int(number) for name, number in COUNTER.findall(text)}
    if not found:
        raise Trouble("parrot_run --stats wrote no counters")
    return found


def stops_per_call(site: Site, command: list[str]) -> float:
    """Stops of one round of *command*, which takes the number of rounds as its last word.

    The difference of two runs: what the program's start and end need is in both.
    """
    few, many = (counters(site, [*command, str(count)]).get("stops", 0) for count in (FEW, MANY))
    return (many - few) / (MANY - FEW)


def memory_mib(site: Site, script: str) -> float:
    """Resident memory (VmRSS) of the tracer while the shell *script* has done its work and waits, in MiB."""
    command = [*parrot(site), "/bin/sh", "-c", f"{script}\necho ready\nread line"]
    pipe = subprocess.PIPE
    process = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True, start_new_session=True)
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        if process.stdout.readline().strip() != "ready":
            complaints = process.communicate(timeout=60)[1].strip() or "no message"
            raise Trouble(f"the job did not start: {complaints.splitlines()[-1]}")
        size = _resident_kib(process.pid) / 1024
        process.communicate("\n", timeout=60)
    except subprocess.TimeoutExpired as error:
        raise Trouble("the job did not end") from error
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    return size


def _resident_kib(pid: int) -> int:
    """VmRSS of *pid*: the front end has become the tracer by exec, so this is the process that was started."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1])
    raise Trouble(f"/proc/{pid}/status has no VmRSS")


def memory_rows(site: Site) -> dict[str, Callable[[], float]]:
    """The measurements of the tracer's memory by name."""
    listing = f"ls -lR {site.virtual}/tree >/dev/null"
    sleepers = f"for i in {_numbers(100)}; do sleep 100 >/dev/null & p=\"$p $!\"; done; trap 'kill $p' EXIT"
    scripts = {
        "one job, nothing of /cvmfs": ":",
        "after ls -lR of the /cvmfs tree": listing,
        "after 20 times ls -lR of it": f"for i in {_numbers(20)}; do {listing}; done",
        "with 100 processes": sleepers,
        "after 1000 processes": f"for i in {_numbers(1000)}; do /bin/true; done",
    }
    return {name: partial(memory_mib, site, script) for name, script in scripts.items()}


def _numbers(count: int) -> str:
    return " ".join(map(str, range(count)))


def address_space_kib(site: Site, tool: Tool, path: str, rounds: int) -> tuple[int, int]:
    """Growth of the job's VmSize over *rounds* times mmap and munmap of *path*, and VmSize at the end, in KiB."""
    growth, size = tool.run([site.program("bulk"), "churn", path, str(rounds)], timeout=600).split()
    return int(growth), int(size)

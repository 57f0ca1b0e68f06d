"""Looking for the processes of a run, and waiting for conditions."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path


def eventually(condition: Callable[[], bool], seconds: float = 60, what: str = "") -> None:
    """Wait until *condition* holds; AssertionError after *seconds*."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"waited {seconds} s in vain for {what or condition}"
        time.sleep(0.01)


def marked(mark: str) -> list[int]:
    """The live processes (no zombies) whose environment has the text *mark*."""
    found = []
    for place in Path("/proc").iterdir():
        if not place.name.isdigit() or int(place.name) == os.getpid():
            continue
        try:
            if mark.encode() in (place / "environ").read_bytes() and state(int(place.name)) not in "ZX":
                found.append(int(place.name))
        except OSError:
            continue
    return found


def state(pid: int) -> str:
    """The state letter of a process, "X" when it is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return "X"


def children(pid: int) -> list[int]:
    """The processes that *pid* is the parent of.  Their numbers may be lower: the kernel begins anew at its highest."""
    found = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [int(child) for child in found]


def name(pid: int) -> bytes:
    """The program of a process, as its first argument tells; empty when it is gone."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")[0]
    except OSError:
        return b""


def kill(pid: int, number: int = signal.SIGKILL) -> None:
    """Send a signal to a process that may be gone already."""
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return

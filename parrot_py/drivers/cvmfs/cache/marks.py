"""Names for processes that stay true after their end: what a killed one left behind is told from what is in use."""

from __future__ import annotations

import functools
import os


def process_mark(pid: int | None = None) -> str:
    """Names a process (this one) for ever: ``machine.pid.start``, where the machine is one boot and one pid namespace.

    A pid alone is used again and again.
    """
    pid = os.getpid() if pid is None else pid
    return f"{_machine_mark()}.{pid}.{_start_time(pid)}"


def is_gone(mark: str) -> bool | None:
    """Whether the process of a :func:`process_mark` has ended; None for another machine's, which nobody here knows."""
    parts = mark.split(".")
    if len(parts) != 3 or parts[0] != _machine_mark() or not parts[1].isdecimal():
        return None
    return _start_time(int(parts[1])) != parts[2]


@functools.lru_cache(maxsize=1)
def _machine_mark() -> str:
    try:
        with open("/proc/sys/kernel/random/boot_id") as file:
            boot = file.read().strip()
        return f"{boot[:13]}-{os.stat('/proc/self/ns/pid').st_ino:x}"
    except OSError:
        return f"unknown-{os.getuid()}"


def _start_time(pid: int) -> str | None:
    """The start of a process in clock ticks since boot (proc(5), field 22), None when there is no such process.

    One that is dead and was not waited for (some containers never do) is none.
    """
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            fields = file.read().rpartition(b")")[2].split()
        return None if fields[0] in (b"Z", b"X") else fields[19].decode()
    except (OSError, IndexError):
        return None

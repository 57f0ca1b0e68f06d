"""The session directory: a private place beside the cache for the objects that one run hands to its job.

Its name tells whose it is (host, pid, start time of the process), so that what a killed run left behind is recognised
and removed by the next one, without locks.
"""

from __future__ import annotations

import os
import shutil
import socket
import tempfile
from pathlib import Path

FOLDER = "s"


def _start_time(pid: int) -> str | None:
    """When process *pid* started, in clock ticks since boot; ``None`` when there is none."""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as file:
            return file.read().rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        return None


def _host() -> str:
    return socket.gethostname().split(".")[0].replace("-", "_") or "host"


def create(tempdir: Path) -> Path:
    """Make the session directory of this process below *tempdir*, and remove those of processes that are gone."""
    folder = tempdir / FOLDER
    folder.mkdir(exist_ok=True)
    sweep(folder)
    pid = os.getpid()
    prefix = f"{_host()}-{pid}-{_start_time(pid)}-"
    directory = Path(tempfile.mkdtemp(prefix=prefix, dir=folder))
    # A job of root may change its user, and its descriptors must still open; a path through here is no secret.
    os.chmod(directory, 0o755 if os.getuid() == 0 else 0o700)
    return directory.resolve()


def sweep(folder: Path) -> None:
    """Remove the session directories of runs on this host that ended without doing so themselves."""
    for name in os.listdir(folder):
        host, _, rest = name.partition("-")
        pid, _, rest = rest.partition("-")
        started = rest.partition("-")[0]
        if host == _host() and pid.isdigit() and _start_time(int(pid)) != started:
            remove(folder / name)


def remove(directory: Path) -> None:
    """Remove *directory*; what resists (placeholders without write permission excepted) is left for the next sweep."""

    def make_writable(function: object, path: str, _: object) -> None:
        del function
        try:
            os.chmod(os.path.dirname(path), 0o700)
            os.chmod(path, 0o700)
            os.rmdir(path) if os.path.isdir(path) and not os.path.islink(path) else os.unlink(path)
        except OSError:
            return

    shutil.rmtree(directory, onerror=make_writable)

"""The session directory: a private place beside the cache for the objects that one run hands to its job.

Its name tells whose it is (host, pid, start time of the process), so that what a killed run left behind is recognised
and removed by the next one, without locks.
"""

from __future__ import annotations

import logging
import os
import time
from pathlib import Path

from parrot_py import codes

FOLDER = "s"
DERIVED = "derived"
_PACKAGE = "-package"
_UNUSED_AFTER = 7 * 24 * 3600.0

log = logging.getLogger("parrot_py.process")


def start_time(pid: int) -> str | None:
    """When process *pid* started, in clock ticks since boot; ``None`` when there is none."""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as file:
            return file.read().rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        return None


def _host() -> str:
    return os.uname().nodename.split(".")[0].replace("-", "_") or "host"


def create(tempdir: Path) -> Path:
    """Make the session directory of this process below *tempdir*, and remove those of processes that are gone."""
    folder = tempdir / FOLDER
    folder.mkdir(exist_ok=True)
    sweep(folder)
    sweep_derived(tempdir / DERIVED)
    directory = folder / _name()
    directory.mkdir(0o700)  # the folder is ours alone, and no two processes share a pid and a start time
    # A job of root may change its user, and its descriptors must still open; a path through here is no secret.
    os.chmod(directory, 0o755 if os.getuid() == 0 else 0o700)
    return directory.resolve()


def _name() -> str:
    return f"{_host()}-{os.getpid()}-{start_time(os.getpid())}"


def beside(tempdir: Path) -> Path:
    """Make another directory of this process, for the archive of a package; it is swept in the same way."""
    folder = tempdir / FOLDER
    folder.mkdir(exist_ok=True)
    sweep(folder)
    directory = folder / f"{_name()}{_PACKAGE}"
    directory.mkdir(0o700)
    return directory.resolve()


def sweep(folder: Path) -> None:
    """Remove the session directories of runs on this host that ended without doing so themselves."""
    for name in os.listdir(folder):
        host, _, rest = name.partition("-")
        pid, _, rest = rest.partition("-")
        started = rest.partition("-")[0]
        if host == _host() and pid.isdigit() and start_time(int(pid)) != started:
            remove(folder / name, closed=name.endswith(_PACKAGE))


def sweep_derived(folder: Path) -> None:
    """Remove derived programs (see derived.py) that nobody wanted for a week.

    A program that runs keeps its file, and a session that has a link to it keeps that.
    """
    try:
        with os.scandir(folder) as entries:
            old = [entry.path for entry in entries if time.time() - entry.stat().st_atime > _UNUSED_AFTER]
    except OSError:
        return  # there are none yet
    for path in old:
        try:
            os.unlink(path)
        except OSError as error:
            log.debug("%s: %s", path, error)


def remove(directory: Path, *, closed: bool = False) -> None:
    """Remove *directory* with all that is in it; what resists is left for the next sweep.

    *closed*: directories in it may permit nothing to their owner.
    """
    _empty(os.fsencode(directory), closed)
    try:
        os.rmdir(directory)
    except OSError as error:
        log.warning("%s could not be removed: %s", directory, error.strerror, extra=codes.LITTER.extra)


def _empty(top: bytes, closed: bool) -> None:
    # Not shutil.rmtree: its import costs a tenth of the time that parrot_run has before the job starts.  And without
    # recursion: a package may be as deep as whoever made it liked.
    met, waiting = [], [top]
    while waiting:
        directory = waiting.pop()
        met.append(directory)
        try:
            if closed:
                os.chmod(directory, 0o700)
            with os.scandir(directory) as entries:
                for entry in entries:
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append(entry.path)
                    else:
                        os.unlink(entry.path)
        except OSError as error:
            log.debug("%s: %s", os.fsdecode(directory), error)
    for directory in reversed(met[1:]):
        try:
            os.rmdir(directory)
        except OSError as error:
            log.debug("%s: %s", os.fsdecode(directory), error)

"""The session directory: a private place beside the cache for the objects that one run hands to its job.

Its name tells whose it is (host, pid, start time of the process), so that what a killed run left behind is recognised
and removed by the next one, without locks.
"""

from __future__ import annotations

import errno
import logging
import os
import time
from itertools import count, filterfalse
from pathlib import Path

from parrot_py import codes

FOLDER = "s"
DERIVED = "derived"
_PACKAGE = "-package"
_UNUSED_AFTER = 7 * 24 * 3600.0
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC

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
    try:
        if closed:
            os.chmod(directory, 0o700)
        above = os.open(directory, _DIRECTORY)
        try:
            _empty(above, closed)
        finally:
            os.close(above)
    except OSError as error:
        log.debug("%s: %s", directory, error)
    try:
        os.rmdir(directory)
    except OSError as error:
        log.warning("%s could not be removed: %s", directory, error.strerror, extra=codes.LITTER.extra)


def _empty(top: int, closed: bool) -> None:
    # Not shutil.rmtree: its import costs a tenth of the time that parrot_run has before the job starts.  And neither by
    # recursion nor by paths, since a package may be as deep as whoever made it liked: directories go up to the top.
    waiting = _strip(top, closed)
    new = filterfalse(set(os.listdir(top)).__contains__, map(str, count()))
    while waiting:
        name = waiting.pop()
        try:
            directory = os.open(name, _DIRECTORY, dir_fd=top)
            try:
                for inner in _strip(directory, closed):
                    waiting.append(next(new))
                    os.rename(inner, waiting[-1], src_dir_fd=directory, dst_dir_fd=top)
            finally:
                os.close(directory)
            os.rmdir(name, dir_fd=top)
        except OSError as error:
            log.debug("%s: %s", name, error)


def _strip(directory: int, closed: bool) -> list[str]:
    """Remove what is in *directory*, but for directories that are not empty: their names."""
    full = []
    with os.scandir(directory) as entries:
        listed = [(entry.name, entry.is_dir(follow_symlinks=False)) for entry in entries]
    for name, is_directory in listed:
        try:
            if not is_directory:
                os.unlink(name, dir_fd=directory)
            elif not _gone(name, directory):
                if closed:
                    os.chmod(name, 0o700, dir_fd=directory)
                full.append(name)
        except OSError as error:
            log.debug("%s: %s", name, error)
    return full


def _gone(name: str, above: int) -> bool:
    """Remove the directory *name*; False where there is something in it."""
    try:
        os.rmdir(name, dir_fd=above)
    except OSError as error:
        if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
            raise
        return False
    return True

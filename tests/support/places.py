"""Where the tests put things, and as whom jobs run.

Jobs must run without privileges.  When the tests run as root, jobs run as uid 65534 without groups and
capabilities; otherwise they run as the caller.  pytest's own temporary directories belong to root with mode 0700,
so everything that a job must see lies below one directory of our own in /tmp.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import stat
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

CHECKOUT = Path(__file__).resolve().parent.parent.parent
NOBODY = 65534
_VARIABLE = "PARROT_TESTS_BASE"


def is_root() -> bool:
    """Whether the tests run as root, so that jobs need another user."""
    return os.geteuid() == 0


def job_uid() -> int:
    """The uid of jobs."""
    return NOBODY if is_root() else os.geteuid()


def as_job() -> dict[str, Any]:
    """Arguments for ``subprocess`` that start a command as the job's user: no groups, hence no capabilities."""
    return {"user": NOBODY, "group": NOBODY, "extra_groups": []} if is_root() else {}


def give(path: Path) -> Path:
    """Make *path* the job user's own."""
    if is_root():
        os.chown(path, NOBODY, NOBODY)
    return path


def open_base() -> bool:
    """Choose the base directory of this run; False when a parent process (pytest-xdist) has chosen already."""
    if os.environ.get(_VARIABLE):
        return False
    base = Path(tempfile.mkdtemp(prefix="pp-", dir="/tmp"))
    base.chmod(0o755)
    for name in ("shared", "work"):
        (base / name).mkdir()
        give(base / name)
    os.environ[_VARIABLE] = str(base)
    return True


def close_base() -> None:
    """Remove the base directory with everything in it."""
    base = os.environ.pop(_VARIABLE, "")
    if base:
        remove(Path(base))


def base() -> Path:
    """The base directory of this run, mode 0755."""
    return Path(os.environ[_VARIABLE])


def remove(tree: Path) -> None:
    """Remove *tree*, directories without permission bits included."""
    if not os.path.lexists(tree):
        return
    if not is_root():
        for directory, names, _ in os.walk(tree, onerror=None):
            for name in names:
                place = os.path.join(directory, name)
                if not os.path.islink(place):
                    os.chmod(place, stat.S_IRWXU)
    shutil.rmtree(tree)


def fresh(path: Path) -> Path:
    """*path* as a new, empty directory of the job's user."""
    remove(path)
    path.mkdir(parents=True)
    return give(path)


@contextmanager
def locked(name: str) -> Iterator[None]:
    """Keep the other worker processes of this run out."""
    with (base() / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def once(name: str, build: Callable[[Path], None]) -> Path:
    """The thing *name*, made by ``build(path)`` for the first process of this run that asks."""
    place = base() / "shared" / name
    with locked(name.replace("/", "-")):
        if not place.exists():
            half = place.with_name(f"{place.name}.half")
            remove(half)
            build(half)
            half.rename(place)
    return place


def launcher() -> list[str]:
    """The command that is ``parrot_run`` from this checkout (or from a copy that the job's user can read)."""
    code = "import sys; sys.path.insert(0, sys.argv.pop(1)); from parrot_py.cli import main; sys.exit(main())"
    return [sys.executable, "-I", "-B", "-c", code, str(_readable_checkout())]


def _readable_checkout() -> Path:
    probe = ["test", "-r", str(CHECKOUT / "parrot_py" / "cli.py"), "-a", "-x", sys.executable]
    if subprocess.run(probe, check=False, **as_job()).returncode == 0:
        return CHECKOUT
    if subprocess.run(["test", "-x", sys.executable], check=False, **as_job()).returncode != 0:
        raise RuntimeError(f"uid {job_uid()} cannot start {sys.executable}: run the tests with a Python that it can")
    return once("checkout", lambda place: _copy_package(place))


def _copy_package(place: Path) -> None:
    shutil.copytree(CHECKOUT / "parrot_py", place / "parrot_py")
    for directory, _, names in os.walk(place):
        os.chmod(directory, 0o755)
        for name in names:
            os.chmod(os.path.join(directory, name), 0o644)

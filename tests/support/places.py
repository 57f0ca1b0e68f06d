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
import sysconfig
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache
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


def give_all(tree: Path) -> None:
    """Make everything in *tree* the job user's own; modes stay (chown takes set-uid bits away)."""
    if not is_root():
        return
    for directory, names, files in os.walk(os.fsencode(tree)):
        for name in [b".", *names, *files]:
            path = os.path.join(directory, name)
            mode = os.lstat(path).st_mode
            os.chown(path, NOBODY, NOBODY, follow_symlinks=False)
            if not stat.S_ISLNK(mode):
                os.chmod(path, stat.S_IMODE(mode))


def launcher() -> list[str]:
    """The command that is ``parrot_run``: this checkout's, with a Python that the job's user can start."""
    return [*_python(), "-m", "parrot_py"]


@lru_cache(maxsize=1)
def _python() -> list[str]:
    """This Python, isolated, if the job's user can import parrot_py with it; else the host's with copies."""
    here = [sys.executable, "-I", "-B"]
    probe = [*here, "-c", "import parrot_py.engine.core"]
    if subprocess.run(probe, check=False, cwd="/", capture_output=True, **as_job()).returncode == 0:
        return here
    # The checkout lies where only its owner can go, for instance in /root.
    copies = once("copies", _copy_packages)
    for python in (os.path.realpath(sys.executable), "/usr/bin/python3"):
        code = f"import sys; sys.path.insert(0, {str(copies)!r}); import runpy; del sys.argv[1:3]"
        start = [python, "-I", "-B", "-c", code + "; runpy.run_module('parrot_py', run_name='__main__')"]
        told = subprocess.run([*start, "-m", "parrot_py", "--version"], check=False, cwd="/", **as_job())
        if told.returncode == 0:
            return start
    raise RuntimeError(f"uid {job_uid()} can start no Python that can import parrot_py; move the checkout out of /root")


def _copy_packages(place: Path) -> None:
    """Everything that ``import parrot_py`` can lead to, in one directory."""
    import parrot_py.engine._core as core

    shutil.copytree(CHECKOUT / "parrot_py", place / "parrot_py")
    shutil.copy(str(core.__file__), place / "parrot_py" / "engine")
    tools = shutil.ignore_patterns("pip*", "mypy*", "ruff*", "setuptools*", "__pycache__")
    shutil.copytree(sysconfig.get_path("platlib"), place, ignore=tools, dirs_exist_ok=True)

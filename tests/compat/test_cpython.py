"""CPython's own test modules say under parrot_run what they say natively, case by case.

From native paths, and with the interpreter, its library and the tests lying in a repository; the native side of that is
the same tree mounted read-only.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Callable

import pytest

from parrot_py.drivers.cvmfs.publish.keys import open_keys
from parrot_py.drivers.cvmfs.publish.publication import publish
from tests.support import places, regrtest, sites
from tests.support.oracle import Oracle, OracleUnavailable
from tests.support.parrot import Parrot, environment
from tests.support.regrtest import Module

pytestmark = pytest.mark.skipif(regrtest.missing() is not None, reason=regrtest.missing() or "")

QUICK = ("test_posix", "test_fcntl", "test_mmap", "test_pty", "test_tempfile", "test_shutil", "test_zipimport")
LONG = (
    "test_os", "test_subprocess", "test_signal", "test_pathlib", "test_glob", "test_socket", "test_asyncio",
    "test_select", "test_multiprocessing_fork", "test_venv", "test_posixpath", "test_threading", "test_selectors",
    "test_epoll", "test_pwd", "test_resource", "test_fileio", "test_io", "test_popen", "test_pipes",
    "test_faulthandler",
)  # fmt: skip
FROM_THE_TREE = (
    "test_os", "test_zipimport", "test_pathlib", "test_glob", "test_shutil", "test_subprocess", "test_posix",
    "test_tempfile", "test_import", "test_importlib", "test_runpy", "test_venv", "test_multiprocessing_fork",
)  # fmt: skip

DIFFERENT: dict[str, str] = {}
"""Cases that may come to something else, each with the reason.  There is none."""

NAME = "python.parrot.test"
TOP = f"/cvmfs/{NAME}"
_LIMIT = 900.0


def compare(module: Module) -> None:
    """No case of *module* comes to anything else under parrot_run, except what DIFFERENT says."""
    found = {case: how for case, how in module.differences().items() if case not in DIFFERENT}
    assert not found, "\n".join(f"{case}: natively {a}, under parrot_run {b}" for case, (a, b) in found.items())


def natively(command: Sequence[str], place: Path) -> str:
    """Run *command* as the job's user."""
    done = subprocess.run(
        command,
        cwd=places.fresh(place),
        env=environment(place),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=_LIMIT,
        check=False,
        **places.as_job(),
    )
    return f"{done.stdout.decode(errors='replace')}\nstatus {done.returncode}"


def under(run: Parrot) -> Callable[[Sequence[str], Path], str]:
    """Runs commands under parrot_run."""

    def start(command: Sequence[str], place: Path) -> str:
        places.fresh(place)
        return str(run.run(command, cwd=place, env=environment(place), timeout=_LIMIT))

    return start


@pytest.mark.parametrize("name", QUICK)
def test_quick_module(home: Path, parrot: Callable[..., Parrot], name: str) -> None:
    compare(Module(name, home, natively, under(parrot())))


@pytest.mark.compat
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("name", LONG)
def test_long_module(home: Path, parrot: Callable[..., Parrot], name: str) -> None:
    compare(Module(name, home, natively, under(parrot())))


def _build(place: Path) -> None:
    """An installation that finds itself by where it lies, as a relocated Python does; and its repository."""
    tree = place / "tree"
    (tree / "bin").mkdir(parents=True)
    shutil.copy2(regrtest.PYTHON, tree / "bin" / "python3.11")
    (tree / "bin" / "python3").symlink_to("python3.11")
    unneeded = shutil.ignore_patterns("config-3.11*", "idlelib", "tkinter", "turtledemo")
    shutil.copytree(regrtest.LIBRARY, tree / "lib" / "python3.11", symlinks=True, ignore=unneeded)
    places.give_all(tree)
    publish(tree, place / "web", open_keys(place / "keys", NAME))


@pytest.fixture(scope="module")
def installed() -> Path:
    """Where the installation was built and published."""
    return places.once("python", _build)


@pytest.fixture(scope="module")
def mounted(installed: Path) -> Iterator[Oracle]:
    """The installation on a read-only mount."""
    try:
        held = Oracle(installed / "tree", NAME, {})
    except OracleUnavailable as error:
        pytest.skip(f"no mount namespace to compare with: {error}")
    yield held
    held.close()


@pytest.fixture(scope="module")
def served(installed: Path) -> Iterator[str]:
    """The installation as a repository, ready to be named on a command line."""
    with sites.made_site(installed / "web", {NAME: installed / "keys" / f"{NAME}.pub"}) as site:
        yield site.entry(NAME)


@pytest.fixture(scope="module")
def fetched() -> Path:
    """One cache for all modules."""
    return places.fresh(places.base() / "work" / f"python-{os.getpid()}")


@pytest.mark.compat
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("name", FROM_THE_TREE)
def test_module_from_a_repository(
    home: Path, parrot: Callable[..., Parrot], mounted: Oracle, served: str, fetched: Path, name: str
) -> None:
    def on_the_mount(command: Sequence[str], place: Path) -> str:
        places.fresh(place)
        variables = environment(place, {"PARROT_ENABLED": "TRUE"})
        return str(mounted.run(command, cwd=place, env=variables, timeout=_LIMIT))

    run = parrot([served])
    run.tempdir = fetched  # an alien cache would do as well, but has no size, which test_shutil wants to know
    compare(Module(name, home, on_the_mount, under(run), f"{TOP}/bin/python3.11"))

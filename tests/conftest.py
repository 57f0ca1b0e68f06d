"""Fixtures that all tests may use."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

import parrot_py.config
from tests.support import places
from tests.support.parrot import Parrot


def pytest_configure(config: pytest.Config) -> None:
    """Before anything else: one directory for this run, which pytest-xdist's workers inherit."""
    config.stash[_OWNS] = places.open_base()
    # What the machine's own site says must not decide a test.
    parrot_py.config.ETC = Path("/nonexistent/etc/cvmfs")


def pytest_unconfigure(config: pytest.Config) -> None:
    """Whoever made the directory removes it."""
    if config.stash.get(_OWNS, False):
        places.close_base()


_OWNS = pytest.StashKey[bool]()


@pytest.fixture(autouse=True, scope="session")
def _scratch() -> Iterator[None]:
    """What code under test puts into the default place for temporary files goes away with the run."""
    before, tempfile.tempdir = tempfile.tempdir, tempfile.mkdtemp(dir=places.base())
    os.chmod(tempfile.tempdir, 0o1777)
    yield
    shutil.rmtree(tempfile.tempdir, ignore_errors=True)
    tempfile.tempdir = before


@pytest.fixture
def home(request: pytest.FixtureRequest) -> Iterator[Path]:
    """A directory of the job's own user, with a short name that stays the same for a test from run to run."""
    number = hashlib.sha256(request.node.nodeid.encode()).hexdigest()[:10]
    place = places.fresh(places.base() / "work" / number)
    place.chmod(0o755)
    yield place
    if not os.environ.get("PARROT_TESTS_KEEP"):
        places.remove(place)


@pytest.fixture
def parrot(home: Path) -> Callable[..., Parrot]:
    """``parrot(repositories, options)`` prepares a ``parrot_run`` with its own cache and log in this test's home."""

    def prepare(repositories: Sequence[str] = (), options: Sequence[str] = (), name: str = "") -> Parrot:
        place = home if not name else places.fresh(home / name)
        return Parrot(place, repositories, options)

    return prepare

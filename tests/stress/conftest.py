"""A repository with more content than its cache may hold, so that there is always something to wait for."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.drivers.cvmfs.forge import DIR, NAME, Forge, Row
from tests.support import places, sites
from tests.support.httpd import Fault
from tests.support.parrot import Parrot
from tests.support.programs import SOURCES, compile_c
from tests.support.sites import Site

FILES, SIZE, QUOTA = 1500, 4096, 4
TOP = f"/cvmfs/{NAME}"


@pytest.fixture(scope="session")
def forge() -> Forge:
    """The repository, made once for each worker."""
    forge, chance = Forge(places.fresh(places.base() / "work" / f"stress-{random.random()}") / NAME), random.Random(7)
    rows = [Row(b"/d", DIR), Row(b"/list", DIR), forge.file(b"/run", b"#!/bin/sh\nexit 7\n", mode=0o100755)]
    for number in range(10):
        rows.append(forge.file(b"/list/%d" % number, b"%d" % number))
    for number in range(FILES):
        rows.append(forge.file(b"/d/f%04d" % number, b"%04d" % number + chance.randbytes(SIZE - 4)))
    forge.publish(rows)
    return forge


@pytest.fixture
def slow_site(forge: Forge) -> Iterator[Site]:
    """A server that takes its time, so that threads are parked all the time."""
    with sites.made_site(forge.directory.parent, {NAME: forge.key_file}) as site:
        site.server.fault("*/data/*", Fault(delay=0.03))
        yield site


@pytest.fixture
def loaded(slow_site: Site, parrot: Callable[..., Parrot]) -> Parrot:
    """``parrot_run`` with a cache that is too small for the repository."""
    return parrot([slow_site.entry(NAME)], ["--cvmfs-option", f"CVMFS_QUOTA_LIMIT={QUOTA}"])


@pytest.fixture(scope="session")
def load() -> Path:
    """The compiled load.c."""
    source = Path(__file__).parent / "programs" / "load.c"
    return places.once("stress-load", lambda output: compile_c(source, output, f"-I{SOURCES}"))

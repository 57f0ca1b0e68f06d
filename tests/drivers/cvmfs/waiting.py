"""What tests of fetching ahead have in common: drivers, their files, and waiting for threads."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from parrot_py.config.model import RepositoryConfig
from parrot_py.drivers.cvmfs.driver import CvmfsDriver
from tests.drivers.cvmfs.conftest import Forged
from tests.support.processes import eventually

Open = Callable[..., CvmfsDriver]


def path(number: int) -> bytes:
    return b"/part/%03d" % number


def content(number: int) -> bytes:
    return b"content %d" % number * 20


@pytest.fixture
def opened() -> Iterator[Open]:
    """Makes drivers and closes them after the test."""
    made: list[CvmfsDriver] = []

    def make(config: RepositoryConfig, **extras: Any) -> CvmfsDriver:
        made.append(CvmfsDriver(config, **extras))
        return made[-1]

    yield make
    for driver in made:
        driver.close()
        settle()


def settle() -> None:
    """Wait until no thread fetches ahead any more."""
    eventually(lambda: all(thread.name != "parrot-prefetch" for thread in threading.enumerate()), what="its end")


def each_once(forged: Forged) -> bool:
    objects = [request for request in forged.server.requests if "/data/" in request]
    return len(objects) == len(set(objects))


def read(driver: CvmfsDriver, name: bytes) -> bytes:
    with open(driver.materialise(driver.lookup(name)), "rb") as file:
        return file.read()

"""How long fetching may take: nothing fails for being large, nothing waits for ever."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Callable

import pytest

from parrot_py.config.model import RepositoryConfig
from parrot_py.drivers.base import Inode
from parrot_py.drivers.cvmfs import Repository
from parrot_py.drivers.cvmfs.net.patience import LEAST_RATE, Patience
from tests.drivers.cvmfs.conftest import Forged
from tests.drivers.cvmfs.forge import CHUNKED, Row
from tests.drivers.cvmfs.trouble import refused
from tests.support.httpd import Fault

Open = Callable[[RepositoryConfig], Repository]
Log = pytest.LogCaptureFixture
PART, PARTS = 20_000, 48
CONTENT = b"".join(bytes([n]) + bytes(range(250)) * (PART // 250) for n in range(PARTS))[: PART * PARTS]


@pytest.fixture
def chunked(forged: Forged) -> Forged:
    """A file ``/f`` of many chunks, stored as they are, so that bytes of content are bytes on the wire."""
    forge = forged.forge
    parts = [CONTENT[at : at + PART] for at in range(0, len(CONTENT), PART)]
    stored = [forge.store(part, "P", packed=False).digest for part in parts]
    chunks = [(b"/f", number * PART, len(part), digest) for number, (part, digest) in enumerate(zip(parts, stored))]
    forge.publish([Row(b"/f", CHUNKED | 0x800, size=len(CONTENT))], chunks=chunks)
    return forged


def file_of(chunked: Forged, opened: Open, **changes: float) -> tuple[Repository, Inode]:
    repository = opened(chunked.config(**changes))
    return repository, repository.lookup(b"/f")


def test_a_file_may_take_longer_than_the_deadline(chunked: Forged, opened: Open) -> None:
    repository, inode = file_of(chunked, opened, deadline=1.5)
    chunked.server.fault("*P", Fault(delay=0.6))
    began = time.monotonic()
    assert Path(repository.materialise(inode)).read_bytes() == CONTENT
    assert time.monotonic() - began > 3.0


def test_silence_ends_the_whole_file_at_once(chunked: Forged, opened: Open, caplog: Log) -> None:
    repository, inode = file_of(chunked, opened, deadline=1.5, timeout_direct=60.0)
    chunked.server.fault("*P", Fault(delay=60))
    chunked.server.fault("*P", Fault(), times=20)
    began = time.monotonic()
    refused(caplog, lambda: repository.materialise(inode), r"object data/\S+P: timed out")
    assert time.monotonic() - began < 30
    assert not any(name.endswith("-chunked") for name in chunked.cached())


def test_retries_share_the_patience_with_the_file(chunked: Forged, opened: Open, caplog: Log) -> None:
    """Every answer is broken after a while, so each chunk alone would be tried again and again."""
    repository, inode = file_of(chunked, opened, deadline=1.5, max_retries=1000, backoff_init=0.01, backoff_max=0.01)
    chunked.server.fault("*P", Fault(delay=0.05, truncate=2_000))
    began = time.monotonic()
    refused(caplog, lambda: repository.materialise(inode), r"object data/\S+P: ")
    # What the few threads got once is all the progress there was.
    assert 1.4 < time.monotonic() - began < 1.5 + 8 * 2_000 / LEAST_RATE + 30


def test_arithmetic(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr("parrot_py.drivers.cvmfs.net.patience.time.monotonic", lambda: now)
    patience = Patience(60)
    patience.gain(10 * LEAST_RATE)
    assert patience.left() == 60
    now = 130.0
    assert patience.left() == 30
    patience.gain(10 * LEAST_RATE)
    assert patience.left() == 40
    patience.gain(1 << 40)
    assert patience.left() == 60
    now = 191.0
    patience.gain(1 << 40)
    assert patience.left() == 0

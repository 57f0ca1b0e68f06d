"""Damage in the cache, full disks and killed writers: nothing wrong is kept, and nothing wrong is shown with care."""

from __future__ import annotations

import errno
import hashlib
import os
import random
import resource
import signal
import time
from pathlib import Path
from typing import Any, Callable

import pytest

from parrot_py.config.model import RepositoryConfig
from parrot_py.drivers.cvmfs import Repository
from parrot_py.drivers.cvmfs.cache.audit import DAMAGED, GOOD, Auditor, stock
from parrot_py.drivers.cvmfs.cache.marks import is_gone
from tests.drivers.cvmfs.conftest import Forged, Site
from tests.drivers.cvmfs.forge import CHUNKED, Row
from tests.drivers.cvmfs.test_cache_shared import start_walkers
from tests.drivers.cvmfs.test_cache_trouble import disk as disk
from tests.drivers.cvmfs.test_quota import space
from tests.drivers.cvmfs.trouble import refused
from tests.drivers.cvmfs.truth import BASIC, SHAKE, load_truth
from tests.support.httpd import Fault
from tests.support.processes import eventually

Open = Callable[[RepositoryConfig], Repository]
Log = pytest.LogCaptureFixture
FILES, SIZE = 40, 100_000


def content(number: int) -> bytes:
    return random.Random(number).randbytes(SIZE)


@pytest.fixture
def wide(forged: Forged) -> Forged:
    """40 files of 100 kB, and one in chunks."""
    forge = forged.forge
    rows = [forge.file(b"/%d" % n, content(n)) for n in range(FILES)]
    chunks = [(b"/c", n * SIZE, SIZE, forge.store(content(n), "P").digest) for n in range(4)]
    forge.publish([*rows, Row(b"/c", CHUNKED, size=4 * SIZE)], chunks=chunks)
    return forged


def spoil(path: str) -> None:
    """Change a byte, but not the length."""
    os.chmod(path, 0o644)
    with open(path, "r+b") as file:
        file.seek(1000)
        byte = file.read(1)[0]
        file.seek(1000)
        file.write(bytes([byte ^ 1]))


@pytest.mark.parametrize("path", [b"/3", b"/c"])
def test_damage_is_found_before_the_first_use(wide: Forged, opened: Open, caplog: Log, path: bytes) -> None:
    first = opened(wide.config(verify_on_read=True))
    want = first.read(path)
    local = first.materialise(first.lookup(path))
    asked = wide.server.count("*/data/*")
    assert opened(wide.config(verify_on_read=True)).read(path) == want
    assert wide.server.count("*/data/*") == asked, "what is right is not fetched again"
    spoil(local)
    assert opened(wide.config()).read(path) != want, "without care nobody looks"
    caplog.clear()
    careful = opened(wide.config(verify_on_read=True))
    assert careful.read(path) == careful.read(path) == want
    (line,) = [record.getMessage() for record in caplog.records]
    assert os.path.relpath(local, wide.cache) in line
    assert wide.server.count("*/data/*") > asked


def test_a_damaged_catalog_is_found(wide: Forged, opened: Open) -> None:
    root = opened(wide.config()).root_hash
    spoil(str(wide.cache / root[:2] / root[2:]))
    assert opened(wide.config(verify_on_read=True)).read(b"/1") == content(1)
    assert wide.server.count("*C") == 2


def test_writers_killed_at_any_time_leave_nothing_wrong(site: Site, real: Path, opened: Open) -> None:
    chance = random.Random(5)
    site.server.fault("*/data/*", Fault(delay=0.005))
    config = site.config(SHAKE, quota=40 << 20)
    for wanted in (5, 20, 40, 60):
        asked = len(site.server.requests) + wanted
        walkers = start_walkers(config, processes=3)
        eventually(lambda asked=asked: len(site.server.requests) >= asked, what="requests")  # type: ignore[misc]
        time.sleep(chance.uniform(0.0, 0.1))  # any moment will do
        os.killpg(walkers.pid, signal.SIGKILL)
        walkers.communicate(timeout=60)
        auditor = Auditor(str(site.cache))
        auditor.learn()
        assert not [each.name for each in stock(str(site.cache)) if auditor.check(each) == DAMAGED]
    site.server.heal()
    left = os.listdir(site.cache / "txn")
    eventually(lambda: all(is_gone(".".join(name.split(".")[1:4])) for name in left), what="the end of the last ones")
    repository = opened(config)
    for path, fact in load_truth(real / SHAKE, SHAKE, "").items():
        if fact["type"] == "file":
            assert hashlib.sha256(repository.read(path)).hexdigest() == fact["sha256"]
    assert os.listdir(site.cache / "txn") == []
    auditor = Auditor(str(site.cache))
    auditor.learn()
    assert {auditor.check(each) for each in stock(str(site.cache)) if each.size} == {GOOD}


def test_a_disk_smaller_than_the_repository(wide: Forged, opened: Open, disk: Path) -> None:
    repository = opened(wide.config(cache_dir=disk / "cache"))
    for number in range(FILES):
        assert repository.read(b"/%d" % number) == content(number)
    assert repository.read(b"/c") == b"".join(map(content, range(4)))
    assert repository.cache.cleanups() > 0
    with open(disk / "ballast", "wb", buffering=0) as file:
        while os.fstatvfs(file.fileno()).f_bfree > 20:
            file.write(bytes(4096))
    # Now the others take nearly everything, and what we have is the only thing that can go.
    for number in range(FILES):
        assert repository.read(b"/%d" % number) == content(number)
    assert space(disk / "cache") < 1 << 20


@pytest.fixture
def full(monkeypatch: pytest.MonkeyPatch) -> Callable[[Path, int, int], None]:
    """A disk that is full as soon as there is so much in a cache, whatever statvfs says."""
    real = os.pwrite

    def limit(cache: Path, room: int, code: int) -> None:
        def pwrite(fd: int, data: Any, offset: int) -> int:
            if space(cache) + len(data) > room:
                raise OSError(code, os.strerror(code))
            return real(fd, data, offset)

        monkeypatch.setattr("parrot_py.drivers.cvmfs.cache.pieces.os.pwrite", pwrite)

    return limit


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_makes_room(
    wide: Forged, opened: Open, caplog: Log, full: Callable[[Path, int, int], None], code: int
) -> None:
    repository = opened(wide.config())
    repository.lookup(b"")
    full(wide.cache, 700_000, code)
    for number in range(FILES):
        assert repository.read(b"/%d" % number) == content(number)
    assert space(wide.cache) <= 700_000
    full(wide.cache, 150_000, code)
    inode = repository.lookup(b"/c")
    refused(caplog, lambda: repository.materialise(inode), os.strerror(code), errno.ENOSPC)
    assert os.listdir(wide.cache / "txn") == []


def test_a_limit_of_this_process_is_efbig_and_evicts_nothing(wide: Forged, opened: Open, caplog: Log) -> None:
    repository = opened(wide.config())
    assert repository.read(b"/1") == content(1)
    inode = repository.lookup(b"/c")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2 * SIZE, before[1]))
    try:
        refused(caplog, lambda: repository.materialise(inode), "File too large", errno.EFBIG)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert Path(repository.materialise(repository.lookup(b"/1"))).exists()
    assert repository.cache.cleanups() == 0
    assert opened(wide.config()).read(b"/c")


def test_a_truth_of_the_real_repository_is_good(site: Site, opened: Open) -> None:
    for _, inode in (repository := opened(site.config(BASIC))).walk():
        if inode.is_regular:
            repository.materialise(inode)
    auditor = Auditor(str(site.cache))
    auditor.learn()
    assert {auditor.check(each) for each in stock(str(site.cache)) if each.size} == {GOOD}

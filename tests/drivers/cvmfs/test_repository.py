"""The driver as a whole: its contract, what blocks and what doesn't, magic attributes, library use."""

from __future__ import annotations

import errno
import os
import stat
import threading
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Callable

import pytest

from parrot_py.config.model import RepositoryConfig
from parrot_py.drivers.base import Driver, WouldBlock, nonblocking
from parrot_py.drivers.cvmfs import Repository
from parrot_py.drivers.cvmfs.catalogs.schema import pack_xattrs
from parrot_py.drivers.cvmfs.known import Known
from tests.drivers.contract import NEXT, TREE, XATTR, DriverContract, expect_errno
from tests.drivers.cvmfs.conftest import Forged, Site
from tests.drivers.cvmfs.forge import DIR, LINK, Row
from tests.drivers.cvmfs.truth import BASIC, SHAKE
from tests.support.httpd import Fault
from tests.support.processes import eventually

Open = Callable[[RepositoryConfig], Repository]


def contract_rows(forged: Forged, listed: Mapping[bytes, tuple[int, bytes]] = TREE) -> list[Row]:
    path, name, value = XATTR
    rows = []
    for entry, (kind, data) in listed.items():
        if kind == stat.S_IFREG:
            rows.append(forged.forge.file(entry, data, hardlinks=1 << 32 | 2 if b"same" in entry else 1))
        else:
            rows.append(Row(entry, LINK, symlink=data) if kind == stat.S_IFLNK else Row(entry, DIR))
        if entry == path:
            rows[-1]["xattr"] = pack_xattrs({name: value})
    return rows


class TestCvmfsDriver(DriverContract):
    @pytest.fixture
    def driver(self, forged: Forged, opened: Open) -> Driver:
        forged.forge.publish(contract_rows(forged))
        return opened(forged.config())

    @pytest.fixture
    def publish(self, forged: Forged) -> Callable[[Driver], None]:
        def publish(driver: Driver) -> None:
            forged.forge.publish(contract_rows(forged, NEXT), revision=2)
            assert isinstance(driver, Repository)
            driver.revisions.renew()

        return publish

    def settle_down(self, driver: Driver) -> None:
        assert isinstance(driver, Repository)
        at_rest(driver)


def at_rest(repository: Repository) -> None:
    """Wait until nothing is fetched ahead: the first look at a file's content has others look for its bundle.

    They hold the lock of a catalog for moments, and the tracer gives a worker what it could answer itself otherwise.
    """
    eventually(lambda: repository.ahead.at_rest, what="the end of what is fetched ahead")


def would_block(call: Callable[[], object]) -> bool:
    with nonblocking():
        try:
            call()
        except WouldBlock:
            return True
    return False


def test_what_needs_the_network_blocks_and_what_is_known_does_not(site: Site, opened: Open) -> None:
    repository = opened(site.config(BASIC))
    assert would_block(lambda: repository.lookup(b"/README"))
    assert site.server.requests == []
    inode = repository.lookup(b"/README")
    with nonblocking():
        assert repository.lookup(b"/README") == inode
        assert repository.lookup(b"/big").is_dir  # never asked for before, but its catalog is open
        repository.listdir(repository.lookup(b""))
        expect_errno(errno.ENOENT, lambda: repository.lookup(b"/none"))
        assert repository.getxattr(inode, b"user.fqrn") == BASIC.encode()
    assert would_block(lambda: repository.materialise(inode))
    assert would_block(lambda: repository.lookup(b"/nested/a"))
    repository.materialise(inode)
    repository.lookup(b"/nested/a")
    at_rest(repository)
    with nonblocking():
        repository.materialise(inode)
        repository.lookup(b"/nested/a")


def test_a_chunked_file_in_the_cache_does_not_block(site: Site, opened: Open) -> None:
    repository = opened(site.config(SHAKE))
    chunked = [i for _, i in repository.walk() if i.is_regular and repository.getxattr(i, b"user.chunks") != b"1"]
    assert chunked
    for inode in chunked:
        assert would_block(lambda inode=inode: repository.materialise(inode))  # type: ignore[misc]
        repository.materialise(inode)
    at_rest(repository)
    with nonblocking():
        for inode in chunked:
            repository.materialise(inode)


def test_a_huge_directory_blocks(forged: Forged, opened: Open) -> None:
    forged.forge.publish([Row(b"/%d" % n, DIR) for n in range(3000)])
    repository = opened(forged.config())
    root = repository.lookup(b"")
    assert would_block(lambda: repository.listdir(root))
    assert len(repository.listdir(root)) == 3000
    with nonblocking():
        assert repository.lookup(b"/77").is_dir


def test_a_known_failure_is_told_without_blocking(site: Site, opened: Open) -> None:
    repository = opened(site.config(BASIC, backoff_init=30.0, backoff_max=30.0, max_retries=0))
    site.server.fault("*", Fault(status=500))
    expect_errno(errno.EIO, lambda: repository.lookup(b"/x"))
    with nonblocking():
        expect_errno(errno.EIO, lambda: repository.lookup(b"/x"))


def test_others_go_on_while_one_waits_for_the_network(site: Site, opened: Open) -> None:
    repository = opened(site.config(BASIC))
    inode = repository.lookup(b"/README")
    release = threading.Event()
    site.server.fault("*/data/*", Fault(hold=release))
    with ThreadPoolExecutor(4) as pool:
        content = pool.submit(repository.materialise, inode)
        listing = pool.submit(repository.listdir, repository.lookup(b"/nested"))
        below = pool.submit(repository.lookup, b"/nested/new")
        # certificate, root catalog; held: the file, the nested catalog
        eventually(lambda: site.server.count("*/data/*") >= 4)
        at_rest(repository)
        with nonblocking():
            for _ in range(100):
                assert repository.lookup(b"/big").is_dir
                repository.listdir(repository.lookup(b"/big"))
        assert not any(future.done() for future in (content, below))
        assert not listing.done()
        release.set()
        assert os.path.exists(content.result(60))
        assert below.result(60) in [entry.inode for entry in listing.result(60)]


def test_the_same_object_is_fetched_once_for_many_threads(site: Site, opened: Open) -> None:
    repository = opened(site.config(BASIC))
    site.server.fault("*", Fault(delay=0.1))
    begin = threading.Barrier(12)

    def read() -> bytes:
        begin.wait()
        return repository.read(b"/README")

    with ThreadPoolExecutor(12) as pool:
        assert len({future.result(60) for future in [pool.submit(read) for _ in range(12)]}) == 1
    assert len(site.server.requests) == len(set(site.server.requests)) == 5


def test_many_chunked_files_at_once_do_not_dead_lock(forged: Forged, opened: Open) -> None:
    forge = forged.forge
    rows, chunks = [], []
    for n in range(12):
        parts = [b"%d-%d" % (n, k) * 50 for k in range(10)]
        offset = 0
        for part in parts:
            chunks.append((b"/f%d" % n, offset, len(part), forge.store(part, "P").digest))
            offset += len(part)
        rows.append(Row(b"/f%d" % n, 0x44, size=offset))
    forge.publish(rows, chunks=chunks)
    repository = opened(forged.config())
    with ThreadPoolExecutor(12) as pool:
        sizes = [len(data) for data in pool.map(repository.read, [b"/f%d" % n for n in range(12)])]
    assert sizes == [repository.lookup(b"/f%d" % n).size for n in range(12)]
    assert forged.server.count("*P") == 120


def test_statfs_never_fails(site: Site, opened: Open) -> None:
    repository = opened(site.config(BASIC))
    site.server.fault("*", Fault(status=500))
    with nonblocking():
        assert repository.statfs().files == 0
    site.server.heal()
    repository = opened(site.config(BASIC))
    repository.lookup(b"")
    assert repository.statfs().files > 250


def test_claimed_ownership(site: Site, opened: Open) -> None:
    repository = opened(site.config(BASIC, uid=1234, gid=4321))
    assert {(inode.uid, inode.gid) for _, inode in repository.walk()} == {(1234, 4321)}


def test_library_use_follows_links_inside(forged: Forged, opened: Open) -> None:
    rows = [Row(b"/d", DIR), forged.forge.file(b"/d/f", b"data"), Row(b"/l", LINK, symlink=b"d/../d/f")]
    rows += [Row(b"/abs", LINK, symlink=f"/cvmfs/{forged.forge.name}/d".encode()), Row(b"/loop", LINK, symlink=b"loop")]
    rows += [Row(b"/out", LINK, symlink=b"/etc/passwd")]
    forged.forge.publish(rows)
    with opened(forged.config()) as repository:
        assert repository.read(b"/l") == repository.read(b"/abs/f") == repository.read(b"/d/./f") == b"data"
        expect_errno(errno.ELOOP, lambda: repository.read(b"/loop"))
        expect_errno(errno.ENOENT, lambda: repository.read(b"/out"))
        assert (repository.fqrn, repository.revision) == (forged.forge.name, 1)


def test_known_answers_stay_bounded() -> None:
    known: Known[int] = Known(limit=100, longest=20)
    for n in range(1000):
        known.put(b"%d" % n, n)
        assert known.get(b"0") is not None or n > 0
        known.get(b"1")
    assert len(known) <= 101
    assert known.get(b"1") == 1
    assert known.get(b"2") is None
    known.put(b"x" * 21, 1)
    assert known.get(b"x" * 21) is None


@pytest.fixture
def busy(site: Site, opened: Open) -> Repository:
    repository = opened(site.config(BASIC))
    dict(repository.walk())
    return repository


def test_warm_lookups_are_fast(busy: Repository) -> None:
    paths = [path for path, _ in busy.walk()]
    began = time.thread_time()
    for _ in range(100):
        for path in paths:
            busy.lookup(path)
    # 100,000 a second are the goal; a tenth of it says that no query was made.
    assert (time.thread_time() - began) / (100 * len(paths)) < 1e-4

"""A cache with a quota: what was not used for longest goes, what is in use stays, and nothing fails because of it."""

from __future__ import annotations

import errno
import os
import pickle
import random
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any, Callable

import pytest

from parrot_py.config.model import RepositoryConfig
from parrot_py.drivers.cvmfs import Repository
from parrot_py.drivers.cvmfs.cache.census import Census
from parrot_py.drivers.cvmfs.cache.local import BOOKS, Cache
from parrot_py.drivers.cvmfs.cache.pins import Pinned, pinned
from tests.drivers.cvmfs.conftest import Forged
from tests.drivers.cvmfs.forge import CHUNKED, NESTED, NESTED_ROOT, Row
from tests.drivers.cvmfs.test_cache_shared import start_walkers
from tests.drivers.cvmfs.trouble import refused

Open = Callable[[RepositoryConfig], Repository]
Log = pytest.LogCaptureFixture
KIB = 1024
FILES, SIZE = 60, 20 * KIB


def space(cache: Path) -> int:
    """Bytes on disk of all that is in the cache, its books excepted: what ``du`` says."""
    total = 0
    for folder, _, names in os.walk(cache):
        if BOOKS not in Path(folder).parts:
            total += sum(os.lstat(os.path.join(folder, name)).st_blocks * 512 for name in names)
    return total


def content(number: int) -> bytes:
    return random.Random(number).randbytes(SIZE)


@pytest.fixture
def big(forged: Forged) -> Forged:
    """60 files of 20 KiB, one in chunks, and two nested catalogs."""
    forge, rows, nested = forged.forge, [], {}
    for part in (b"/n", b"/m"):
        inside = [forge.file(b"%s/%d" % (part, n), content(n)) for n in range(FILES // 2)]
        at = part.decode()
        nested[at] = forge.catalog([Row(part, NESTED_ROOT), *inside], properties={"root_prefix": at})
        rows.append(Row(part, NESTED))
    rows += [forge.file(b"/%d" % n, content(n)) for n in range(FILES // 2, FILES)]
    whole = content(-1) * 4
    chunks = [(b"/c", at, SIZE, forge.store(whole[at : at + SIZE], "P").digest) for at in range(0, 4 * SIZE, SIZE)]
    forge.publish([*rows, Row(b"/c", CHUNKED, size=len(whole))], nested=nested, chunks=chunks)
    return forged


def test_a_walk_with_a_quota_smaller_than_the_repository(big: Forged, opened: Open) -> None:
    quota = 400 * KIB
    repository = opened(big.config(quota=quota))
    for path, inode in repository.walk():
        if inode.is_regular:
            data = repository.read(path)
            assert data == (content(int(path[3:] if path[1:2] in b"nm" else path[1:])) if path != b"/c" else data)
            assert space(big.cache) <= quota
    assert abs(repository.cache.used() - space(big.cache)) <= 8 * KIB  # the breadcrumb is no object
    assert repository.cache.capacity() == quota
    assert repository.cache.cleanups() > 2
    # What is open stays: the catalogs were asked for once.
    assert big.server.count("*C") == 3


def test_many_processes_share_a_quota(big: Forged) -> None:
    quota = 500 * KIB
    walkers = start_walkers(big.config(quota=quota), processes=4)
    over = []
    while walkers.poll() is None:
        try:
            over.append(space(big.cache) - quota)
        except OSError:
            continue
    out = walkers.communicate(timeout=60)[0].split()
    assert walkers.returncode == 0
    assert len(set(out)) == 1
    # Each process may have one file open, and another one in the making, on top of what is allowed.
    assert max(over) <= 4 * 2 * 4 * SIZE
    assert space(big.cache) <= quota


def fill(cache: Cache, number: int, *, age: float = 0, amount: int = 40 * KIB, name: str = "") -> str:
    """An object of *amount* bytes that was used *age* seconds ago."""
    name = name or f"{number:02x}/{number:038x}"
    with cache.transaction("test", name, amount) as txn:
        txn.write(random.Random(number).randbytes(amount))
        path = txn.commit(name)
    stamp = os.stat(path).st_mtime - age
    os.utime(path, (stamp, stamp))
    return path


def left(cache: Cache) -> set[int]:
    return {int(path.name, 16) for path in Path(cache.root).glob("??/*")}


def test_the_least_recently_used_goes_first(tmp_path: Path) -> None:
    cache = Cache(tmp_path, 400 * KIB)
    for number in range(9):
        fill(cache, number, age=1000 - number)
    assert cache.find(f"00/{0:038x}", 40 * KIB)
    assert left(cache) == set(range(9))
    fill(cache, 9)
    fill(cache, 10)
    assert left(cache) == {0, 6, 7, 8, 9, 10}
    assert cache.used() == space(tmp_path) == 240 * KIB


def test_what_a_session_has_linked_stays(tmp_path: Path) -> None:
    cache = Cache(tmp_path / "cache", 400 * KIB)
    paths = [fill(cache, number, age=1000 - number) for number in range(9)]
    (tmp_path / "session").mkdir()
    for number in (0, 1, 2):
        os.link(paths[number], tmp_path / "session" / str(number))
    fill(cache, 10)
    fill(cache, 11)
    assert left(cache) == {0, 1, 2, 8, 10, 11}


def test_two_names_of_one_object_count_once(tmp_path: Path) -> None:
    cache = Cache(tmp_path, 400 * KIB)
    old = fill(cache, 0, age=2000)
    cache.adopt(old, f"00/{0:038x}-none")
    for number in range(1, 9):
        fill(cache, number, age=1000 - number)
    assert Census(str(tmp_path)).used == space(tmp_path) - 40 * KIB == 360 * KIB
    fill(cache, 10)
    fill(cache, 11)
    assert not list((tmp_path / "00").iterdir())


def test_old_catalogs_go_first_and_open_ones_last(big: Forged, opened: Open) -> None:
    first = opened(big.config(quota=3000 * KIB))
    first.read(b"/n/1")
    first.close()
    old = {str(path.relative_to(big.cache)) for path in big.cache.glob("??/*") if not path.stat().st_mode & 0o111}
    assert len(old) == 2  # what was shown last is not old yet
    assert pinned(f"{big.cache}/{BOOKS}/pins") == Pinned(frozenset(), frozenset(old))
    big.forge.publish([big.forge.file(b"/new", b"new")], revision=2)
    second = opened(big.config(quota=3000 * KIB))
    second.read(b"/new")
    (new,) = pinned(f"{big.cache}/{BOOKS}/pins").in_use
    assert new not in old
    for name in (*old, new):  # old in time is the open one
        os.utime(big.cache / name, (1, 1) if name == new else None)
    second.close()
    assert pinned(f"{big.cache}/{BOOKS}/pins") == Pinned(frozenset(), frozenset({new}))
    third = opened(big.config(quota=3000 * KIB))
    third.lookup(b"")
    os.utime(big.cache / new, (1, 1))
    assert third.cache.make_room(1)
    there = {str(path.relative_to(big.cache)) for path in big.cache.glob("??/*")}
    assert new in there
    assert not old & there


def test_a_killed_process_pins_nothing(big: Forged) -> None:
    code = (
        "import os, pickle, sys; from parrot_py.drivers.cvmfs import Repository;"
        "Repository(pickle.load(sys.stdin.buffer)).lookup(b''); os.kill(os.getpid(), 9)"
    )
    config = big.config(quota=3000 * KIB)
    values: dict[str, Any] = {k: dict(v) if hasattr(v, "keys") else v for k, v in config._asdict().items()}
    subprocess.run([sys.executable, "-c", code], input=pickle.dumps(RepositoryConfig(**values)), check=False)
    found = pinned(f"{big.cache}/{BOOKS}/pins")
    assert found.in_use == frozenset()
    assert len(found.current) == 1
    assert os.listdir(big.cache / BOOKS / "pins") == [f"last@{big.forge.name}"]


def test_a_file_larger_than_the_quota_is_enospc(big: Forged, opened: Open, caplog: Log) -> None:
    repository = opened(big.config(quota=3 * SIZE))
    inode = repository.lookup(b"/c")
    line = refused(caplog, lambda: repository.materialise(inode), "more than the whole quota", errno.ENOSPC)
    assert "CVMFS_QUOTA_LIMIT" in line
    assert repository.read(b"/n/1") == content(1)


def test_a_catalog_is_never_refused(big: Forged, opened: Open) -> None:
    repository = opened(big.config(quota=1))
    assert len(repository.listdir(repository.lookup(b"/n"))) == FILES // 2


def test_a_file_larger_than_half_of_the_quota_fits(big: Forged, opened: Open) -> None:
    quota = 130 * KIB
    repository = opened(big.config(quota=quota))
    for path in (b"/n/1", b"/n/2", b"/c", b"/n/3", b"/c"):
        assert repository.read(path)
        assert space(big.cache) <= quota + 4 * KIB


def test_the_count_is_mended_when_it_is_wrong(tmp_path: Path) -> None:
    cache = Cache(tmp_path, 400 * KIB)
    fill(cache, 1)
    usage = tmp_path / BOOKS / "usage"
    for wrong in (b"", b"nonsense"):
        usage.write_bytes(wrong)
        assert Cache(tmp_path).used() == 40 * KIB
    usage.write_bytes(b"1000000\n")
    fill(cache, 2)
    assert left(cache) == {1, 2}
    assert cache.used() == 80 * KIB


def test_foreign_files_are_left_alone(tmp_path: Path) -> None:
    cache = Cache(tmp_path, 100 * KIB)
    for number in range(5):
        fill(cache, number, age=10 - number)
        (tmp_path / f"{number:02x}" / "note").write_text("mine")
        (tmp_path / f"{number:02x}" / f"{number:038x}C").write_text("mine")
    assert len(list(tmp_path.glob("??/note"))) == len(list(tmp_path.glob("??/*C"))) == 5


def test_nothing_to_evict_is_not_tried_again_and_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache = Cache(tmp_path / "cache", 100 * KIB)
    counted = []

    def count(*arguments: Any) -> Census:
        counted.append(1)
        return Census(*arguments)

    monkeypatch.setattr("parrot_py.drivers.cvmfs.cache.quota.Census", count)
    for number in range(50):
        path = fill(cache, number, amount=4 * KIB)
        os.link(path, tmp_path / str(number))
    assert len(left(cache)) == 50
    assert len(counted) < 15


@pytest.fixture
def disk_of(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Pretends that the file system has so many bytes free."""
    real = os.statvfs

    def pretend(free: int) -> None:
        def statvfs(path: Any) -> Any:
            told = real(path)
            return type("Disk", (), {"f_bavail": free // told.f_frsize, "f_frsize": told.f_frsize, "f_blocks": 9})

        monkeypatch.setattr("parrot_py.drivers.cvmfs.cache.quota.os.statvfs", statvfs)

    return pretend


def test_a_quota_larger_than_the_disk_is_capped(tmp_path: Path, caplog: Log, disk_of: Callable[[int], None]) -> None:
    disk_of(1000 * KIB)
    cache = Cache(tmp_path, 10_000 * KIB)
    fill(cache, 1)
    assert cache.capacity() == pytest.approx(0.7 * 1000 * KIB, rel=0.01)
    (line,) = [record.getMessage() for record in caplog.records if "at most" in record.getMessage()]
    assert str(tmp_path) in line


def test_the_disk_sets_the_limit_without_a_quota(tmp_path: Path, disk_of: Callable[[int], None]) -> None:
    disk_of(150 * KIB)
    cache = Cache(tmp_path)
    for number in range(8):
        fill(cache, number, age=100 - number)
    assert 0 < len(left(cache)) < 6
    assert 7 in left(cache)


def test_a_thread_that_waits_for_an_eviction_does_not_repeat_it(tmp_path: Path) -> None:
    cache = Cache(tmp_path, 400 * KIB)
    for number in range(9):
        fill(cache, number, age=1000 - number)
    threads = [threading.Thread(target=fill, args=(Cache(tmp_path, 400 * KIB), n)) for n in range(10, 14)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert space(tmp_path) <= 400 * KIB
    assert {10, 11, 12, 13} <= left(cache)

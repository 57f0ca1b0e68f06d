"""Fetching ahead: everything in parallel and once, and never in the way of what the job asks for."""

from __future__ import annotations

import os
import threading
from functools import partial

import pytest

from parrot_py.drivers.cvmfs.ahead.prefetch import THREADS
from parrot_py.drivers.cvmfs.ahead.record import CATALOG, FILE, Touch
from parrot_py.drivers.cvmfs.driver import CvmfsDriver
from tests.drivers.cvmfs.conftest import Forged
from tests.drivers.cvmfs.forge import CHUNKED, DIR, LINK, NESTED, NESTED_ROOT, Row
from tests.drivers.cvmfs.waiting import Open, content, each_once, opened, path, read, settle
from tests.support.httpd import Fault
from tests.support.processes import eventually

__all__ = ["opened"]

FILES = 40
CHUNK = 1000


def asked_for_files(many: Forged) -> int:
    """How many requests for the contents of the FILES there were."""
    return sum(many.asked_for(content(number)) for number in range(FILES))


@pytest.fixture
def many(forged: Forged) -> Forged:
    """FILES files in a nested catalog, a chunked file, links; nothing of it in the cache."""
    files = [forged.forge.file(path(number), content(number)) for number in range(FILES)]
    parts = [os.urandom(CHUNK) for _ in range(6)]
    hashes = [forged.forge.store(part, "P") for part in parts]
    chunks = [(b"/part/big", n * CHUNK, CHUNK, hash_.digest) for n, hash_ in enumerate(hashes)]
    big = Row(b"/part/big", CHUNKED, size=6 * CHUNK)
    links = [Row(b"/part/link", LINK, symlink=b"000"), Row(b"/part/out", LINK, symlink=b"/etc/passwd")]
    nested = forged.forge.catalog(
        [Row(b"/part", NESTED_ROOT), *files, big, *links], chunks=chunks, properties={"root_prefix": "/part"}
    )
    top = [Row(b"/part", NESTED), Row(b"/dir", DIR), forged.forge.file(b"/dir/one", b"one")]
    forged.forge.publish(top, nested={"/part": nested})
    return forged


def record_of(driver: CvmfsDriver, *numbers: int) -> list[Touch]:
    """A record of files, with the hashes of the revision that is shown."""
    view = driver.view()
    driver.lookup(path(0))
    nested = driver.tree.within(view.root, b"/part")
    touches = [Touch(b"", CATALOG, str(view.root.catalog.hash)), Touch(b"/part", CATALOG, str(nested.catalog.hash))]
    for number in numbers:
        inode = driver.lookup(path(number))
        digest = driver.content(inode).digest
        assert digest is not None
        touches.append(Touch(path(number), FILE, digest.hex(), inode.size))
    return touches


def test_a_list_is_fetched_in_parallel_and_nothing_twice(many: Forged, opened: Open) -> None:
    hold = threading.Event()
    for number in range(FILES):
        many.server.fault(many.object(content(number)), Fault(hold=hold))
    driver = opened(many.config(), wanted=[Touch(path(n)) for n in range(FILES)])
    eventually(lambda: asked_for_files(many) == THREADS)
    hold.set()
    settle()
    assert asked_for_files(many) == FILES
    assert each_once(many)
    many.server.stop()
    assert [read(driver, path(n)) for n in range(FILES)] == [content(n) for n in range(FILES)]


def test_a_demand_goes_through_while_everything_ahead_is_held_up(many: Forged, opened: Open) -> None:
    hold = threading.Event()
    for number in range(FILES):
        many.server.fault(many.object(content(number)), Fault(hold=hold))
    many.server.fault(many.object(b"one"), Fault())
    driver = opened(many.config(), wanted=[Touch(path(n)) for n in range(FILES)])
    eventually(lambda: many.asked_for(content(THREADS - 1)) == 1)
    assert read(driver, b"/dir/one") == b"one"
    assert not hold.is_set()
    hold.set()
    settle()
    assert each_once(many)


def test_who_asks_for_what_is_on_its_way_gets_that(many: Forged, opened: Open) -> None:
    hold = threading.Event()
    many.server.fault(many.object(content(3)), Fault(hold=hold))
    driver = opened(many.config(), wanted=[Touch(path(3))])
    eventually(lambda: many.asked_for(content(3)) == 1)
    threading.Timer(0.02, hold.set).start()
    assert read(driver, path(3)) == content(3)
    settle()
    assert many.asked_for(content(3)) == 1


def test_a_record_of_this_revision_needs_no_catalog(many: Forged, opened: Open) -> None:
    record = record_of(opened(many.config(cache_dir=many.cache.with_name("first"))), *range(5))
    nested = record[1].hash
    assert nested is not None
    hold = threading.Event()
    many.server.fault(f"*{nested[2:]}C", Fault(hold=hold))
    many.server.requests.clear()
    driver = opened(many.config(), wanted=record)
    driver.view()
    eventually(lambda: all(many.asked_for(content(n)) for n in range(5)))
    hold.set()
    settle()
    many.server.stop()
    assert read(driver, path(4)) == content(4)


def test_a_record_of_another_revision_is_taken_by_its_paths(many: Forged, opened: Open) -> None:
    record = record_of(opened(many.config(cache_dir=many.cache.with_name("first"))), 0, 1)
    changed = [many.forge.file(path(0), content(0)), many.forge.file(path(1), b"new")]
    many.forge.publish([Row(b"/part", DIR), *changed], revision=2)
    many.server.requests.clear()
    driver = opened(many.config(), wanted=record)
    driver.view()
    settle()
    assert many.asked_for(content(1)) == 0
    many.server.stop()
    assert read(driver, path(0)) == content(0)
    assert read(driver, path(1)) == b"new"


def test_a_directory_is_all_that_is_below_it(many: Forged, opened: Open) -> None:
    driver = opened(many.config(), wanted=[Touch(b"")])
    settle()
    many.server.stop()
    assert read(driver, b"/dir/one") == b"one"
    assert len(read(driver, b"/part/big")) == 6 * CHUNK
    assert each_once(many)


def test_a_directory_is_not_more_than_so_many(
    many: Forged, opened: Open, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("parrot_py.drivers.cvmfs.ahead.lists.MOST_BELOW", 7)
    caplog.set_level("INFO", "parrot_py.cvmfs")
    opened(many.config(), wanted=[Touch(b"/part")])
    settle()
    assert "7 files below" in caplog.text
    assert asked_for_files(many) == 7


def test_a_chunked_file_comes_in_chunks(many: Forged, opened: Open) -> None:
    driver = opened(many.config(), wanted=[Touch(b"/part/big", FILE, None, 6 * CHUNK)])
    settle()
    assert many.server.count("*P") == 6
    many.server.stop()
    assert len(read(driver, b"/part/big")) == 6 * CHUNK
    assert each_once(many)


def test_links_are_followed_inside_only(many: Forged, opened: Open, caplog: pytest.LogCaptureFixture) -> None:
    driver = opened(many.config(), wanted=[Touch(b"/part/link"), Touch(b"/part/out"), Touch(b"/nowhere")])
    settle()
    assert many.asked_for(content(0)) == 1
    many.server.stop()
    assert read(driver, path(0)) == content(0)
    assert not [record for record in caplog.records if record.levelname in ("WARNING", "ERROR")]


def test_a_network_that_is_cut_in_the_middle_is_no_news(
    many: Forged, opened: Open, caplog: pytest.LogCaptureFixture
) -> None:
    driver = opened(many.config(max_retries=0), wanted=[Touch(path(n)) for n in range(FILES)])
    driver.view()
    many.server.fault("*/data/*", Fault(drop=True))
    settle()
    assert not [record for record in caplog.records if record.levelname in ("WARNING", "ERROR")]
    many.server.heal()
    eventually(partial(_can_read, driver))
    driver.close()
    settle()
    assert not [name for name in map(_target, os.listdir("/proc/self/fd")) if name.startswith(str(many.cache))]
    assert not [name for name in many.cached() if name.startswith("txn/fetch")]


def _target(fd: str) -> str:
    try:
        return os.readlink(f"/proc/self/fd/{fd}")
    except OSError:
        return ""  # that of the listing itself


def _can_read(driver: CvmfsDriver) -> bool:
    try:
        return all(read(driver, path(n)) == content(n) for n in range(FILES))
    except OSError:
        return False  # within the pause after nobody answered


def test_nothing_is_fetched_ahead_into_a_cache_that_is_nearly_full(
    many: Forged, opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    driver = opened(many.config())
    driver.lookup(path(0))
    used = driver.cache.used()
    monkeypatch.setattr(driver.cache, "capacity", lambda: int((used + 1000) / 0.9))
    monkeypatch.setattr(driver.cache, "cleanups", _never)
    driver.ahead.want([Touch(path(n)) for n in range(FILES)])
    settle()
    assert driver.cache.used() <= used + 1000
    many.server.requests.clear()
    assert read(driver, path(FILES - 1)) == content(FILES - 1)
    assert many.server.count("*/data/*") == 1, "the job gets it all the same"


def _never() -> int:
    raise AssertionError("nothing may be evicted")


def test_closing_ends_it_at_once(many: Forged, opened: Open) -> None:
    hold = threading.Event()
    many.server.fault("*/data/*", Fault(hold=hold))
    for name in ("*C", "*X"):
        many.server.fault(name, Fault())
    driver = opened(many.config(), wanted=[Touch(path(n)) for n in range(FILES)])
    eventually(lambda: asked_for_files(many) == THREADS)
    driver.close()
    settle()
    assert asked_for_files(many) == THREADS
    assert not [name for name in many.cached() if name.startswith("txn/fetch")]
    hold.set()

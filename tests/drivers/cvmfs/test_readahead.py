"""Read-ahead: a leader brings what followed it in earlier runs, whatever that contains by now."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from parrot_py.drivers.cvmfs.ahead import readahead
from parrot_py.drivers.cvmfs.ahead.readahead import ReadAhead
from parrot_py.drivers.cvmfs.cache.local import Cache
from tests.drivers.cvmfs.conftest import Forged
from tests.drivers.cvmfs.forge import DIR, Row
from tests.drivers.cvmfs.waiting import Open, content, each_once, opened, path, read, settle
from tests.support.processes import eventually

__all__ = ["opened"]

NAME = "learn.test"


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return Cache(tmp_path / "cache")


def learn(cache: Cache, *paths: bytes) -> None:
    """A run that opens *paths*."""
    run = ReadAhead(cache, NAME)
    for number, name in enumerate(paths):
        assert run.opened(name) == (number == 0)
    run.save()


def test_what_followed_the_leader_is_kept(cache: Cache) -> None:
    learn(cache, b"/a", b"/b", b"/\xff", b"/c")
    learn(cache, b"/x", b"/y")
    assert ReadAhead(cache, NAME).followers(b"/a") == [b"/b", b"/\xff", b"/c"]
    assert ReadAhead(cache, NAME).followers(b"/x") == [b"/y"]
    assert ReadAhead(cache, NAME).followers(b"/b") == []
    assert ReadAhead(cache, "other.test").followers(b"/a") == []


def test_the_last_run_counts_but_not_one_that_only_opened_the_leader(cache: Cache) -> None:
    learn(cache, b"/a", b"/b")
    learn(cache, b"/a", b"/c")
    learn(cache, b"/a")
    assert ReadAhead(cache, NAME).followers(b"/a") == [b"/c"]


def test_after_a_pause_there_is_another_leader(cache: Cache, monkeypatch: pytest.MonkeyPatch) -> None:
    run = ReadAhead(cache, NAME)
    assert run.opened(b"/a")
    assert not run.opened(b"/b")
    monkeypatch.setattr(readahead, "PAUSE", 0.0)
    assert run.opened(b"/c")
    assert not run.opened(b"/a")
    run.save()
    assert ReadAhead(cache, NAME).followers(b"/a") == [b"/b"]


def test_the_file_stays_small(cache: Cache, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readahead, "MOST_FOLLOWERS", 5)
    monkeypatch.setattr(readahead, "MOST_BYTES", 1000)
    for number in range(100):
        learn(cache, b"/leader-%d" % number, *[b"/%d/%d" % (number, n) for n in range(9)])
    size = (Path(cache.root) / f"readahead.{NAME}").stat().st_size
    assert 0 < size <= 1000
    assert ReadAhead(cache, NAME).followers(b"/leader-99") == [b"/99/%d" % n for n in range(5)]
    assert ReadAhead(cache, NAME).followers(b"/leader-0") == []


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"/a": 5}', '{"/a": [7]}', '{"/a": ["relative"]}', '{"/a": ["/\\ud800"]}', "\0" * 99]
)
def test_a_file_without_sense_is_none(cache: Cache, text: str) -> None:
    cache.put(f"readahead.{NAME}", text.encode("utf-8", "surrogatepass"))
    assert ReadAhead(cache, NAME).followers(b"/a") == []
    learn(cache, b"/a", b"/b")
    assert ReadAhead(cache, NAME).followers(b"/a") == [b"/b"]


def test_after_an_update_the_leader_brings_the_new_content(forged: Forged, opened: Open) -> None:
    def publish(revision: int) -> None:
        files = [forged.forge.file(path(n), content(n + 100 * revision)) for n in range(10)]
        forged.forge.publish([Row(b"/part", DIR), *files], revision=revision)

    publish(1)
    first = opened(forged.config(read_ahead=True))
    for number in range(10):
        read(first, path(number))
    first.close()
    assert json.loads((forged.cache / f"readahead.{first.fqrn}").read_text())
    publish(2)
    forged.server.requests.clear()
    second = opened(forged.config(read_ahead=True))
    assert read(second, path(0)) == content(200)
    eventually(lambda: len([r for r in forged.server.requests if "/data/" in r]) >= 11)
    settle()
    forged.server.stop()
    assert [read(second, path(n)) for n in range(10)] == [content(200 + n) for n in range(10)]
    assert each_once(forged)


def test_it_is_off_unless_it_is_switched_on(forged: Forged, opened: Open) -> None:
    forged.forge.publish([forged.forge.file(b"/a", b"a"), forged.forge.file(b"/b", b"b")])
    driver = opened(forged.config())
    read(driver, b"/a")
    read(driver, b"/b")
    driver.close()
    assert not list(forged.cache.glob("readahead*"))

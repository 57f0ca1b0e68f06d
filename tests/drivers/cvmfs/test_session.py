"""Choosing a revision, and finding out that there is a newer one: the session by itself, without a driver."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any, Callable

import pytest

from parrot_py.drivers.cvmfs.cache.layers import Layers
from parrot_py.drivers.cvmfs.cache.store import Store
from parrot_py.drivers.cvmfs.flights import Flights
from parrot_py.drivers.cvmfs.net.fetch import Fetcher
from parrot_py.drivers.cvmfs.trouble import Failure
from parrot_py.drivers.cvmfs.trust.records import metainfo
from parrot_py.drivers.cvmfs.trust.session import Opened, Revoked, Session
from tests.drivers.cvmfs.conftest import Forged
from tests.drivers.cvmfs.forge import NAME
from tests.support.httpd import Fault

Log = pytest.LogCaptureFixture
Make = Callable[..., Session]


@pytest.fixture
def session(forged: Forged) -> Iterator[Make]:
    """Makes sessions of the forged repository; keywords change the configuration."""
    fetchers = []

    def make(**changes: Any) -> Session:
        config = forged.config(**{"max_retries": 0, **changes})
        fetchers.append(Fetcher(config))
        store = Store(Layers(config), fetchers[-1], Flights[str](NAME, 0.01, 0.02))
        return Session(config, store.cache, fetchers[-1], store)

    yield make
    for fetcher in fetchers:
        fetcher.close()


def publish(forged: Forged, revision: int, **lines: str) -> str:
    root = forged.forge.publish([forged.forge.file(b"/rev", b"%d" % revision)], revision=revision)
    if lines:
        forged.forge.manifest(root, revision=revision, **lines)
    return str(root)


def crumb(forged: Forged) -> str:
    return (forged.cache / f"cvmfschecksum.{NAME}").read_text()


def test_a_newer_revision_is_told_with_its_catalog_in_the_cache(forged: Forged, session: Make) -> None:
    publish(forged, 5)
    it = session()
    first = it.open()
    assert (first.revision, first.fixed, first.offline, first.tag) == (5, False, False, "")
    assert it.refresh(first) is None
    root = publish(forged, 6)
    second = it.refresh(first)
    assert second is not None
    assert (str(second.root), second.revision) == (root, 6)
    assert second.manifest is not None
    assert (forged.cache / second.root.cache_path()).exists()
    assert crumb(forged).startswith(root)
    assert it.refresh(second) is None


def test_everything_is_proven_again_at_every_check(forged: Forged, session: Make) -> None:
    publish(forged, 5)
    it = session()
    current = it.open()
    forged.forge.whitelist(days=-1)
    with pytest.raises(Failure, match="whitelist: expired"):
        it.refresh(current)
    publish(forged, 6)
    forged.forge.whitelist(signer="stranger")
    with pytest.raises(Failure, match="not signed by any"):
        it.refresh(current)
    assert crumb(forged).endswith("R5")


@pytest.mark.parametrize("back", [4, 5])
def test_a_server_that_goes_back_is_not_followed(forged: Forged, session: Make, back: int) -> None:
    publish(forged, 4)
    it = session()
    current = it.open()
    publish(forged, 6)
    newer = it.refresh(current)
    assert newer is not None
    publish(forged, back)
    for shown in (newer, current):  # current: another process of this cache saw 6
        with pytest.raises(Failure, match=f"shows revision {back}, this cache has seen revision 6") as failed:
            it.refresh(shown)
        assert failed.value.unreachable
    assert crumb(forged).endswith("R6")


def test_the_same_number_with_another_root_is_nothing_newer(forged: Forged, session: Make) -> None:
    publish(forged, 5)
    it = session()
    current = it.open()
    forged.forge.publish([forged.forge.file(b"/other", b"other")], revision=5)
    assert it.refresh(current) is None


def test_repositories_that_count_no_revisions_tell_by_the_root(forged: Forged, session: Make) -> None:
    publish(forged, 0)
    it = session()
    current = it.open()
    assert it.refresh(current) is None
    forged.forge.publish([forged.forge.file(b"/other", b"other")], revision=0)
    newer = it.refresh(current)
    assert newer is not None
    assert newer.root != current.root


def test_a_session_that_began_offline_gets_its_proof_later(forged: Forged, session: Make, caplog: Log) -> None:
    publish(forged, 5)
    session().open()
    forged.server.fault("*", Fault(drop=True))
    it = session(backoff_init=0.0, backoff_max=0.0)
    current = it.open()
    assert current.offline
    assert current.manifest is None
    assert current.revision == 5
    assert "offline, showing revision 5" in caplog.text
    with pytest.raises(Failure):
        it.refresh(current)
    forged.server.heal()
    proven = it.refresh(current)
    assert proven is not None
    assert (proven.root, proven.revision, proven.offline) == (current.root, 5, False)
    assert proven.manifest is not None
    assert it.refresh(proven) is None


def test_sessions_that_do_not_change_ask_nobody(forged: Forged, session: Make) -> None:
    root = publish(forged, 5)
    pinned = session(root_hash=root)
    asked = len(forged.server.requests)
    opened = pinned.open()
    assert opened.fixed
    assert forged.server.count("*/.cvmfs*") == 0
    assert len(forged.server.requests) == asked + 1  # the catalog
    still = session(auto_update=False)
    current = still.open()
    assert not current.fixed
    publish(forged, 6)
    asked = len(forged.server.requests)
    assert pinned.refresh(opened) is None
    assert still.refresh(current) is None
    assert len(forged.server.requests) == asked


def test_a_blacklisted_revision_is_replaced_or_revoked(forged: Forged, session: Make) -> None:
    publish(forged, 5)
    blacklist = forged.forge.directory / "blacklist"
    it = session(blacklists=(forged.forge.directory / "none", blacklist))
    current = it.open()
    blacklist.write_text(f"<{NAME} 6 # bad\n")
    with pytest.raises(Revoked, match="revision 5 is blacklisted, at least 6 is required"):
        it.refresh(current)
    publish(forged, 6)
    newer = it.refresh(current)
    assert newer is not None
    assert newer.revision == 6
    forged.server.fault("*", Fault(drop=True))
    blacklist.write_text(f"<{NAME} 9")
    with pytest.raises(Revoked, match=r"revision 6 is blacklisted.*\.cvmfspublished"):
        it.refresh(newer)


def test_a_pinned_root_may_be_blacklisted_too(forged: Forged, session: Make) -> None:
    root = forged.forge.publish([], properties={"revision": "5"})
    blacklist = forged.forge.directory / "blacklist"
    blacklist.write_text(f"<{NAME} 6\n")
    with pytest.raises(Failure, match="root hash: revision 5 is blacklisted"):
        session(root_hash=str(root), blacklists=(blacklist,)).open()
    blacklist.write_text(f"<{NAME} 5\n")
    assert session(root_hash=str(root), blacklists=(blacklist,)).open().revision == 5


def test_a_blacklist_that_cannot_be_read_is_not_an_empty_one(forged: Forged, session: Make) -> None:
    publish(forged, 5)
    directory = forged.forge.directory / "blacklist"
    directory.mkdir()
    with pytest.raises(Failure, match=r"blacklist .*: Is a directory"):
        session(blacklists=(directory,)).open()
    long = forged.forge.directory / "long"
    long.write_text("#" * 2_000_000)
    with pytest.raises(Failure, match="longer than"):
        session(blacklists=(long,)).open()


def test_the_meta_information_is_fetched_once(forged: Forged, session: Make) -> None:
    text = b'{"administrator": "somebody"}'
    publish(forged, 5, M=str(forged.forge.store(text, "M")))
    it = session()
    manifest = it.open().manifest
    assert manifest is not None
    assert manifest.metainfo is not None
    for _ in range(2):
        assert metainfo(it.store, manifest.metainfo) == text
    assert forged.server.count("*M") == 1
    long = forged.forge.store(b"x" * 70_000, "M")
    with pytest.raises(Failure, match="has at least"):
        metainfo(it.store, long)


def test_opened_says_what_it_is() -> None:
    assert Opened._fields == ("root", "manifest", "offline", "revision", "tag", "fixed")


@pytest.fixture(autouse=True)
def _quiet(caplog: Log) -> None:
    caplog.set_level(logging.INFO, logger="parrot_py.cvmfs")

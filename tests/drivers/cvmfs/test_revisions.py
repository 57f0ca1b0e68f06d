"""Newer revisions: when they are looked for, when they show, and what stays as it was."""

from __future__ import annotations

import errno
import threading
import time
from pathlib import Path
from typing import Any, Callable

import pytest

from parrot_py.config.model import RepositoryConfig
from parrot_py.drivers.base import nonblocking
from parrot_py.drivers.cvmfs import Repository
from parrot_py.drivers.cvmfs.cache.pins import pinned
from tests.drivers.contract import expect_errno
from tests.drivers.cvmfs.conftest import Forged
from tests.drivers.cvmfs.forge import DIR, LINK, NESTED, NESTED_ROOT, Row
from tests.support.httpd import Fault
from tests.support.processes import eventually

Open = Callable[[RepositoryConfig], Repository]
Log = pytest.LogCaptureFixture
PATIENCE, SOON = 60.0, 0.05


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """A TTL capped to SOON is over in no time, and so is the pause after trouble."""
    monkeypatch.setattr("parrot_py.drivers.cvmfs.revisions.LEAST_TTL", SOON)
    monkeypatch.setattr("parrot_py.drivers.cvmfs.revisions.RETRY", SOON)


def numbered(forged: Forged, number: int, **more: Any) -> None:
    """Publish revision *number*, in which everything is called or says that."""
    text = b"%d" % number
    rows = [forged.forge.file(b"/f", text), forged.forge.file(b"/only%d" % number, text), Row(b"/d", DIR)]
    rows += [forged.forge.file(b"/d/in%d" % number, text), Row(b"/l", LINK, symlink=b"only%d" % number)]
    forged.forge.publish(rows, revision=number, properties={"revision": str(number), **more})


def names(repository: Repository, path: bytes = b"") -> set[bytes]:
    return {entry.name for entry in repository.listdir(repository.lookup(path))}


def test_a_newer_revision_shows_after_the_ttl(forged: Forged, opened: Open) -> None:
    numbered(forged, 1)
    repository = opened(forged.config(max_ttl=SOON))
    assert repository.read(b"/f") == b"1"
    old = repository.lookup(b"/d")
    numbered(forged, 2)
    eventually(lambda: repository.revision == 2)
    assert repository.read(b"/f") == b"2"
    assert names(repository) == {b"f", b"only2", b"d", b"l"}
    assert repository.lookup(b"/l").target == b"only2"
    with pytest.raises(FileNotFoundError):
        repository.lookup(b"/only1")
    assert [entry.name for entry in repository.listdir(old)] == [b"in1"]
    numbered(forged, 3)
    eventually(lambda: repository.revision == 3)
    assert repository.read(b"/f") == b"3"


@pytest.mark.parametrize(("ttl", "most"), [("240", SOON), ("1", 0.0), ("1", 600.0)])
def test_the_ttl_can_be_capped(forged: Forged, opened: Open, ttl: str, most: float) -> None:
    numbered(forged, 1, TTL=ttl)
    repository = opened(forged.config(max_ttl=most))
    repository.lookup(b"")
    numbered(forged, 2)
    eventually(lambda: repository.revision == 2)


def test_a_repository_that_nobody_opened_is_left_alone(forged: Forged, opened: Open) -> None:
    numbered(forged, 1)
    repository = opened(forged.config())
    repository.revisions.renew()
    assert repository.revisions.expires() is None
    assert forged.server.requests == []


@pytest.mark.parametrize("how", ["root_hash", "auto_update"])
def test_what_is_pinned_never_changes(forged: Forged, opened: Open, how: str) -> None:
    numbered(forged, 1, TTL="1")
    root = opened(forged.config()).root_hash
    repository = opened(forged.config(**({"root_hash": root} if how == "root_hash" else {"auto_update": False})))
    assert repository.read(b"/f") == b"1"
    numbered(forged, 2)
    asked = forged.server.count("*/.cvmfspublished")
    repository.revisions.renew()
    assert not repository.settle()
    assert repository.revisions.expires() is None
    assert forged.server.count("*/.cvmfspublished") == asked
    assert (repository.read(b"/f"), repository.revision) == (b"1", 1)


def test_nothing_newer_is_nothing_to_show(forged: Forged, opened: Open) -> None:
    numbered(forged, 2)
    repository = opened(forged.config())
    inode = repository.lookup(b"/f")
    repository.revisions.renew()
    numbered(forged, 1)
    repository.revisions.renew()
    assert repository.lookup(b"/f") is inode
    assert repository.revision == 2


def test_trouble_leaves_what_is_shown(forged: Forged, opened: Open, caplog: Log) -> None:
    numbered(forged, 1)
    repository = opened(forged.config(max_retries=0, max_ttl=SOON))
    assert repository.read(b"/f") == b"1"
    numbered(forged, 2)
    forged.server.fault("*", Fault(status=500))
    eventually(lambda: repository.revisions.offline)
    assert (repository.read(b"/f"), names(repository, b"/d")) == (b"1", {b"in1"})
    assert "no newer revision can be had, next try in 0 s" in caplog.records[0].getMessage()
    forged.server.heal()
    eventually(lambda: repository.revision == 2)
    assert not repository.revisions.offline


def test_a_root_catalog_that_cannot_be_had_leaves_what_is_shown(forged: Forged, opened: Open, caplog: Log) -> None:
    numbered(forged, 1)
    repository = opened(forged.config(max_retries=0))
    assert repository.read(b"/f") == b"1"
    numbered(forged, 2)
    forged.server.fault("*C", Fault(flip=20))
    repository.revisions.renew()
    assert not repository.settle()
    assert repository.read(b"/f") == b"1"
    assert len([record for record in caplog.records if record.levelname == "WARNING"]) == 1


def test_after_a_start_without_servers_the_newest_is_shown_later(forged: Forged, opened: Open) -> None:
    numbered(forged, 1)
    opened(forged.config()).read(b"/f")
    forged.server.fault("*", Fault(status=500))
    repository = opened(forged.config(max_retries=0))
    assert repository.read(b"/f") == b"1"
    assert repository.revisions.current().opened.offline
    numbered(forged, 2)
    forged.server.heal()
    eventually(lambda: repository.revision == 2)


def test_a_revision_that_the_site_forbids_is_shown_no_longer(
    forged: Forged, opened: Open, caplog: Log, tmp_path: Path
) -> None:
    numbered(forged, 1)
    blacklist = tmp_path / "blacklist"
    blacklist.write_text("")
    repository = opened(forged.config(blacklists=(blacklist,)))
    assert repository.read(b"/f") == b"1"
    blacklist.write_text(f"<{forged.forge.name} 2\n")
    repository.revisions.renew()
    expect_errno(errno.EIO, lambda: repository.lookup(b"/f"))
    (line,) = caplog.messages
    assert "revision 1 is blacklisted" in line
    numbered(forged, 2)
    repository.revisions.renew()
    assert repository.read(b"/f") == b"2"


def test_numbers_never_stand_for_something_else(forged: Forged, opened: Open) -> None:
    forge = forged.forge

    def publish(number: int, changed: bytes) -> None:
        def linked(path: bytes) -> Row:
            return forge.file(path, b"same %s" % changed, hardlinks=1 << 32 | 2)

        stays = forge.catalog(
            [Row(b"/stays", NESTED_ROOT), forge.file(b"/stays/f", b"x"), Row(b"/stays/d", DIR)],
            properties={"root_prefix": "/stays"},
        )
        goes = forge.catalog(
            [Row(b"/goes", NESTED_ROOT), forge.file(b"/goes/f", changed), linked(b"/goes/a"), linked(b"/goes/b")],
            properties={"root_prefix": "/goes"},
        )
        rows = [Row(b"/stays", NESTED), Row(b"/goes", NESTED), forge.file(b"/top", changed)]
        forge.publish(rows, revision=number, nested={"/stays": stays, "/goes": goes})

    publish(1, b"one")
    repository = opened(forged.config())
    seen: dict[int, tuple[bytes, bytes]] = {}
    inos: list[dict[bytes, int]] = []
    for number, changed in enumerate((b"one", b"two", b"three", b"one"), 1):
        if number > 1:
            publish(number, changed)
            repository.revisions.renew()
        shown = dict(repository.walk())
        for path, inode in shown.items():
            content = repository.read(inode) if inode.is_regular else b""
            key = (b"/goes/a" if path == b"/goes/b" else path, content)
            assert seen.setdefault(inode.ino, key) == key
        assert shown[b"/goes/a"].ino == shown[b"/goes/b"].ino
        inos.append({path: inode.ino for path, inode in shown.items()})
    assert len({numbers[b"/goes/f"] for numbers in inos}) == 4
    assert len({numbers[b"/stays/f"] for numbers in inos}) == 1, "the catalog is the same one"


def test_catalogs_that_did_not_change_are_not_read_again(forged: Forged, opened: Open) -> None:
    forge = forged.forge
    nested = forge.catalog([Row(b"/n", NESTED_ROOT), forge.file(b"/n/f", b"x")], properties={"root_prefix": "/n"})
    forge.publish([Row(b"/n", NESTED)], nested={"/n": nested})
    repository = opened(forged.config())
    before = repository.lookup(b"/n/f")
    forge.publish([Row(b"/n", NESTED), forge.file(b"/new", b"x")], nested={"/n": nested}, revision=2)
    repository.revisions.renew()
    assert repository.settle()
    with nonblocking():
        assert repository.lookup(b"/n/f") == before


def test_catalogs_of_a_former_revision_are_not_kept_from_eviction(forged: Forged, opened: Open) -> None:
    numbered(forged, 1)
    repository = opened(forged.config())
    former = repository.root_hash
    numbered(forged, 2)
    repository.revisions.renew()
    repository.settle()
    (folder,) = (path for path in forged.cache.rglob("pins") if path.is_dir())
    now = repository.root_hash
    assert pinned(str(folder)).in_use == {f"{now[:2]}/{now[2:]}"}
    assert now != former


def test_readers_see_one_revision_or_the_other(forged: Forged, opened: Open) -> None:
    """A walk by the library that goes through a link and a directory of the same number never mixes two."""

    def publish(number: int) -> None:
        text = b"%d" % number
        nested = forged.forge.catalog(
            [Row(b"/n", NESTED_ROOT), forged.forge.file(b"/n/v" + text, text)], properties={"root_prefix": "/n"}
        )
        rows = [Row(b"/n", NESTED), Row(b"/current", LINK, symlink=b"n/v" + text)]
        forged.forge.publish(rows, revision=number, nested={"/n": nested})

    publish(1)
    repository = opened(forged.config())
    stop = threading.Event()
    trouble: list[BaseException] = []
    seen = {repository.read(b"/current")}

    def read() -> None:
        try:
            while not stop.is_set():
                seen.add(repository.read(b"/current"))
                time.sleep(0.001)
        except BaseException as error:  # noqa: BLE001 - the test raises it
            trouble.append(error)

    readers = [threading.Thread(target=read) for _ in range(3)]
    for reader in readers:
        reader.start()
    end = time.monotonic() + PATIENCE
    for number in range(2, 9):
        publish(number)
        while b"%d" % number not in seen and not trouble:
            repository.revisions.renew()
            assert time.monotonic() < end
    stop.set()
    for reader in readers:
        reader.join()
    assert trouble == []
    assert len(seen) == 8

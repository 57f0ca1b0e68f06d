"""Documents that are wrong or old: who is asked next, how, and for how long; and the breadcrumb that tells."""

from __future__ import annotations

import fcntl
import os
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Callable

import pytest

from parrot_py.config.model import RepositoryConfig
from parrot_py.drivers.cvmfs import Repository
from parrot_py.drivers.cvmfs.cache.local import BOOKS, Cache
from parrot_py.drivers.cvmfs.hashes import ContentHash
from parrot_py.drivers.cvmfs.trust.breadcrumb import Breadcrumb, CrumbFile
from tests.drivers.cvmfs.conftest import Forged
from tests.drivers.cvmfs.forge import NAME
from tests.drivers.cvmfs.trouble import refused
from tests.support.httpd import Fault, Server

Open = Callable[[RepositoryConfig], Repository]
Log = pytest.LogCaptureFixture
PUBLISHED, WHITELIST = "*/.cvmfspublished", "*/.cvmfswhitelist"


@pytest.fixture
def others(forged: Forged) -> Iterator[list[Server]]:
    """Two more servers of the same repository."""
    with ExitStack() as stack:
        mounts = {f"/cvmfs/{NAME}": forged.forge.directory}
        yield [stack.enter_context(Server(mounts)) for _ in range(2)]


def urls(*servers: Server) -> tuple[str, ...]:
    return tuple(f"{server.url}/cvmfs/{NAME}" for server in servers)


def publish(forged: Forged, revision: int) -> bytes:
    """Publish *revision* and return its manifest."""
    forged.forge.publish([forged.forge.file(b"/rev", b"%d" % revision)], revision=revision)
    return (forged.forge.directory / ".cvmfspublished").read_bytes()


def asked(server: Server, name: str) -> list[bool]:
    """For each request of *name*: was it to go past all caches."""
    sent = zip(server.requests, server.headers)
    return [headers.get("Cache-Control") == "no-cache" for path, headers in sent if path.endswith(name)]


def test_after_an_old_manifest_the_next_server_is_asked_past_all_caches(
    forged: Forged, others: list[Server], opened: Open, caplog: Log
) -> None:
    old = publish(forged, 4)
    publish(forged, 5)
    opened(forged.config()).lookup(b"")
    others[0].fault(PUBLISHED, Fault(body=old))
    config = forged.config(urls=urls(others[0], others[1]))
    assert opened(config).read(b"/rev") == b"5"
    assert asked(others[0], ".cvmfspublished") == [False]
    assert asked(others[1], ".cvmfspublished") == [True]
    assert "offline" not in caplog.text


@pytest.mark.parametrize("name", [".cvmfspublished", ".cvmfswhitelist"])
def test_a_bad_copy_in_a_proxy_is_asked_for_once_more_past_it(forged: Forged, opened: Open, name: str) -> None:
    publish(forged, 5)
    forged.server.fault(f"*/{name}", Fault(flip=30), times=1)
    assert opened(forged.config()).read(b"/rev") == b"5"
    assert asked(forged.server, name) == [False, True]


def test_every_server_is_asked_and_the_first_one_twice(
    forged: Forged, others: list[Server], opened: Open, caplog: Log
) -> None:
    publish(forged, 5)
    servers = [forged.server, *others]
    for server in servers:
        server.fault(PUBLISHED, Fault(flip=30))
    line = refused(caplog, lambda: opened(forged.config(urls=urls(*servers))).lookup(b""), "hash of the text")
    assert all(url in line for url in urls(*servers))
    assert [asked(server, ".cvmfspublished") for server in servers] == [[False, True], [True], [True]]


def test_who_has_a_good_whitelist_may_be_another_one(forged: Forged, others: list[Server], opened: Open) -> None:
    publish(forged, 5)
    others[0].fault(WHITELIST, Fault(body=forged.forge.whitelist(days=-1)))
    forged.forge.whitelist()
    assert opened(forged.config(urls=urls(*others))).read(b"/rev") == b"5"
    assert asked(others[0], ".cvmfswhitelist") == [False]
    assert asked(others[1], ".cvmfswhitelist") == [True]


def test_asking_around_ends_with_the_patience(forged: Forged, opened: Open, caplog: Log) -> None:
    forged.server.fault("*", Fault(body=b"nonsense", delay=0.2))
    many = tuple(f"{forged.server.url}/{number}" for number in range(30))
    refused(caplog, lambda: opened(forged.config(urls=many, deadline=0.6)).lookup(b""), "malformed")
    assert 2 <= len(forged.server.requests) <= 6


def leave(forged: Forged, revision: int, root: str = "f" * 40) -> Path:
    """Put a breadcrumb into the cache."""
    crumb = forged.cache / f"cvmfschecksum.{NAME}"
    forged.cache.mkdir(exist_ok=True)
    crumb.write_text(f"{root}T1800000000R{revision}")
    return crumb


def test_a_breadcrumb_of_others_is_a_hint(forged: Forged, others: list[Server], opened: Open, caplog: Log) -> None:
    """It may be a lie: everybody is asked, the newest that there is counts, and nothing is refused for it."""
    third, fourth = publish(forged, 3), publish(forged, 4)
    leave(forged, 9)
    os.chmod(forged.cache, 0o777)
    others[0].fault(PUBLISHED, Fault(body=third))
    others[1].fault(PUBLISHED, Fault(body=fourth))
    config = forged.config(urls=urls(*others))
    assert opened(config).read(b"/rev") == b"4"
    assert asked(others[1], ".cvmfspublished") == [True]
    publish(forged, 5)
    for server in others:
        server.heal()
    assert opened(config).read(b"/rev") == b"5"
    for server in others:
        server.fault("*", Fault(drop=True))
    refused(caplog, lambda: opened(config._replace(max_retries=0)).lookup(b""), r"\.cvmfspublished")


def test_a_breadcrumb_of_ours_is_more_than_a_hint(forged: Forged, opened: Open, caplog: Log) -> None:
    publish(forged, 5)
    leave(forged, 9)
    refused(caplog, lambda: opened(forged.config()).lookup(b""), "shows revision 5, this cache has seen revision 9")


def test_in_an_alien_cache_our_own_breadcrumb_counts(forged: Forged, opened: Open, caplog: Log) -> None:
    """The directory may be writable for others; the file tells by its owner who wrote it."""
    publish(forged, 5)
    crumb = leave(forged, 9)
    os.chmod(forged.cache, 0o777)
    config = forged.config(alien=True)
    refused(caplog, lambda: opened(config).lookup(b""), "this cache has seen revision 9")
    os.chmod(crumb, 0o666)
    assert opened(config).read(b"/rev") == b"5"


def test_an_alien_cache_is_enough_offline(forged: Forged, opened: Open) -> None:
    publish(forged, 5)
    config = forged.config(alien=True, max_retries=0)
    assert opened(config).read(b"/rev") == b"5"
    os.chmod(forged.cache, 0o777)
    forged.server.fault("*", Fault(drop=True))
    assert opened(config).read(b"/rev") == b"5"


def crumb(revision: int, digit: str = "a") -> Breadcrumb:
    return Breadcrumb(ContentHash.parse(digit * 40), 1_000 + revision, revision)


def test_a_breadcrumb_only_moves_forward(tmp_path: Path) -> None:
    file = CrumbFile(Cache(tmp_path), NAME)
    steps = [(crumb(5), 5), (crumb(4), 5), (crumb(7), 7), (crumb(7, "b"), 7), (crumb(6), 7)]
    for ours, want in steps:
        file.leave(ours)
        there = file.read()
        assert there is not None
        assert there.revision == want
    assert file.read() == crumb(7, "b")
    file.leave(crumb(2), replace=True)
    assert file.read() == file.read_own() == crumb(2)
    assert {path.name for path in tmp_path.iterdir()} <= {f"cvmfschecksum.{NAME}", "txn", BOOKS}
    assert (tmp_path / f"cvmfschecksum.{NAME}").stat().st_mode & 0o777 == 0o600


def test_many_writers_leave_the_newest(tmp_path: Path) -> None:
    def write(offset: int) -> None:
        file = CrumbFile(Cache(tmp_path), NAME)
        for revision in range(30):
            file.leave(crumb(10 * revision + offset))

    writers = [threading.Thread(target=write, args=(offset,)) for offset in range(8)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert CrumbFile(Cache(tmp_path), NAME).read() == crumb(297)


def test_who_holds_the_lock_too_long_is_not_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("parrot_py.drivers.cvmfs.trust.breadcrumb._LOCK_PATIENCE", 0.05)
    file = CrumbFile(Cache(tmp_path), NAME)
    file.leave(crumb(5))
    with (tmp_path / f"cvmfschecksum.{NAME}").open() as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        file.leave(crumb(6))
    assert file.read() == crumb(6)


@pytest.mark.skipif(os.getuid() == 0, reason="root may read everything")
def test_a_breadcrumb_that_we_cannot_read_stays_and_we_have_another(tmp_path: Path) -> None:
    theirs = tmp_path / f"cvmfschecksum.{NAME}"
    theirs.write_text(str(crumb(9)))
    theirs.chmod(0)
    file = CrumbFile(Cache(tmp_path), NAME)
    assert file.read() is None
    file.leave(crumb(5))
    assert file.read() == crumb(5)
    theirs.chmod(0o600)
    assert file.read() == crumb(9)


def test_a_link_for_a_breadcrumb_is_not_followed(tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.write_text(str(crumb(5)))
    (tmp_path / f"cvmfschecksum.{NAME}").symlink_to(target)
    file = CrumbFile(Cache(tmp_path), NAME)
    assert file.read() is None
    file.leave(crumb(6))
    assert target.read_text() == str(crumb(5))

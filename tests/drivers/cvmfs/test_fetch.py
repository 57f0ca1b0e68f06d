"""Fetching: what the network can do wrong, what is tried then, and how long it may take."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from typing import Callable

import pytest

from parrot_py.config.model import RepositoryConfig
from parrot_py.drivers.cvmfs import Repository
from tests.drivers.cvmfs.conftest import Forged, Site
from tests.drivers.cvmfs.forge import CHUNKED, Row
from tests.drivers.cvmfs.trouble import refused
from tests.drivers.cvmfs.truth import SHAKE
from tests.support.httpd import Fault, Server
from tests.support.processes import eventually

Open = Callable[[RepositoryConfig], Repository]
Log = pytest.LogCaptureFixture
BIG = bytes(range(256)) * 1000


@pytest.fixture
def small(forged: Forged) -> Forged:
    """A repository with a small file, a bigger one, and a chunked one."""
    forge = forged.forge
    parts = [BIG[:100_000], BIG[100_000:200_000], BIG[200_000:]]
    at = [0, 100_000, 200_000]
    chunks = [(b"/chunked", o, len(p), forge.store(p, "P").digest) for o, p in zip(at, parts)]
    rows = [forge.file(b"/a", b"A"), forge.file(b"/big", BIG), Row(b"/chunked", CHUNKED, size=len(BIG))]
    forge.publish([*rows, forge.file(b"/b", b"B")], chunks=chunks)
    return forged


@pytest.fixture
def second(small: Forged) -> Iterator[Server]:
    """Another server with the same repository."""
    with Server({f"/cvmfs/{small.forge.name}": small.forge.directory}) as server:
        yield server


def urls(small: Forged, *servers: Server) -> tuple[str, ...]:
    return tuple(f"{server.url}/cvmfs/{small.forge.name}" for server in servers)


def object_of(repository: Repository, path: bytes) -> str:
    """URL pattern of a file's object."""
    text = repository.getxattr(repository.lookup(path), b"user.hash").decode()
    return f"*/data/{text[:2]}/{text[2:]}"


BROKEN = {
    "flipped": (Fault(flip=5), "hash mismatch|broken compression"),
    "flipped at the end": (Fault(flip=-1), "hash mismatch|broken compression"),
    "truncated": (Fault(truncate=5), "ended after|incomplete|IncompleteRead|closed|reset|more expected"),
    "empty": (Fault(body=b""), "hash mismatch|truncated"),
    "another object": (Fault(body=b"<html>captive portal</html>"), "hash mismatch|broken compression"),
    "much too long": (Fault(body=bytes(400_000)), "longer than|broken compression"),
    "dropped": (Fault(drop=True), "closed|reset|aborted|without response"),
    "missing": (Fault(status=404, body=b"gone"), "status 404"),
    "server error": (Fault(status=503, body=b""), "status 503"),
    "redirect": (Fault(status=302, headers={"Location": "/elsewhere"}), "status 302"),
    "too slow": (Fault(trickle=0.2), "slower than|timed out"),
    "silent": (Fault(delay=1.2), "timed out"),
}


@pytest.mark.parametrize("path", [b"/a", b"/big", b"/chunked"])
@pytest.mark.parametrize("case", BROKEN)
def test_broken_answers_are_eio_and_leave_nothing(
    small: Forged, opened: Open, caplog: Log, case: str, path: bytes
) -> None:
    fault, reason = BROKEN[case]
    repository = opened(small.config(timeout_direct=0.4, deadline=3))
    inode = repository.lookup(path)
    before = small.cached()
    small.server.fault("*/data/*", fault)
    line = refused(caplog, lambda: repository.materialise(inode), reason)
    assert line.startswith(f"{small.forge.name}: {small.server.url}/cvmfs/{small.forge.name}: object data/")
    assert small.cached() == before


def test_corruption_is_asked_for_again_past_the_caches(small: Forged, opened: Open) -> None:
    repository = opened(small.config())
    small.server.fault(object_of(repository, b"/a"), Fault(flip=3), times=1)
    assert repository.read(b"/a") == b"A"
    assert [h.get("Cache-Control") for h in small.server.headers[-2:]] == [None, "no-cache"]
    assert small.server.headers[-1]["Pragma"] == "no-cache"


def test_corruption_at_one_server_is_mended_by_the_next(small: Forged, second: Server, opened: Open) -> None:
    repository = opened(small.config(urls=urls(small, small.server, second)))
    small.server.fault(object_of(repository, b"/a"), Fault(flip=3))
    assert repository.read(b"/a") == b"A"
    assert small.server.count(object_of(repository, b"/a")) == 2
    # The switch concerns all later requests.
    assert repository.read(b"/b") == b"B"
    assert second.count(object_of(repository, b"/b")) == 1


def test_a_missing_object_may_be_at_the_next_server(small: Forged, second: Server, opened: Open) -> None:
    repository = opened(small.config(urls=urls(small, small.server, second)))
    small.server.fault(object_of(repository, b"/a"), Fault(status=404))
    assert repository.read(b"/a") == b"A"
    assert small.server.count(object_of(repository, b"/a")) == 1


def test_a_broken_transfer_is_repeated(small: Forged, opened: Open) -> None:
    repository = opened(small.config())
    small.server.fault(object_of(repository, b"/big"), Fault(truncate=100), times=1)
    assert repository.read(b"/big") == BIG


def test_a_broken_chunk_is_repeated_at_its_place(small: Forged, opened: Open) -> None:
    repository = opened(small.config())
    repository.lookup(b"/chunked")
    small.server.fault("*P", Fault(truncate=100), times=2)
    assert repository.read(b"/chunked") == BIG


def test_a_dead_server_is_left(small: Forged, second: Server, opened: Open) -> None:
    small.server.stop()
    repository = opened(small.config(urls=urls(small, small.server, second)))
    assert repository.read(b"/a") == b"A"


def test_all_servers_are_named_when_none_answers(small: Forged, second: Server, opened: Open, caplog: Log) -> None:
    small.server.stop()
    second.stop()
    repository = opened(small.config(urls=urls(small, small.server, second)))
    line = refused(caplog, lambda: repository.lookup(b""), "Connection refused")
    assert small.server.url in line
    assert second.url in line


def test_a_dead_server_costs_its_time_only_now_and_then(small: Forged, opened: Open, caplog: Log) -> None:
    small.server.fault("*", Fault(delay=1.0))
    repository = opened(small.config(timeout_direct=0.3, max_retries=0, backoff_init=60.0, backoff_max=60.0))
    refused(caplog, lambda: repository.lookup(b"/a"), "timed out")
    began = time.monotonic()
    for _ in range(100):
        with pytest.raises(OSError, match="Errno 5"):
            repository.lookup(b"/a")
    assert time.monotonic() - began < 15  # each wait would be a third of a second
    assert len(small.server.requests) == 1


def test_a_server_that_comes_back_is_used_again(small: Forged, opened: Open, caplog: Log) -> None:
    small.server.fault("*", Fault(drop=True))
    repository = opened(small.config(max_retries=0))
    refused(caplog, lambda: repository.lookup(b"/a"), "cvmfspublished")
    small.server.heal()
    deadline = time.monotonic() + 60
    while True:
        try:
            assert repository.lookup(b"/a").size == 1
            break
        except OSError:
            assert time.monotonic() < deadline
            time.sleep(0.01)


def test_a_server_that_drips_its_header_meets_the_deadline(small: Forged, opened: Open, caplog: Log) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def drip() -> None:
            connection, _ = listener.accept()
            with connection:
                try:
                    while True:
                        connection.send(b"H")
                        time.sleep(0.05)
                except OSError:
                    return

        thread = threading.Thread(target=drip, daemon=True)
        thread.start()
        port = listener.getsockname()[1]
        repository = opened(small.config(urls=(f"http://127.0.0.1:{port}",), deadline=0.8))
        began = time.monotonic()
        refused(caplog, lambda: repository.lookup(b""), "timed out")
        assert time.monotonic() - began < 30
        thread.join(60)


def test_proxies_carry_the_requests(small: Forged, second: Server, opened: Open) -> None:
    repository = opened(small.config(proxies=((second.url,),)))
    assert repository.read(b"/a") == b"A"
    assert small.server.requests == []
    assert all(target.startswith(small.server.url) for target in second.targets)


def test_a_dead_proxy_is_replaced_in_its_group_then_by_the_next(small: Forged, second: Server, opened: Open) -> None:
    dead = ["http://127.0.0.1:1", "http://127.0.0.1:2"]
    repository = opened(small.config(proxies=(tuple(dead), (second.url,)), max_retries=0))
    assert repository.read(b"/a") == b"A"
    assert second.requests
    assert small.server.requests == []


def test_direct_is_a_proxy_group_like_others(small: Forged, opened: Open) -> None:
    repository = opened(small.config(proxies=(("http://127.0.0.1:1",), ("DIRECT",)), max_retries=0))
    assert repository.read(b"/a") == b"A"


def test_a_proxy_that_cannot_reach_the_server_is_blamed_itself(small: Forged, second: Server, opened: Open) -> None:
    second.fault("*", Fault(status=503, headers={"X-Squid-Error": "ERR_CONNECT_FAIL 111"}))
    repository = opened(small.config(proxies=((second.url,), ("DIRECT",))))
    assert repository.read(b"/a") == b"A"
    assert len(second.requests) == 1


def test_the_environment_is_not_asked(small: Forged, opened: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    monkeypatch.delenv("no_proxy", raising=False)
    assert opened(small.config()).read(b"/a") == b"A"


def test_requests_look_like_those_of_a_client(small: Forged, opened: Open) -> None:
    opened(small.config()).read(b"/a")
    for headers in small.server.headers:
        assert headers["User-Agent"].startswith("cvmfs libcvmfs 2.12.0 parrot_py/")
        assert not {"Accept-Encoding", "Pragma", "Cookie"} & headers.keys()


def test_external_ranges_need_a_server_that_knows_them(site: Site, opened: Open, caplog: Log) -> None:
    repository = opened(site.config(SHAKE))
    inode = repository.lookup(b"/external/chunked5m")
    site.server.fault("/ext/*", Fault(status=201))
    refused(caplog, lambda: repository.materialise(inode), "does not answer Range requests")


def test_external_files_are_verified(site: Site, opened: Open, caplog: Log) -> None:
    repository = opened(site.config(SHAKE))
    site.server.fault("/ext/*", Fault(flip=10))
    for path in (b"/external/small.txt", b"/external/chunked5m"):
        inode = repository.lookup(path)
        refused(caplog, lambda inode=inode: repository.materialise(inode), "external file /external/.*: hash mismatch")  # type: ignore[misc]


def test_external_files_need_an_external_server(site: Site, opened: Open, caplog: Log) -> None:
    repository = opened(site.config(SHAKE, external_urls=()))
    refused(caplog, lambda: repository.read(b"/external/small.txt"), "no server is configured")


def test_a_missing_file_url_is_like_404(small: Forged, opened: Open, caplog: Log) -> None:
    refused(caplog, lambda: opened(small.config(urls=("file:///no/where",))).lookup(b""), "no such file")
    config = small.config(urls=("file:///no/where", f"file://{small.forge.directory}"))
    assert opened(config).read(b"/a") == b"A"


def test_closing_ends_the_pauses(small: Forged, opened: Open) -> None:
    small.server.fault("*", Fault(drop=True))
    repository = opened(small.config(backoff_init=30.0, backoff_max=30.0, deadline=60.0, max_retries=50))
    failed = threading.Event()

    def look() -> None:
        with pytest.raises(OSError, match="Errno 5"):
            repository.lookup(b"")
        failed.set()

    threading.Thread(target=look, daemon=True).start()
    eventually(lambda: bool(small.server.requests), what="the first request")
    repository.close()
    assert failed.wait(25)

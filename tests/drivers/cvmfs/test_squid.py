"""The same decisions with a real squid: what it answers for its own troubles, what it keeps, and when it dies."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Callable

import pytest

from parrot_py.config.model import RepositoryConfig
from parrot_py.drivers.cvmfs import Repository
from parrot_py.drivers.cvmfs.net.fetch import Fetcher
from parrot_py.drivers.cvmfs.net.tls import Credentials
from parrot_py.drivers.cvmfs.trouble import Failure
from tests.drivers.cvmfs.conftest import Forged
from tests.drivers.cvmfs.ways import CONTENT, Ways
from tests.support.httpd import Fault, Server
from tests.support.squid import Squid
from tests.support.tls import self_signed

Open = Callable[[RepositoryConfig], Repository]
FILES, THREADS = 5_000, 8
KEPT = {"Cache-Control": "max-age=1000"}


@pytest.fixture
def squid(home: Path) -> Iterator[Squid]:
    with Squid(home) as squid:
        yield squid


def test_what_it_has_it_gives_without_asking(ways: Ways, squid: Squid) -> None:
    ways.server["a"].fault("*", Fault(headers=KEPT))
    for _ in range(3):
        assert ways.get(ways.fetcher("a", squid.url)) == CONTENT
    assert ways.asked == ["a"]
    assert "Via" in ways.server["a"].headers[0]


def test_what_it_keeps_damaged_is_asked_for_past_it(ways: Ways, squid: Squid) -> None:
    ways.server["a"].fault("*", Fault(headers=KEPT))
    ways.server["a"].fault("*", Fault(headers=KEPT, flip=5), times=1)
    assert ways.get(ways.fetcher("a", squid.url)) == CONTENT
    assert ways.get(ways.fetcher("a", squid.url)) == CONTENT
    assert ways.asked == ["a", "a!"]


def test_a_server_that_it_cannot_reach_is_its_own_error(ways: Ways, squid: Squid) -> None:
    ways.server["a"].kill()
    fetcher = ways.fetcher("ab", f"{squid.url};p")
    assert ways.get(fetcher) == CONTENT
    assert ways.asked == ["p:a"]
    assert (fetcher.statistics.proxy_failovers, fetcher.statistics.host_failovers) == (1, 0)
    squid.wait_logged("/503 ")


def test_when_no_proxy_reaches_it_the_next_server_is_asked(ways: Ways, squid: Squid) -> None:
    ways.server["a"].kill()
    fetcher = ways.fetcher("ab", squid.url)
    assert ways.get(fetcher) == CONTENT
    assert ways.asked == ["b"]
    assert "Via" in ways.server["b"].headers[0]


def test_an_error_of_the_server_passes_through(ways: Ways, squid: Squid) -> None:
    ways.server["a"].fault("*", Fault(status=503, body=b"busy"))
    fetcher = ways.fetcher("ab", f"{squid.url};p")
    assert ways.get(fetcher) == CONTENT
    assert ways.asked == ["a", "b"]
    assert fetcher.statistics.proxy_failovers == 0


def test_what_it_forbids_goes_by_another_way(ways: Ways, squid: Squid) -> None:
    with pytest.raises(Failure, match=r"through .*status 403"):
        ways.fetcher("a", squid.url).document("forbidden")
    fetcher = ways.fetcher("a", f"{squid.url};p")
    with pytest.raises(Failure, match="404"):
        fetcher.document("forbidden")
    assert ways.asked == ["p:a"]
    assert all("TCP_DENIED/403" in line for line in squid.log() if "forbidden" in line)


def test_a_transfer_that_breaks_behind_it_is_repeated(ways: Ways, squid: Squid) -> None:
    ways.server["a"].fault("*", Fault(truncate=50), times=1)
    fetcher = ways.fetcher("a", squid.url)
    assert ways.get(fetcher) == CONTENT
    assert fetcher.statistics.retries == 1


def test_connections_to_it_are_used_again(ways: Ways, squid: Squid) -> None:
    fetcher = ways.fetcher("a", squid.url)
    for _ in range(30):
        ways.get(fetcher)
    assert ways.server["a"].connections == 1


@pytest.mark.slow
def test_nobody_notices_when_it_is_killed(forged: Forged, squid: Squid, opened: Open) -> None:
    """A walk of many files by several threads; the proxy dies in the middle of it."""
    forge = forged.forge
    forge.publish([forge.file(b"/%d" % n, b"content of %d" % n) for n in range(FILES)])
    repository = opened(forged.config(proxies=((squid.url,), ("DIRECT",))))
    names = [path for path, inode in repository.walk() if inode.is_regular]
    assert len(names) == FILES

    def read(path: bytes) -> bool:
        if path == b"/1000":
            squid.kill()
        return repository.read(path) == b"content of " + path[1:]

    with ThreadPoolExecutor(THREADS) as pool:
        assert all(pool.map(read, sorted(names, key=lambda path: int(path[1:]))))
    through = [headers for headers in forged.server.headers if "Via" in headers]
    assert 500 < len(through) < FILES
    statistics = repository.fetcher.statistics
    assert statistics.proxy_failovers == 1
    assert statistics.retries <= 2 * THREADS
    # Nothing was fetched twice but what was under way.
    assert forged.server.count("*/data/*") <= FILES + 2 + 2 * THREADS


@pytest.fixture
def secure(tmp_path: Path) -> Iterator[tuple[Server, Path]]:
    """A server with TLS, and the certificate that vouches for it."""
    pem = self_signed(tmp_path / "server.pem")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    (tmp_path / "tls").mkdir()
    (tmp_path / "tls" / "x").write_bytes(b"over TLS")
    with Server(tmp_path / "tls", tls=context) as server:
        yield server, pem


def test_https_goes_through_it_unseen(ways: Ways, squid: Squid, secure: tuple[Server, Path]) -> None:
    server, pem = secure
    config = ways.config("a", squid.url, urls=(server.url,), ca_bundle=pem)
    fetcher = Fetcher(config, lambda: Credentials(token="secret"))
    assert fetcher.document("x")[0] == b"over TLS"
    assert server.headers[0]["Authorization"] == "Bearer secret"
    assert "Via" not in server.headers[0]
    fetcher.close()
    squid.wait_logged("TCP_TUNNEL/200")


def test_a_certificate_is_the_servers_affair_also_behind_it(
    ways: Ways, squid: Squid, secure: tuple[Server, Path]
) -> None:
    fetcher = ways.fetcher("a", f"{squid.url};p", urls=(secure[0].url, ways.url("a") + "/r"))
    assert ways.get(fetcher) == CONTENT
    assert ways.asked == ["a"]
    assert (fetcher.statistics.proxy_failovers, fetcher.statistics.host_failovers) == (0, 1)


def test_a_tunnel_that_it_cannot_dig_is_its_own_error(ways: Ways, squid: Squid) -> None:
    fetcher = ways.fetcher("a", f"{squid.url};http://127.0.0.1:1", urls=("https://127.0.0.1:1",), max_retries=0)
    with pytest.raises(Failure, match="503"):
        ways.get(fetcher)
    assert fetcher.statistics.proxy_failovers == 1

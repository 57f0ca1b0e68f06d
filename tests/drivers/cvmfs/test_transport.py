"""Single transfers: connections, what is sent, what is accepted."""

from __future__ import annotations

import base64
import os
import re
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Callable

import pytest

from parrot_py.config.model import RepositoryConfig
from parrot_py.drivers.cvmfs.ending import Ending
from parrot_py.drivers.cvmfs.net.outcome import SLOW, TransferError
from parrot_py.drivers.cvmfs.net.patience import Patience
from parrot_py.drivers.cvmfs.net.routes import Hop
from parrot_py.drivers.cvmfs.net.tls import CredentialSource
from parrot_py.drivers.cvmfs.net.transport import PARALLEL_TRANSFERS, Request, Transport
from tests.support.httpd import Fault, Server
from tests.support.processes import eventually


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    (tmp_path / "small").write_bytes(b"small")
    (tmp_path / "big").write_bytes(bytes(3_000_000))
    with Server(tmp_path) as server:
        yield server


Make = Callable[..., Transport]


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    """Makes transports with the given parts of a configuration."""
    made: list[Transport] = []

    def transport(credentials: CredentialSource | None = None, **changes: Any) -> Transport:
        config = RepositoryConfig("a.parrot.test", (), (), tmp_path / "cache", **changes)
        made.append(Transport(config, Ending(), credentials))
        return made[-1]

    yield transport
    for transport_ in made:
        transport_.close()


@pytest.fixture
def transport(make: Make) -> Transport:
    return make()


def get(transport: Transport, server: Server, path: str, within: float = 10.0) -> bytes:
    return b"".join(transport.get(Request(Hop(server.url), server.url + path, {}, Patience(within), 30.0)))


def test_connections_are_used_again(server: Server, transport: Transport) -> None:
    for _ in range(20):
        assert get(transport, server, "/small") == b"small"
    assert server.connections == 1


def test_no_more_than_the_allowed_number_run_at_a_time(server: Server, transport: Transport) -> None:
    release = threading.Event()
    server.fault("/small", Fault(hold=release))
    with ThreadPoolExecutor(3 * PARALLEL_TRANSFERS) as pool:
        running = [pool.submit(get, transport, server, "/small") for _ in range(3 * PARALLEL_TRANSFERS)]
        eventually(lambda: len(server.requests) >= PARALLEL_TRANSFERS)
        with pytest.raises(TransferError, match="waiting for other transfers") as refused:
            get(transport, server, "/small", within=0.05)
        assert refused.value.kind == SLOW
        assert len(server.requests) == PARALLEL_TRANSFERS
        release.set()
        assert {future.result(60) for future in running} == {b"small"}
    assert server.connections == PARALLEL_TRANSFERS


def test_an_abandoned_transfer_frees_its_place(server: Server, transport: Transport) -> None:
    for _ in range(2 * PARALLEL_TRANSFERS):
        blocks = transport.get(Request(Hop(server.url), server.url + "/big", {}, Patience(10), 2.0))
        next(blocks)
        blocks.close()
    assert len(get(transport, server, "/big")) == 3_000_000


def test_cookies_are_not_kept(server: Server, transport: Transport) -> None:
    server.fault("*", Fault(headers={"Set-Cookie": "track=1"}))
    get(transport, server, "/small")
    get(transport, server, "/small")
    assert "Cookie" not in server.headers[1]


def test_the_deadline_counts_in_the_middle_of_a_body(server: Server, transport: Transport) -> None:
    server.fault("/big", Fault(trickle=0.01))
    began = time.monotonic()
    with pytest.raises(TransferError, match="timed out"):
        get(transport, server, "/big", within=0.4)
    assert time.monotonic() - began < 30


def test_requests_carry_what_is_configured(make: Make, server: Server) -> None:
    headers = (("X", "y\r\nEvil: 1"), ("not-a-key", "z"), ("site", "here"))
    get(make(uuid="0-1-2", http_tracing=True, http_tracing_headers=headers), server, "/small")
    sent = server.headers[0]
    assert re.fullmatch(r"cvmfs libcvmfs 2\.12\.0 parrot_py/\S+ 0-1-2", sent["User-Agent"])
    assert sent["Connection"] == "Keep-Alive"
    assert (sent["X-CVMFS-PID"], sent["X-CVMFS-UID"]) == (str(os.getpid()), str(os.getuid()))
    assert (sent["X-CVMFS-X"], sent["X-CVMFS-site"]) == ("y__Evil: 1", "here")
    assert not {"Accept-Encoding", "Evil", "X-CVMFS-not-a-key"} & sent.keys()


def test_long_tracing_headers_are_left_out(make: Make, server: Server) -> None:
    get(make(http_tracing=True, http_tracing_headers=(("a", "1"), ("b", "2" * 1000))), server, "/small")
    assert {name for name in server.headers[0] if len(name) == len("X-CVMFS-a")} == {"X-CVMFS-a"}


def test_connections_are_used_again_after_an_error(server: Server, transport: Transport) -> None:
    server.fault("/missing", Fault(status=404, body=b"gone"))
    for _ in range(3):
        with pytest.raises(TransferError, match="404"):
            get(transport, server, "/missing")
    assert get(transport, server, "/small") == b"small"
    assert server.connections == 1


def test_an_answer_that_states_to_be_too_long_is_not_read(server: Server, transport: Transport) -> None:
    request = Request(Hop(server.url), server.url + "/big", {}, Patience(10), 2.0, limit=1000)
    with pytest.raises(TransferError, match="longer than 1000 bytes"):
        next(transport.get(request))


def test_the_end_cuts_a_transfer_and_those_that_wait(server: Server, tmp_path: Path) -> None:
    ending = Ending()
    transport = Transport(RepositoryConfig("a.parrot.test", (), (), tmp_path), ending)
    hold = threading.Event()
    server.fault("/small", Fault(hold=hold))
    began = time.monotonic()
    with ThreadPoolExecutor(20) as pool:
        running = [pool.submit(get, transport, server, "/small", 60) for _ in range(20)]
        eventually(lambda: len(server.requests) >= PARALLEL_TRANSFERS)
        ending.come()
        transport.close()
        for future in running:
            with pytest.raises(TransferError):
                future.result(60)
    hold.set()
    assert time.monotonic() - began < 30


def test_a_proxy_may_want_a_password(make: Make, server: Server) -> None:
    proxy = server.url.replace("//", "//user%40site:p%20w@")
    for document in (True, False):
        request = Request(
            Hop("http://far.test", proxy), "http://far.test/small", {}, Patience(10), 2.0, document=document
        )
        assert b"".join(make().get(request)) == b"small"
        assert server.headers[-1]["Proxy-Authorization"] == "Basic " + base64.b64encode(b"user@site:p w").decode()
        assert server.targets[-1] == "http://far.test/small"


def test_ipv6_addresses_are_addresses_too(make: Make) -> None:
    try:
        listener = socket.create_server(("::1", 0), family=socket.AF_INET6)
    except OSError:
        pytest.skip("there is no IPv6 here")
    heard: list[bytes] = []

    def serve() -> None:
        connection, _ = listener.accept()
        with connection:
            heard.append(connection.recv(4096))
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")

    with listener:
        threading.Thread(target=serve, daemon=True).start()
        url = f"http://[::1]:{listener.getsockname()[1]}"
        assert b"".join(make().get(Request(Hop(url), url + "/x", {}, Patience(10), 2.0))) == b"ok"
    assert f"Host: [::1]:{url.rpartition(':')[2]}\r\n".encode() in heard[0]

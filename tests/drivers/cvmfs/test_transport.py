"""Single transfers: connections, what is sent, what is accepted."""

from __future__ import annotations

import base64
import os
import re
import shutil
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta, timezone
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Callable

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from parrot_py.config.model import RepositoryConfig
from parrot_py.drivers.cvmfs.ending import Ending
from parrot_py.drivers.cvmfs.net.outcome import CONNECT, HTTP, SLOW, TransferError
from parrot_py.drivers.cvmfs.net.patience import Patience
from parrot_py.drivers.cvmfs.net.routes import Hop
from parrot_py.drivers.cvmfs.net.tls import Credentials, CredentialSource
from parrot_py.drivers.cvmfs.net.transport import PARALLEL_TRANSFERS, Request, Transport
from tests.support.httpd import Fault, Server


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
        while len(server.requests) < PARALLEL_TRANSFERS:
            time.sleep(0.005)
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


def self_signed(path: Path) -> Path:
    """A certificate for 127.0.0.1 that nobody vouches for, with its key."""
    key = rsa.generate_private_key(65537, 2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(timezone.utc)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(1).not_valid_before(now - timedelta(1)).not_valid_after(now + timedelta(1))
    alternative = x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))])
    certificate = builder.add_extension(alternative, critical=False).sign(key, SHA256())
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    path.write_bytes(private + certificate.public_bytes(Encoding.PEM))
    return path


@pytest.fixture(scope="module")
def pem(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return self_signed(tmp_path_factory.mktemp("tls") / "server.pem")


@pytest.fixture
def secure(tmp_path: Path, pem: Path) -> Iterator[Server]:
    """A server with TLS."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    (tmp_path / "small").write_bytes(b"small")
    (tmp_path / "big").write_bytes(bytes(10_000))
    with Server(tmp_path, tls=context) as server:
        yield server


def test_certificates_of_tls_servers_are_checked(make: Make, secure: Server, pem: Path) -> None:
    assert get(make(ca_bundle=pem), secure, "/small") == b"small"
    for transport in (make(), make(system_ca=True)):
        with pytest.raises(TransferError, match="certificate verify failed") as failed:
            get(transport, secure, "/small")
        assert failed.value.kind == CONNECT
        assert not failed.value.proxy
    assert secure.requests == ["/small"]


def test_authorities_may_be_a_directory_of_hashed_names(make: Make, secure: Server, pem: Path, tmp_path: Path) -> None:
    if not shutil.which("openssl"):
        pytest.skip("there is no openssl program to find the hashed name with")
    directory = tmp_path / "certificates"
    directory.mkdir()
    with pytest.raises(TransferError, match="certificate verify failed"):
        get(make(ca_dir=directory), secure, "/small")
    name = subprocess.run(["openssl", "x509", "-hash", "-noout", "-in", pem], capture_output=True, check=True).stdout
    (directory / f"{name.decode().strip()}.0").write_bytes(pem.read_bytes())
    assert get(make(ca_dir=directory), secure, "/small") == b"small"


@pytest.mark.parametrize("setting", ["ca_dir", "ca_bundle"])
def test_authorities_that_are_missing_are_named(make: Make, secure: Server, tmp_path: Path, setting: str) -> None:
    missing = tmp_path / "missing"
    with pytest.raises(TransferError, match=f"certificate authorities {missing}: No such file") as failed:
        get(make(**{setting: missing}), secure, "/small")
    assert failed.value.kind == CONNECT


def test_the_deadline_counts_over_tls_too(make: Make, secure: Server, pem: Path) -> None:
    transport = make(ca_bundle=pem)
    secure.fault("/big", Fault(trickle=0.01))
    began = time.monotonic()
    with pytest.raises(TransferError, match="timed out"):
        get(transport, secure, "/big", within=0.6)
    assert time.monotonic() - began < 30


def test_tokens_are_shown_over_tls_only(make: Make, secure: Server, server: Server, pem: Path) -> None:
    transport = make(lambda: Credentials(token="secret"), ca_bundle=pem)
    get(transport, secure, "/small")
    get(transport, server, "/small")
    assert secure.headers[0]["Authorization"] == "Bearer secret"
    assert "Authorization" not in server.headers[0]


@pytest.mark.parametrize("form", ["file", "text"])
def test_a_proxy_certificate_is_shown(make: Make, pem: Path, tmp_path: Path, form: str) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    context.load_verify_locations(pem)
    context.verify_mode = ssl.CERT_REQUIRED
    (tmp_path / "small").write_bytes(b"small")
    with Server(tmp_path, tls=context) as server:
        with pytest.raises(TransferError):
            get(make(ca_bundle=pem), server, "/small")
        shown = Credentials(x509=pem if form == "file" else pem.read_bytes())
        assert get(make(lambda: shown, ca_bundle=pem), server, "/small") == b"small"


def test_redirections_are_a_servers_error_unless_they_are_wanted(server: Server, make: Make) -> None:
    server.fault("/a", Fault(status=302, headers={"Location": "/small"}))
    with pytest.raises(TransferError, match="status 302") as failed:
        get(make(), server, "/a")
    assert (failed.value.kind, failed.value.proxy) == (HTTP, False)
    assert get(make(follow_redirects=True), server, "/a") == b"small"


@pytest.mark.parametrize(("status", "followed"), [(301, 1), (302, 1), (303, 1), (307, 1), (300, 0), (304, 0), (308, 0)])
def test_some_redirections_are_followed(server: Server, make: Make, status: int, followed: int) -> None:
    server.fault("/a", Fault(status=status, body=b"", headers={"Location": "/small"}))
    transport = make(follow_redirects=True)
    if followed:
        assert get(transport, server, "/a") == b"small"
    else:
        with pytest.raises(TransferError, match=f"status {status}"):
            get(transport, server, "/a")
    assert len(server.requests) == 1 + followed


def test_four_redirections_are_followed_and_a_loop_ends(server: Server, make: Make) -> None:
    for at in range(4):
        server.fault(f"/{at}", Fault(status=301, body=b"", headers={"Location": f"{server.url}/{at + 1}"}))
    server.fault("/4", Fault(body=b"arrived"))
    transport = make(follow_redirects=True)
    assert get(transport, server, "/0") == b"arrived"
    server.fault("/4", Fault(status=301, body=b"", headers={"Location": "/0"}))
    with pytest.raises(TransferError, match="more than 4 redirections") as failed:
        get(transport, server, "/0")
    assert failed.value.kind == CONNECT
    assert len(server.requests) == 10
    assert server.connections == 1


def test_redirections_never_lead_out_of_the_web_or_of_tls(
    server: Server, secure: Server, make: Make, pem: Path
) -> None:
    transport = make(follow_redirects=True, ca_bundle=pem)
    for place in ("file:///etc/passwd", "ftp://127.0.0.1/x"):
        server.fault("/a", Fault(status=302, headers={"Location": place}), times=1)
        with pytest.raises(TransferError, match="not followed"):
            get(transport, server, "/a")
    secure.fault("/a", Fault(status=302, headers={"Location": f"{server.url}/small"}))
    with pytest.raises(TransferError, match="not followed"):
        get(transport, secure, "/a")
    assert "/small" not in server.requests


def test_a_token_does_not_follow_to_another_server(make: Make, tmp_path: Path, secure: Server, pem: Path) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    with Server(tmp_path, tls=context) as other:
        secure.fault("/a", Fault(status=302, headers={"Location": f"{other.url}/small"}))
        secure.fault("/b", Fault(status=302, headers={"Location": "/small"}))
        transport = make(lambda: Credentials(token="secret"), ca_bundle=pem, follow_redirects=True)
        assert get(transport, secure, "/a") == get(transport, secure, "/b") == b"small"
        assert "Authorization" not in other.headers[0]
        assert secure.headers[-1]["Authorization"] == "Bearer secret"


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
        while len(server.requests) < PARALLEL_TRANSFERS:
            time.sleep(0.005)
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

"""Single transfers: connections, what is sent, what is accepted."""

from __future__ import annotations

import ssl
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta, timezone
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from parrot_py.drivers.cvmfs.patience import Patience
from parrot_py.drivers.cvmfs.routes import Hop
from parrot_py.drivers.cvmfs.transport import CONNECT, PARALLEL_TRANSFERS, SLOW, TransferError, Transport
from tests.support.httpd import Fault, Server


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    (tmp_path / "small").write_bytes(b"small")
    (tmp_path / "big").write_bytes(bytes(3_000_000))
    with Server(tmp_path) as server:
        yield server


@pytest.fixture
def transport() -> Iterator[Transport]:
    transport = Transport(2.0, 2.0)
    yield transport
    transport.close()


def get(transport: Transport, server: Server, path: str, within: float = 10.0) -> bytes:
    return b"".join(transport.get(Hop(server.url, None), server.url + path, {}, Patience(within)))


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
        assert {future.result(20) for future in running} == {b"small"}
    assert server.connections == PARALLEL_TRANSFERS


def test_an_abandoned_transfer_frees_its_place(server: Server, transport: Transport) -> None:
    for _ in range(2 * PARALLEL_TRANSFERS):
        blocks = transport.get(Hop(server.url, None), server.url + "/big", {}, Patience(10))
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
    assert time.monotonic() - began < 2


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


@pytest.mark.parametrize("trusted", [False, True])
def test_certificates_of_tls_servers_are_checked(transport: Transport, tmp_path: Path, trusted: bool) -> None:
    pem = self_signed(tmp_path / "server.pem")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    session = transport._open_session()
    session.verify = str(pem) if trusted else True
    (tmp_path / "x").write_bytes(b"over TLS")
    with Server(tmp_path, tls=context) as server:
        if trusted:
            assert get(transport, server, "/x") == b"over TLS"
            return
        with pytest.raises(TransferError, match="certificate verify failed") as failed:
            get(transport, server, "/x")
    assert failed.value.kind == CONNECT


def test_the_deadline_counts_over_tls_too(transport: Transport, tmp_path: Path) -> None:
    pem = self_signed(tmp_path / "server.pem")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    transport._open_session().verify = str(pem)
    (tmp_path / "x").write_bytes(bytes(10_000))
    with Server(tmp_path, tls=context) as server:
        server.fault("/x", Fault(trickle=0.01))
        began = time.monotonic()
        with pytest.raises(TransferError, match="timed out"):
            get(transport, server, "/x", within=0.6)
        assert time.monotonic() - began < 2

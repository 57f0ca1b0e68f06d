"""Transfers over TLS: certificates and authorities, tokens, redirections."""

from __future__ import annotations

import shutil
import ssl
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from parrot_py.drivers.cvmfs.net.outcome import CONNECT, HTTP, TransferError
from parrot_py.drivers.cvmfs.net.tls import Credentials
from tests.drivers.cvmfs.test_transport import Make, get, make, server
from tests.support.httpd import Fault, Server
from tests.support.tls import self_signed

__all__ = ["make", "server"]


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

"""One HTTP (or file) transfer: bytes as they come, every wait bounded, every failure classified.

``requests`` does the talking.  It bounds each single wait but not the sum of them, so a server that sends a byte now
and then could hold a transfer for ever; the sockets here therefore know the patience with the transfer they serve.
"""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from parrot_py import __version__
from parrot_py.drivers.cvmfs.heavy import import_requests
from parrot_py.drivers.cvmfs.patience import Patience
from parrot_py.drivers.cvmfs.routes import Hop

if TYPE_CHECKING:
    import requests

_USER_AGENT = f"cvmfs libcvmfs 2.12.0 parrot_py/{__version__}"
PARALLEL_TRANSFERS = 16
LOW_SPEED_LIMIT = 1024
BLOCK = 1 << 16

CONNECT, HTTP, NOT_FOUND, SLOW, SHORT, BAD_DATA = "connect", "http", "not found", "slow", "short", "bad data"


class TransferError(Exception):
    """A transfer failed; ``kind`` is one of the constants above, ``proxy`` says that the proxy is to blame."""

    def __init__(self, kind: str, reason: str, *, proxy: bool = False) -> None:
        super().__init__(reason)
        self.kind, self.reason, self.proxy = kind, reason, proxy


_pace = threading.local()


def _hurry(sock: socket.socket) -> None:
    """Let the next wait on *sock* end with the patience of this thread's transfer, at the latest."""
    patience: Patience | None = getattr(_pace, "patience", None)
    if patience is not None:
        left = patience.left()
        if not left:
            raise TimeoutError("patience is over")
        sock.settimeout(min(_pace.period, left))


class _BoundedSocket(socket.socket):
    def recv_into(self, *args: Any, **kwargs: Any) -> int:
        _hurry(self)
        return super().recv_into(*args, **kwargs)


def _bounded_session() -> requests.Session:
    """A session whose sockets know how long to wait, and that takes nothing from the environment."""
    import_requests()
    import ssl
    from http.cookiejar import DefaultCookiePolicy

    import requests
    from requests.adapters import HTTPAdapter
    from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
    from urllib3.connection import HTTPConnection
    from urllib3.util import SKIP_HEADER, create_urllib3_context

    class BoundedTlsSocket(ssl.SSLSocket):
        def recv_into(self, *args: Any, **kwargs: Any) -> int:
            _hurry(self)
            return super().recv_into(*args, **kwargs)

    context = create_urllib3_context()
    context.sslsocket_class = BoundedTlsSocket

    class BoundedConnection(HTTPConnection):
        def _new_conn(self) -> socket.socket:
            made = super()._new_conn()
            timeout = made.gettimeout()
            bounded = _BoundedSocket(made.family, made.type, made.proto, fileno=made.detach())
            bounded.settimeout(timeout)
            return bounded

    class BoundedPool(HTTPConnectionPool):
        ConnectionCls = BoundedConnection

    class BoundedAdapter(HTTPAdapter):
        def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
            super().init_poolmanager(*args, ssl_context=context, **kwargs)
            self.poolmanager.pool_classes_by_scheme = {"http": BoundedPool, "https": HTTPSConnectionPool}

        def proxy_manager_for(self, proxy: str, **kwargs: Any) -> Any:
            manager = super().proxy_manager_for(proxy, ssl_context=context, **kwargs)
            manager.pool_classes_by_scheme = {"http": BoundedPool, "https": HTTPSConnectionPool}
            return manager

    session = requests.Session()
    session.trust_env = False
    session.headers.clear()
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    # Bodies are hashed as they were stored, so no encoding may be negotiated, not even "identity".
    session.headers.update({"User-Agent": _USER_AGENT, "Accept": "*/*", "Accept-Encoding": SKIP_HEADER})
    for scheme in ("http://", "https://"):
        adapter = BoundedAdapter(pool_connections=8, pool_maxsize=PARALLEL_TRANSFERS, max_retries=0)
        session.mount(scheme, adapter)
    return session


class Transport:
    """The connections of one repository.  Thread-safe; at most PARALLEL_TRANSFERS run at a time."""

    def __init__(self, timeout: float, timeout_direct: float) -> None:
        self._timeout, self._timeout_direct = timeout, timeout_direct
        self._slots = threading.BoundedSemaphore(PARALLEL_TRANSFERS)
        self._lock = threading.Lock()
        self._session: requests.Session | None = None

    def get(self, hop: Hop, url: str, headers: Mapping[str, str], patience: Patience) -> Generator[bytes, None, None]:
        """The body of *url* in blocks; TransferError may come in the middle."""
        if url.startswith("file:"):
            return _file_blocks(url, headers)
        return self._http(hop, url, headers, patience)

    def _http(self, hop: Hop, url: str, headers: Mapping[str, str], patience: Patience) -> Generator[bytes, None, None]:
        period = self._timeout if hop.proxy else self._timeout_direct
        if not self._slots.acquire(timeout=patience.left()):
            raise TransferError(SLOW, "timed out while waiting for other transfers")
        _pace.patience, _pace.period = patience, period
        try:
            with _classified(hop):
                yield from self._blocks(hop, url, headers, period, patience)
        finally:
            _pace.patience = None
            self._slots.release()

    def _blocks(
        self, hop: Hop, url: str, headers: Mapping[str, str], period: float, patience: Patience
    ) -> Iterator[bytes]:
        timeout = max(0.001, min(period, patience.left()))
        proxies = {"http": hop.proxy, "https": hop.proxy} if hop.proxy else {}
        with self._open_session().get(
            url, headers=dict(headers), stream=True, timeout=timeout, proxies=proxies, allow_redirects=False
        ) as response:
            _check_status(response, hop, ranged="Range" in headers)
            yield from _body(response.raw, response.headers.get("Content-Length"), period)

    def _open_session(self) -> requests.Session:
        with self._lock:
            if self._session is None:
                self._session = _bounded_session()
            return self._session

    def close(self) -> None:
        """Drop the idle connections."""
        with self._lock:
            session, self._session = self._session, None
        if session is not None:
            session.close()


def _body(raw: Any, stated: str | None, period: float) -> Iterator[bytes]:
    """The blocks of a body as they arrive; too slow or too short is an error."""
    # read1 returns what one recv brought; read would go on until BLOCK bytes are there, however slowly they come.
    read = raw.read1
    received = window = 0
    waited = 0.0
    while True:
        began = time.monotonic()
        block = read(BLOCK, decode_content=False)
        waited += time.monotonic() - began
        if not block:
            break
        received += len(block)
        window += len(block)
        if waited >= period:
            if window < LOW_SPEED_LIMIT * period:
                raise TransferError(SLOW, f"slower than {LOW_SPEED_LIMIT} bytes a second")
            waited, window = 0.0, 0
        yield block
    if stated is not None and stated.isdecimal() and received < int(stated):
        raise TransferError(SHORT, f"answer ended after {received} of {stated} bytes")


def _check_status(response: requests.Response, hop: Hop, *, ranged: bool) -> None:
    """Raise TransferError unless the answer is what was asked for."""
    status = response.status_code
    if ranged and 200 <= status < 300 and status != 206:
        raise TransferError(HTTP, f"status {status}: the server does not answer Range requests")
    if 200 <= status < 300:
        return
    blamed = hop.proxy is not None and (
        "X-Squid-Error" in response.headers
        or "error=" in response.headers.get("Proxy-Status", "")
        or not (status in (400, 404, 429) or status >= 500)
    )
    kind = NOT_FOUND if status == 404 else CONNECT if status == 429 else HTTP
    raise TransferError(kind, f"status {status} {response.reason or ''}".rstrip(), proxy=blamed)


@contextmanager
def _classified(hop: Hop) -> Iterator[None]:
    """Turn what requests, urllib3 and sockets raise into TransferError."""
    import_requests()
    import requests
    import urllib3

    through = hop.proxy is not None
    try:
        yield
    except (requests.Timeout, urllib3.exceptions.TimeoutError, TimeoutError):
        raise TransferError(SLOW, "timed out", proxy=through) from None
    except requests.ConnectionError as error:
        raise TransferError(CONNECT, _plain(error), proxy=through) from None
    except (requests.RequestException, urllib3.exceptions.HTTPError, OSError, ValueError) as error:
        raise TransferError(SHORT, _plain(error), proxy=through) from None


def _plain(error: BaseException) -> str:
    """The innermost reason: requests wraps it three times and prints object addresses."""
    seen = error
    while True:
        inner = getattr(seen, "reason", None) or (seen.args[-1] if seen.args else None)
        if not isinstance(inner, BaseException):
            break
        seen = inner
    text = seen.strerror if isinstance(seen, OSError) and seen.strerror else str(seen).rsplit(">: ", 1)[-1]
    return " ".join(text.split())[:200] or type(seen).__name__


def _file_blocks(url: str, headers: Mapping[str, str]) -> Generator[bytes, None, None]:
    """The bytes of a ``file://`` URL, or the range of them that *headers* ask for."""
    path = unquote(urlsplit(url).path)
    first, last = 0, None
    if "Range" in headers:
        first, last = map(int, headers["Range"].partition("=")[2].split("-"))
    try:
        with open(os.fsencode(path), "rb") as file:
            file.seek(first)
            left = (last - first + 1) if last is not None else None
            while left is None or left > 0:
                block = file.read(BLOCK if left is None else min(BLOCK, left))
                if not block:
                    return
                left = None if left is None else left - len(block)
                yield block
    except FileNotFoundError:
        raise TransferError(NOT_FOUND, "no such file") from None
    except OSError as error:
        raise TransferError(CONNECT, error.strerror or str(error)) from None

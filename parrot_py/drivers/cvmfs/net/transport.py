"""One transfer over HTTP (or of a file): bytes as they come, every wait bounded, every failure classified."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Generator, Iterator, Mapping
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import unquote, urljoin, urlsplit

from parrot_py.config.model import RepositoryConfig
from parrot_py.drivers.cvmfs.ending import Ending
from parrot_py.drivers.cvmfs.heavy import import_requests
from parrot_py.drivers.cvmfs.net import headers as header_lines
from parrot_py.drivers.cvmfs.net.connections import Connections
from parrot_py.drivers.cvmfs.net.outcome import (
    BAD_DATA,
    CONNECT,
    HTTP,
    NOT_FOUND,
    REDIRECTS,
    RESOLVE,
    SHORT,
    SLOW,
    TransferError,
    refusal,
)
from parrot_py.drivers.cvmfs.net.patience import Patience
from parrot_py.drivers.cvmfs.net.resolve import Resolver
from parrot_py.drivers.cvmfs.net.routes import Hop
from parrot_py.drivers.cvmfs.net.slots import Slots
from parrot_py.drivers.cvmfs.net.sockets import TIMED_OUT, head, paced
from parrot_py.drivers.cvmfs.net.tls import Credentials, CredentialSource

if TYPE_CHECKING:
    from urllib3 import BaseHTTPResponse

PARALLEL_TRANSFERS = 16
MOST_REDIRECTS = 4
BLOCK = 1 << 16
_DRAINED = 1 << 14


class Request(NamedTuple):
    """What to get: *url* by way of *hop*.

    ``timeout`` is how long a connection, the head of an answer or any silence may take, and the time over which the
    speed is measured.  ``limit`` refuses answers that state to be longer.  ``document`` tells the few small files that
    are got by name from the many objects.
    """

    hop: Hop
    url: str
    headers: Mapping[str, str]
    patience: Patience
    timeout: float
    limit: int | None = None
    document: bool = False


class Transport:
    """The connections of one repository.  Thread-safe; at most PARALLEL_TRANSFERS run at a time."""

    def __init__(self, config: RepositoryConfig, ending: Ending, credentials: CredentialSource | None = None) -> None:
        self._config, self._ending, self._credentials = config, ending, credentials
        self._headers = header_lines.common(config)
        self.slots = Slots(PARALLEL_TRANSFERS)
        self.resolver = Resolver(config, ending)
        self._connections = Connections(config, self.resolver, ending, PARALLEL_TRANSFERS)

    def get(self, request: Request) -> Generator[bytes, None, None]:
        """The body of the answer in blocks; TransferError may come in the middle."""
        if request.url.startswith("file:"):
            return _file_blocks(request)
        return self._http(request)

    def read(self, request: Request) -> bytes:
        """The whole body of a small answer; TransferError, also when it is longer than the request's limit."""
        data = bytearray()
        with closing(self.get(request)) as blocks:
            for block in blocks:
                data += block
                if request.limit is not None and len(data) > request.limit:
                    raise TransferError(BAD_DATA, f"longer than {request.limit} bytes")
        return bytes(data)

    def _http(self, request: Request) -> Generator[bytes, None, None]:
        if request.hop.error:
            raise TransferError(RESOLVE, request.hop.error, proxy=True)
        if not self.slots.acquire(timeout=min(request.patience.left(), threading.TIMEOUT_MAX)):
            raise TransferError(SLOW, "timed out while waiting for other transfers")
        try:
            if self._ending.over:
                raise TransferError(CONNECT, "closed")
            with paced(request.patience, request.timeout), _classified(through=request.hop.proxy is not None):
                yield from self._blocks(request)
        finally:
            self.slots.release()

    def _blocks(self, request: Request) -> Iterator[bytes]:
        response = self._answer(request)
        try:
            stated = _stated(response)
            if request.limit is not None and stated is not None and stated > request.limit:
                raise TransferError(BAD_DATA, f"longer than {request.limit} bytes")
            yield from _body(response, stated, request.timeout, self._config.low_speed_limit)
        finally:
            response.close()
            response.release_conn()

    def _answer(self, request: Request) -> BaseHTTPResponse:
        """The answer, good and with its body unread, after as many redirections as may be."""
        url = request.url
        credentials = self._credentials() if self._credentials is not None and url.startswith("https:") else None
        for _ in range(MOST_REDIRECTS + 1):
            response = self._ask(request, url, credentials)
            status, proxied = response.status, request.hop.proxy is not None
            if 200 <= status < 300:
                if "Range" in request.headers and status != 206:
                    _leave(response)
                    raise TransferError(HTTP, f"status {status}: the server does not answer Range requests")
                return response
            _leave(response)
            place = response.headers.get("Location")
            if not (self._config.follow_redirects and status in REDIRECTS and place):
                raise refusal(status, response.reason or "", response.headers, proxied=proxied)
            url, previous = urljoin(url, place), url
            _check_redirect(previous, url)
            if urlsplit(url).netloc != urlsplit(previous).netloc:
                credentials = None
        raise TransferError(CONNECT, f"more than {MOST_REDIRECTS} redirections")

    def _ask(self, request: Request, url: str, credentials: Credentials | None) -> BaseHTTPResponse:
        sent = {**self._headers, **request.headers, "Accept-Encoding": _skip_header()}
        x509 = None
        if credentials is not None:
            x509 = credentials.x509
            if credentials.token:
                sent["Authorization"] = f"Bearer {credentials.token}"
        timeout = max(0.001, min(request.timeout, request.patience.left()))
        with head():
            return self._connections.open(request.hop, url, sent, timeout, document=request.document, x509=x509)

    def distrust(self) -> None:
        """Somebody sent bad data: what is left of it in idle connections must not spoil the next answer."""
        self._connections.drop_idle()

    def close(self) -> None:
        """Cut all connections."""
        self._connections.close()


def _skip_header() -> str:
    import_requests()
    from urllib3.util import SKIP_HEADER

    return SKIP_HEADER


def _check_redirect(before: str, after: str) -> None:
    """Raise TransferError unless *before* may send us to *after*: over HTTP, and never from TLS to plain text."""
    schemes = ("https:",) if before.startswith("https:") else ("http:", "https:")
    if not after.lower().startswith(schemes):
        raise TransferError(HTTP, f"redirected to {after[:200]}, which is not followed")


def _stated(response: BaseHTTPResponse) -> int | None:
    text = response.headers.get("Content-Length", "")
    return int(text) if text.isdecimal() else None


def _leave(response: BaseHTTPResponse) -> None:
    """Be done with an answer whose body nobody wants; a short one is read, so that the connection can be used again."""
    stated = _stated(response)
    if stated is not None and stated <= _DRAINED:
        response.drain_conn()
    response.close()
    response.release_conn()


def _body(response: BaseHTTPResponse, stated: int | None, period: float, least: int) -> Iterator[bytes]:
    """The blocks of a body as they arrive; too slow or too short is an error."""
    # read1 returns what one recv brought; read would go on until BLOCK bytes are there, however slowly they come.
    received = window = 0
    waited = 0.0
    while True:
        began = time.monotonic()
        block = response.read1(BLOCK, decode_content=False)
        waited += time.monotonic() - began
        if not block:
            break
        received += len(block)
        window += len(block)
        if waited >= period:
            if window < least * period:
                raise TransferError(SLOW, f"slower than {least} bytes a second")
            waited, window = 0.0, 0
        yield block
    if stated is not None and received < stated:
        raise TransferError(SHORT, f"answer ended after {received} of {stated} bytes")


@contextmanager
def _classified(*, through: bool) -> Iterator[None]:
    """Turn what urllib3 and sockets raise into TransferError; *through* a proxy means that it is to blame.

    Only a server's certificate is the server's own affair.
    """
    import_requests()
    import urllib3.exceptions as ours

    try:
        yield
    except TransferError as error:
        blamed = error.proxy or (through and error.kind in (SLOW, SHORT))
        raise TransferError(error.kind, error.reason, proxy=blamed) from None
    except (ours.TimeoutError, *TIMED_OUT):
        raise TransferError(SLOW, "timed out", proxy=through) from None
    except ours.SSLError as error:
        raise TransferError(CONNECT, _plain(error)) from None
    except ours.ProxyError as error:
        raise TransferError(CONNECT, _plain(error), proxy=True) from None
    except (ours.HTTPError, OSError, ValueError) as error:
        raise TransferError(SHORT, _plain(error), proxy=through) from None


def _plain(error: BaseException) -> str:
    """The innermost reason: exceptions come wrapped in others, and print object addresses."""
    seen = error
    while True:
        inner = getattr(seen, "reason", None) or (seen.args[-1] if seen.args else None)
        if not isinstance(inner, BaseException):
            break
        seen = inner
    text = seen.strerror if isinstance(seen, OSError) and seen.strerror else str(seen).rsplit(">: ", 1)[-1]
    return " ".join(text.split())[:200] or type(seen).__name__


def _file_blocks(request: Request) -> Generator[bytes, None, None]:
    """The bytes of a ``file://`` URL, or the range of them that is asked for."""
    path = unquote(urlsplit(request.url).path, errors="surrogateescape")
    first, last = 0, None
    if "Range" in request.headers:
        first, last = map(int, request.headers["Range"].partition("=")[2].split("-"))
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

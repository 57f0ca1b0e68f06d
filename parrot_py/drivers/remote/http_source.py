"""Files at plain URLs: ``/http/host[:port]/path`` (and ``/https/…``), as the original Parrot had them.

A server of the web tells of one name at a time, and lists nothing: what is not the end of a path is a directory that
looks empty.  Source of names and errors: section 2.5 of the interface document.
"""

from __future__ import annotations

import errno
import os
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING
from urllib.parse import quote, urljoin, urlsplit

from parrot_py.config.model import DIRECT
from parrot_py.drivers import deadline, tasks
from parrot_py.drivers.base import place
from parrot_py.drivers.cvmfs.cache.transaction import Transaction
from parrot_py.drivers.cvmfs.heavy import import_requests
from parrot_py.drivers.cvmfs.net.statistics import BYTES, FAILURES, REQUESTS, Statistics
from parrot_py.drivers.cvmfs.trouble import Failure, log
from parrot_py.drivers.hostnames import leads_to_a_host
from parrot_py.drivers.remote.http_facts import check, conditions, date, identity, lasts, strong
from parrot_py.drivers.remote.source import DIRECTORY, FILE, Fact, text

if TYPE_CHECKING:
    from requests import Response, Session

MOST_REDIRECTS = 5
_REDIRECTS = (301, 302, 303, 307, 308)
_BLOCK = 1 << 16
_LEAST_SPEED = 1024
_ATTEMPTS = 3
# What may stand in a URL as it is: the job writes paths, in which `%` and `?` mean what they mean to a browser.
_UNQUOTED = "/?&=%:;@!$'()*+,~[]-._"
_NO_HEAD = (405, 501)
_MOST_REMEMBERED = 1 << 16


class HttpSource:
    """All servers of one *scheme*; thread-safe.

    *proxies* are groups as the configuration has them, tried in order; *timeout* (seconds) is for connections and
    silence, *patience* for getting on at all; *authorities* is a file or directory of CA certificates.
    """

    def __init__(
        self,
        scheme: str,
        proxies: Sequence[Sequence[str]] = ((DIRECT,),),
        timeout: float = 10.0,
        patience: float = 60.0,
        authorities: str | None = None,
    ) -> None:
        self.name = scheme
        self.statistics = Statistics()
        self._ways = [proxy for group in proxies for proxy in group]
        self._timeout, self._patience, self._authorities = timeout, patience, authorities
        self._sessions = threading.local()
        self._began = int(time.time()) * 10**9
        self._last: dict[bytes, Fact] = {}
        self._closed = False

    def place(self, path: bytes) -> str:
        """See :meth:`Source.place`."""
        return place(f"{self.name}:/{os.fsdecode(path)}")

    def passage(self, path: bytes) -> bool:
        """See :meth:`Source.passage`: any name may have something below it."""
        return leads_to_a_host(path)

    def look(self, path: bytes) -> Fact:
        """See :meth:`Source.look`: EACCES, EINVAL, ENOENT … as :func:`errno_of` has it."""
        if path.count(b"/") < 2:
            if path and not self.passage(path):
                raise OSError(errno.ENOENT, os.strerror(errno.ENOENT), path)
            return Fact(DIRECTORY, mode=0o555, mtime_ns=self._began)
        before = self._last.get(path)
        with self._asked("HEAD", path, conditions(before)) as (response, _):
            if response.status_code == 304 and before is not None:
                return before._replace(lasts=lasts(response.headers))
            if response.status_code in _NO_HEAD:
                with self._asked("GET", path, {}) as (whole, _):
                    return self._noted(path, whole)
            return self._noted(path, response)

    def _noted(self, path: bytes, response: Response) -> Fact:
        check(response.status_code, path)
        length = response.headers.get("Content-Length", "")
        size = int(length) if length.isdecimal() and "Content-Encoding" not in response.headers else None
        mtime = date(response.headers.get("Last-Modified"))
        fact = Fact(
            FILE,
            size,
            self._began if mtime is None else mtime,
            identity(response.headers),
            0o555,
            lasts=lasts(response.headers),
        )
        if len(self._last) >= _MOST_REMEMBERED:
            self._last.clear()
        self._last[path] = fact
        return fact

    def list(self, path: bytes) -> Sequence[tuple[bytes, Fact]]:  # noqa: ARG002 - wherever it is
        """See :meth:`Source.list`: a web server lists nothing."""
        return []

    # -- content

    def fetch(self, path: bytes, fact: Fact, txn: Transaction) -> None:
        """See :meth:`Source.fetch`.  What was cut off is gone on with where the server takes part in that."""
        done, attempts = 0, 0
        began = time.monotonic()
        while True:
            before = done
            try:
                for block in self._blocks(path, fact, done):
                    txn.write(block)
                    done += len(block)
                    if time.monotonic() - began > deadline.seconds(self._patience) + done / _LEAST_SPEED:
                        raise Failure(f"{text(path)}: slower than {_LEAST_SPEED} bytes a second", errno.ETIMEDOUT)
            except _Cut as cut:
                attempts = 0 if done > before else attempts + 1
                if attempts >= _ATTEMPTS:
                    raise Failure(f"{text(path)}: {cut}", errno.ECONNRESET, unreachable=True) from None
                if not strong(fact.identity):
                    txn.restart()
                    done = 0
                continue
            break
        if fact.size is not None and done != fact.size:
            raise Failure(f"{text(path)}: {done} bytes instead of {fact.size}", errno.ESTALE, untrusted=True)

    def _blocks(self, path: bytes, fact: Fact, start: int) -> Iterator[bytes]:
        import requests
        import urllib3

        headers = {"Range": f"bytes={start}-", "If-Range": strong(fact.identity)} if start else {}
        with self._asked("GET", path, headers) as (response, transfer):
            if not 200 <= response.status_code < 300:
                raise Failure(f"{text(path)}: status {response.status_code}", errno.ESTALE)
            if identity(response.headers) != fact.identity or (start and response.status_code != 206):
                raise Failure(f"{text(path)}: changed while it was read", errno.ESTALE, untrusted=True)
            length = response.headers.get("Content-Length", "")
            received = 0
            try:
                for block in response.raw.stream(_BLOCK, decode_content="Content-Encoding" in response.headers):
                    received += len(block)
                    transfer.received += len(block)
                    self.statistics.went(BYTES, transfer.host, transfer.proxy, len(block))
                    yield block
            except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
                raise _Cut(_plain(error)) from None
            if length.isdecimal() and received < int(length):
                raise _Cut(f"answer ended after {received} of {length} bytes")

    # -- requests

    @contextmanager
    def _asked(self, method: str, path: bytes, headers: Mapping[str, str]) -> Iterator[tuple[Response, tasks.Transfer]]:
        """The answer to a request, after redirections, by the first proxy that gives one; Failure where none does."""
        host, _, rest = path[1:].partition(b"/")
        url = f"{self.name}://{host.decode('ascii', 'replace')}/{quote(rest, safe=_UNQUOTED)}"
        server = f"{self.name}://{host.decode('ascii', 'replace')}"
        with ExitStack() as stack:
            transfer = stack.enter_context(tasks.transferring(f"file {text(path)}", server))
            yield stack.enter_context(self._by_some_way(method, url, headers, transfer)), transfer

    def _by_some_way(self, method: str, url: str, headers: Mapping[str, str], transfer: tasks.Transfer) -> Response:
        trouble: list[str] = []
        code = errno.ECONNRESET
        for proxy in self._ways:
            transfer.proxy = "" if proxy == DIRECT else proxy
            way = (transfer.host, transfer.proxy)
            self.statistics.went(REQUESTS, *way)
            try:
                return self._follow(method, url, headers, proxy)
            except _Cut as cut:
                self.statistics.went(FAILURES, *way)
                trouble.append(str(cut) if proxy == DIRECT else f"through {proxy}: {cut}")
                code = cut.code
        raise Failure(f"{url}: {'; '.join(trouble)}", code, unreachable=True)

    def _follow(self, method: str, url: str, headers: Mapping[str, str], proxy: str) -> Response:
        for _ in range(MOST_REDIRECTS + 1):
            response = self._send(method, url, headers, proxy)
            place = response.headers.get("Location")
            if response.status_code not in _REDIRECTS or not place:
                return response
            response.close()
            url, before = urljoin(url, place), url
            if urlsplit(url).scheme not in (("https",) if before.startswith("https:") else ("http", "https")):
                raise Failure(f"{before}: redirected to {url[:200]}, which is not followed")
        raise Failure(f"{url}: more than {MOST_REDIRECTS} redirections", errno.ELOOP)

    def _send(self, method: str, url: str, headers: Mapping[str, str], proxy: str) -> Response:
        import_requests()
        import requests

        if self._closed:
            raise Failure(f"{url}: closed")
        proxies = {} if proxy == DIRECT else {"http": proxy, "https": proxy}
        try:
            response = self._session().request(
                method,
                url,
                headers={"Accept-Encoding": "identity", **headers},
                proxies=proxies,
                timeout=self._timeout,
                stream=True,
                allow_redirects=False,
                verify=self._authorities or True,
            )
        except requests.Timeout as error:
            raise _Cut(_plain(error), errno.ETIMEDOUT) from None
        except (requests.RequestException, ValueError) as error:
            raise _Cut(_plain(error)) from None
        log.debug("%s %s: %d", method, url, response.status_code)
        return response

    def _session(self) -> Session:
        session: Session | None = getattr(self._sessions, "session", None)
        if session is None:
            import requests

            session = self._sessions.session = requests.Session()
            session.trust_env = False  # the environment is read in config/ only
        return session

    def close(self) -> None:
        """See :meth:`Source.close`."""
        self._closed = True


class _Cut(Exception):
    """A way to the server does not work, or broke; ``code`` is the errno for that."""

    def __init__(self, reason: str, code: int = errno.ECONNRESET) -> None:
        super().__init__(reason)
        self.code = code


def _plain(error: BaseException) -> str:
    reason = getattr(error.args[0], "reason", None) if error.args else None
    return " ".join(str(reason or error).rsplit(">: ", 1)[-1].split())[:200] or type(error).__name__

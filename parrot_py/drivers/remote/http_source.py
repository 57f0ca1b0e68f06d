"""Files at plain URLs: ``/http/host[:port]/path`` (and ``/https/…``), as the original Parrot had them.

A server of the web tells of one name at a time, and lists nothing: what is not the end of a path is a directory that
looks empty.  Source of names and errors: section 2.5 of the interface document.
"""

from __future__ import annotations

import errno
import os
import re
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING
from urllib.parse import quote, urljoin, urlsplit

from parrot_py.config.model import DIRECT
from parrot_py.drivers import deadline
from parrot_py.drivers.base import place
from parrot_py.drivers.cvmfs.cache.transaction import Transaction
from parrot_py.drivers.cvmfs.heavy import import_requests
from parrot_py.drivers.cvmfs.trouble import Failure, log
from parrot_py.drivers.remote.source import DIRECTORY, FILE, Fact

if TYPE_CHECKING:
    from requests import Response, Session

MOST_REDIRECTS = 5
_REDIRECTS = (301, 302, 303, 307, 308)
_BLOCK = 1 << 16
_LEAST_SPEED = 1024
_ATTEMPTS = 3
# What may stand in a URL as it is: the job writes paths, in which `%` and `?` mean what they mean to a browser.
_UNQUOTED = "/?&=%:;@!$'()*+,~[]-._"
_HOST = re.compile(rb"[A-Za-z0-9.-]+(:[0-9]{1,5})?|\[[0-9A-Fa-f:.]+\](:[0-9]{1,5})?")
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
        return _HOST.fullmatch(path.split(b"/", 2)[1]) is not None

    def look(self, path: bytes) -> Fact:
        """See :meth:`Source.look`: EACCES, EINVAL, ENOENT … as :func:`errno_of` has it."""
        if path.count(b"/") < 2:
            if path and not self.passage(path):
                raise OSError(errno.ENOENT, os.strerror(errno.ENOENT), path)
            return Fact(DIRECTORY, mode=0o555, mtime_ns=self._began)
        before = self._last.get(path)
        with self._asked("HEAD", path, _conditions(before)) as response:
            if response.status_code == 304 and before is not None:
                return before._replace(lasts=_lasts(response.headers))
            if response.status_code in _NO_HEAD:
                with self._asked("GET", path, {}) as whole:
                    return self._noted(path, whole)
            return self._noted(path, response)

    def _noted(self, path: bytes, response: Response) -> Fact:
        _check(response.status_code, path)
        length = response.headers.get("Content-Length", "")
        size = int(length) if length.isdecimal() and "Content-Encoding" not in response.headers else None
        mtime = _date(response.headers.get("Last-Modified"))
        fact = Fact(
            FILE,
            size,
            self._began if mtime is None else mtime,
            _identity(response.headers),
            0o555,
            lasts=_lasts(response.headers),
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
                        raise Failure(f"{_text(path)}: slower than {_LEAST_SPEED} bytes a second", errno.ETIMEDOUT)
            except _Cut as cut:
                attempts = 0 if done > before else attempts + 1
                if attempts >= _ATTEMPTS:
                    raise Failure(f"{_text(path)}: {cut}", errno.ECONNRESET, unreachable=True) from None
                if not _strong(fact.identity):
                    txn.restart()
                    done = 0
                continue
            break
        if fact.size is not None and done != fact.size:
            raise Failure(f"{_text(path)}: {done} bytes instead of {fact.size}", errno.ESTALE, untrusted=True)

    def _blocks(self, path: bytes, fact: Fact, start: int) -> Iterator[bytes]:
        import requests
        import urllib3

        headers = {"Range": f"bytes={start}-", "If-Range": _strong(fact.identity)} if start else {}
        with self._asked("GET", path, headers) as response:
            if not 200 <= response.status_code < 300:
                raise Failure(f"{_text(path)}: status {response.status_code}", errno.ESTALE)
            if _identity(response.headers) != fact.identity or (start and response.status_code != 206):
                raise Failure(f"{_text(path)}: changed while it was read", errno.ESTALE, untrusted=True)
            length = response.headers.get("Content-Length", "")
            received = 0
            try:
                for block in response.raw.stream(_BLOCK, decode_content="Content-Encoding" in response.headers):
                    received += len(block)
                    yield block
            except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
                raise _Cut(_plain(error)) from None
            if length.isdecimal() and received < int(length):
                raise _Cut(f"answer ended after {received} of {length} bytes")

    # -- requests

    @contextmanager
    def _asked(self, method: str, path: bytes, headers: Mapping[str, str]) -> Iterator[Response]:
        """The answer to a request, after redirections, by the first proxy that gives one; Failure where none does."""
        host, _, rest = path[1:].partition(b"/")
        url = f"{self.name}://{host.decode('ascii', 'replace')}/{quote(rest, safe=_UNQUOTED)}"
        trouble: list[str] = []
        code = errno.ECONNRESET
        for proxy in self._ways:
            try:
                response = self._follow(method, url, headers, proxy)
            except _Cut as cut:
                trouble.append(str(cut) if proxy == DIRECT else f"through {proxy}: {cut}")
                code = cut.code
                continue
            with response:
                yield response
            return
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


def errno_of(status: int) -> int:
    """The errno for an answer with *status*: the original's table, with 5xx as what they are, trouble of the server."""
    if 300 <= status < 400:
        return errno.EBUSY
    table = {401: errno.EACCES, 402: errno.EACCES, 403: errno.EACCES, 404: errno.ENOENT, 407: errno.EACCES}
    table.update({408: errno.ETIMEDOUT, 409: errno.ENOENT, 410: errno.ENOENT, 414: errno.ENAMETOOLONG})
    table.update({429: errno.EBUSY})
    return table.get(status, errno.EINVAL if status < 500 else errno.EIO)


def _check(status: int, path: bytes) -> None:
    """Raise what *status* means unless it is good: facts as OSError, trouble as Failure."""
    if 200 <= status < 300:
        return
    code = errno_of(status)
    if code in (errno.ENOENT, errno.EACCES, errno.ENAMETOOLONG):
        raise OSError(code, os.strerror(code), path)
    raise Failure(f"{_text(path)}: the server answers with status {status}", code)


def _conditions(fact: Fact | None) -> dict[str, str]:
    """The headers that ask whether *fact* is still true."""
    tags = dict(line.split("=", 1) for line in (fact.identity if fact else b"").decode().split("\n") if line)
    names = {"ETag": "If-None-Match", "Last-Modified": "If-Modified-Since"}
    return {names[key]: value for key, value in tags.items()}


def _identity(headers: Mapping[str, str]) -> bytes:
    return "\n".join(f"{key}={headers[key]}" for key in ("ETag", "Last-Modified") if key in headers).encode()


def _strong(identity: bytes) -> str:
    """What If-Range can be asked with: a strong entity tag, ``""`` where there is none."""
    tag = _conditions(Fact(FILE, identity=identity)).get("If-None-Match", "")
    return "" if tag.startswith("W/") else tag


def _lasts(headers: Mapping[str, str]) -> float | None:
    """How long an answer may be believed (RFC 9111): ``max-age`` less its age; None where the server says nothing."""
    control = headers.get("Cache-Control", "").lower()
    if "no-store" in control or "no-cache" in control:
        return 0.0
    found = re.search(r"max-age=(\d+)", control)
    if found is None:
        return None
    age = headers.get("Age", "0")
    return max(0.0, float(found.group(1)) - (float(age) if age.isdecimal() else 0.0))


def _date(text: str | None) -> int | None:
    try:
        return int(parsedate_to_datetime(text or "").timestamp()) * 10**9
    except (ValueError, TypeError, IndexError):
        return None


def _text(path: bytes) -> str:
    return ascii(path)[2:-1]


def _plain(error: BaseException) -> str:
    reason = getattr(error.args[0], "reason", None) if error.args else None
    return " ".join(str(reason or error).rsplit(">: ", 1)[-1].split())[:200] or type(error).__name__

"""Connections of one repository to servers and proxies: kept open, used again, made to the right address.

``urllib3`` speaks HTTP.  Where a name leads is decided here: a proxy is one of its addresses, a server all of its
addresses in turn, while the names in ``Host``, in TLS and in certificates stay what the configuration says.
"""

from __future__ import annotations

import itertools
import random
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Callable
from urllib.parse import unquote, urlsplit

from parrot_py.config.model import RepositoryConfig
from parrot_py.drivers.cvmfs import tls
from parrot_py.drivers.cvmfs.ending import Ending
from parrot_py.drivers.cvmfs.heavy import import_urllib3
from parrot_py.drivers.cvmfs.outcome import TransferError
from parrot_py.drivers.cvmfs.resolve import Resolver
from parrot_py.drivers.cvmfs.routes import Hop
from parrot_py.drivers.cvmfs.sockets import BoundedSocket, Crowd, tls_socket_class

if TYPE_CHECKING:
    import ssl

    from urllib3 import BaseHTTPResponse, PoolManager

Dial = Callable[[str, int, float], BoundedSocket]
"""Makes a connection to a host and port within seconds; raises TransferError."""

_HOSTS = 8


class Connections:
    """Opens answers.  Thread-safe."""

    def __init__(self, config: RepositoryConfig, resolver: Resolver, ending: Ending, each: int) -> None:
        """*each* is how many idle connections to one place are kept."""
        self._config, self._resolver, self._each = config, resolver, each
        self._crowd = Crowd(ending)
        self._turns = itertools.count(random.randrange(64))
        self._lock = threading.Lock()
        self._managers: dict[tuple[object, ...], PoolManager] = {}

    def open(
        self, hop: Hop, url: str, headers: Mapping[str, str], timeout: float, x509: Path | bytes | None = None
    ) -> BaseHTTPResponse:
        """The answer to a GET of *url* by way of *hop*, its body unread.

        *x509* is shown to https servers that ask for it.  Raises TransferError and what urllib3 raises.
        """
        secure = url.startswith("https:") or (hop.proxy or "").startswith("https:")
        return self._manager(hop, secure, x509 if secure else None).request(
            "GET",
            url,
            headers=dict(headers),
            timeout=timeout,
            retries=False,
            redirect=False,
            preload_content=False,
            enforce_content_length=False,  # the length of an answer is checked where it is read
        )

    def _manager(self, hop: Hop, secure: bool, x509: Path | bytes | None) -> PoolManager:
        key = (hop.proxy, hop.address, secure, x509)
        with self._lock:
            if key not in self._managers:
                self._managers[key] = self._make(hop, self._context(x509) if secure else None)
            return self._managers[key]

    def _context(self, x509: Path | bytes | None) -> ssl.SSLContext:
        return tls.context(self._config, x509, tls_socket_class(self._crowd))

    def _make(self, hop: Hop, context: ssl.SSLContext | None) -> PoolManager:
        import_urllib3()
        from urllib3 import PoolManager, ProxyManager
        from urllib3.util import make_headers

        options: dict[str, Any] = {"num_pools": _HOSTS, "maxsize": self._each, "ssl_context": context}
        made: PoolManager
        if hop.proxy is None:
            made = PoolManager(**options)
        else:
            parts = urlsplit(hop.proxy)
            login = f"{unquote(parts.username)}:{unquote(parts.password or '')}" if parts.username else None
            place = parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
            made = ProxyManager(
                place, proxy_headers=make_headers(proxy_basic_auth=login), proxy_ssl_context=context, **options
            )
        made.pool_classes_by_scheme = _pool_classes(self._dial_proxy(hop.address) if hop.proxy else self._dial_server)
        return made

    def _dial_server(self, host: str, port: int, timeout: float) -> BoundedSocket:
        """Connect to one address of a server; the next connection begins with the next address."""
        found = self._resolver.addresses(host, timeout)
        first = next(self._turns) % len(found)
        return self._crowd.connect([*found[first:], *found[:first]], port, timeout)

    def _dial_proxy(self, address: str | None) -> Dial:
        def dial(host: str, port: int, timeout: float) -> BoundedSocket:
            try:
                addresses = [address] if address else self._resolver.addresses(host, timeout)
                return self._crowd.connect(addresses, port, timeout)
            except TransferError as error:
                raise TransferError(error.kind, error.reason, proxy=True) from None

        return dial

    def drop_idle(self) -> None:
        """Use no connection again that is idle now."""
        with self._lock:
            managers = list(self._managers.values())
        for manager in managers:
            manager.clear()

    def close(self) -> None:
        """Cut everything, also what others wait for."""
        self._crowd.cut()
        with self._lock:
            managers = list(self._managers.values())
            self._managers.clear()
        for manager in managers:
            manager.clear()


def _pool_classes(dial: Dial) -> dict[str, Any]:
    """Classes of connection pools that let *dial* make the connections."""
    from urllib3 import HTTPConnectionPool, HTTPSConnectionPool
    from urllib3.connection import HTTPConnection, HTTPSConnection

    class Plain(HTTPConnection):
        def _new_conn(self) -> BoundedSocket:
            return dial(self.host, self.port, float(self.timeout or 0))

    class Tls(HTTPSConnection):
        def _new_conn(self) -> BoundedSocket:
            return dial(self.host, self.port, float(self.timeout or 0))

    class PlainPool(HTTPConnectionPool):
        ConnectionCls = Plain

    class TlsPool(HTTPSConnectionPool):
        ConnectionCls = Tls

    return {"http": PlainPool, "https": TlsPool}

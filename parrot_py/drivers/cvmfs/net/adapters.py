"""Sessions of ``requests`` whose connections are made by us.

The import of ``requests`` takes long, so what derives from its classes is made at the first session.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Callable, Protocol, cast

from parrot_py.drivers.cvmfs.heavy import import_requests
from parrot_py.drivers.cvmfs.net.sockets import BoundedSocket

if TYPE_CHECKING:
    import ssl

    import requests
    from urllib3 import BaseHTTPResponse, PoolManager

Dial = Callable[[str, int, float], BoundedSocket]
"""Makes a connection to a host and port within seconds; raises TransferError."""

_HOSTS = 8


class _Adapter(Protocol):
    """What our adapter has beyond that of ``requests``."""

    def manager(self, proxy: str | None) -> PoolManager:
        """The pools of connections through *proxy*, or without one."""


def make_session(dial: Dial, context: ssl.SSLContext | None, each: int) -> requests.Session:
    """A session that takes nothing from the environment, keeps no cookies, and lets *dial* make its connections.

    *context* says how servers are verified (None: no TLS will be asked for); *each* is how many idle connections to
    one place are kept.
    """
    import_requests()
    from http.cookiejar import DefaultCookiePolicy

    import requests

    session = requests.Session()
    session.trust_env = False
    session.headers.clear()
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    session.adapters.clear()
    session.mount("http", _adapter_class()(dial, context, each))
    return session


def by_session(
    session: requests.Session, proxy: str | None, url: str, headers: Mapping[str, str], timeout: float
) -> BaseHTTPResponse:
    """The answer to a GET with its body unread.  Raises what urllib3 and our dial raise."""
    import requests

    proxies = {"http": proxy, "https": proxy} if proxy else {}
    try:
        answer = session.get(
            url, headers=dict(headers), proxies=proxies, timeout=timeout, stream=True, allow_redirects=False
        )
    except requests.RequestException as error:
        # It wraps what urllib3 said, which is what both ways have in common.
        inner = error.args[0] if error.args else None
        raise (inner if isinstance(inner, Exception) else ValueError(str(error))) from None
    return cast("BaseHTTPResponse", answer.raw)


def by_pool(
    session: requests.Session, proxy: str | None, url: str, headers: Mapping[str, str], timeout: float
) -> BaseHTTPResponse:
    """The same with less ado: from the pools of the session's adapter."""
    adapter = cast("_Adapter", session.get_adapter(url))
    return adapter.manager(proxy).request(
        "GET",
        url,
        headers=dict(headers),
        timeout=timeout,
        retries=False,
        redirect=False,
        preload_content=False,
        enforce_content_length=False,  # the length of an answer is checked where it is read
    )


@functools.cache
def _adapter_class() -> Callable[[Dial, ssl.SSLContext | None, int], requests.adapters.HTTPAdapter]:
    from requests.adapters import HTTPAdapter

    class Adapter(HTTPAdapter):
        """Ours: its pools dial as they are told, and the context alone decides whom to believe."""

        def __init__(self, dial: Dial, context: ssl.SSLContext | None, each: int) -> None:
            self._classes, self._context = _pool_classes(dial), context
            super().__init__(pool_connections=_HOSTS, pool_maxsize=each)
            self.max_retries = self.max_retries.new(total=False)

        def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
            super().init_poolmanager(*args, ssl_context=self._context, **kwargs)
            self.poolmanager.pool_classes_by_scheme = self._classes

        def proxy_manager_for(self, proxy: str, **kwargs: Any) -> Any:
            contexts = {"ssl_context": self._context, "proxy_ssl_context": self._context}
            manager = super().proxy_manager_for(proxy, **contexts, **kwargs)
            manager.pool_classes_by_scheme = self._classes
            return manager

        def manager(self, proxy: str | None) -> PoolManager:
            return cast("PoolManager", self.proxy_manager_for(proxy) if proxy else self.poolmanager)

        def get_connection_with_tls_context(
            self, request: Any, verify: Any, proxies: Any = None, cert: Any = None
        ) -> Any:
            del verify, cert
            return self.manager((proxies or {}).get("http")).connection_from_url(request.url)

        def cert_verify(self, conn: Any, url: Any, verify: Any, cert: Any) -> None:
            """Nothing to add: the context verifies."""

    return Adapter


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

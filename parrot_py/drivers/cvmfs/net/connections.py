"""Connections of one repository to servers and proxies: kept open, used again, made to the right address.

``requests`` speaks HTTP: for each way there is a session, whose adapter owns the pools of connections, the TLS
context and the proxy manager.  Documents are got by the session.  Objects, of which there are thousands and where each
fraction of a millisecond counts, are got from the adapter's pools directly: what a session adds (cookies, hooks, merged
settings) is of no use to them.  Where a name leads is decided here: a proxy is one of its addresses, a server all of
its addresses in turn, while the names in ``Host``, in TLS and in certificates stay what the configuration says.
"""

from __future__ import annotations

import itertools
import random
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from parrot_py.config.model import RepositoryConfig
from parrot_py.drivers.cvmfs.ending import Ending
from parrot_py.drivers.cvmfs.net import adapters, tls
from parrot_py.drivers.cvmfs.net.adapters import Dial
from parrot_py.drivers.cvmfs.net.outcome import TransferError
from parrot_py.drivers.cvmfs.net.resolve import Resolver
from parrot_py.drivers.cvmfs.net.routes import Hop
from parrot_py.drivers.cvmfs.net.sockets import BoundedSocket, Crowd, tls_socket_class

if TYPE_CHECKING:
    import requests
    from urllib3 import BaseHTTPResponse


class Connections:
    """Opens answers.  Thread-safe."""

    def __init__(self, config: RepositoryConfig, resolver: Resolver, ending: Ending, each: int) -> None:
        """*each* is how many idle connections to one place are kept."""
        self._config, self._resolver, self._each = config, resolver, each
        self._crowd = Crowd(ending)
        self._turns = itertools.count(random.randrange(64))
        self._lock = threading.Lock()
        self._sessions: dict[tuple[object, ...], requests.Session] = {}

    def open(
        self,
        hop: Hop,
        url: str,
        headers: Mapping[str, str],
        timeout: float,
        *,
        document: bool,
        x509: Path | bytes | None = None,
    ) -> BaseHTTPResponse:
        """The answer to a GET of *url* by way of *hop*, its body unread.

        *x509* is shown to https servers that ask for it.  Raises TransferError and what urllib3 raises.
        """
        secure = url.startswith("https:") or (hop.proxy or "").startswith("https:")
        session = self._session(hop, secure, x509 if secure else None)
        if document:
            return adapters.by_session(session, hop.proxy, url, headers, timeout)
        return adapters.by_pool(session, hop.proxy, url, headers, timeout)

    def _session(self, hop: Hop, secure: bool, x509: Path | bytes | None) -> requests.Session:
        key = (hop.proxy, hop.address, secure, x509)
        with self._lock:
            if key not in self._sessions:
                context = tls.context(self._config, x509, tls_socket_class(self._crowd)) if secure else None
                dial = self._dial_proxy(hop.address) if hop.proxy else self._dial_server
                self._sessions[key] = adapters.make_session(dial, context, self._each)
            return self._sessions[key]

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
            sessions = list(self._sessions.values())
        for session in sessions:
            session.close()  # of its pools only what is idle

    def close(self) -> None:
        """Cut everything, also what others wait for."""
        self._crowd.cut()
        with self._lock:
            sessions = list(self._sessions.values())
            self._sessions.clear()
        for session in sessions:
            session.close()

"""Which server and proxy the next request goes to, and what a failure changes about that.

The state is shared by all transfers of a repository, as in the real client: a switch concerns everybody, and only who
used the current choice may switch away from it.  Nothing here waits.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

from parrot_py.config.model import DIRECT
from parrot_py.drivers.cvmfs.net.proxygroups import Member, ProxyGroups
from parrot_py.drivers.cvmfs.net.resolve import Answer

PROXY_RESET_AFTER = 300.0
HOST_RESET_AFTER = 1800.0


class Hop(NamedTuple):
    """One way to a server: its base URL and the proxy, None for a direct connection.

    ``address`` is the one of the proxy's addresses to use (None: find out), ``error`` says why it has none.
    """

    url: str
    proxy: str | None = None
    address: str | None = None
    error: str = ""

    @property
    def member(self) -> Member:
        """The proxy as the groups know it."""
        return Member(self.proxy or DIRECT, self.address, self.error)


class Route:
    """The servers and proxy groups of one repository, and which of them are in use.  Thread-safe."""

    def __init__(
        self, urls: Sequence[str], proxies: ProxyGroups | None = None, host_reset_after: float = HOST_RESET_AFTER
    ) -> None:
        self._urls = [url.rstrip("/") for url in urls]
        self._proxies = proxies or ProxyGroups([[DIRECT]])
        self._reset_after = host_reset_after
        self._lock = threading.Lock()
        self._host = 0
        self._host_since = time.monotonic()

    @property
    def urls(self) -> list[str]:
        """The servers, the preferred one first."""
        with self._lock:
            return list(self._urls)

    @property
    def groups(self) -> list[list[str]]:
        """The proxy groups, the preferred one first."""
        with self._lock:
            return [list(group) for group in self._proxies.groups]

    @property
    def regular_groups(self) -> list[list[str]]:
        """The proxy groups that are no fallback."""
        with self._lock:
            return [list(group) for group in self._proxies.regular]

    @property
    def fallback_groups(self) -> list[list[str]]:
        """The fallback proxy groups."""
        with self._lock:
            return [list(group) for group in self._proxies.fallback]

    @property
    def proxy_count(self) -> int:
        """How many different proxies there are to try; each address is one."""
        with self._lock:
            return self._proxies.count()

    def current(
        self, tried: Collection[str] = (), tried_proxies: Collection[Member] = (), key: bytes | None = None
    ) -> Hop:
        """The way that a request is to take now; a server or proxy that was *tried* only when there is no other.

        *key* is the hash of the object, by which the load may be shared.
        """
        now = time.monotonic()
        with self._lock:
            if self._host and self._reset_after and now - self._host_since > self._reset_after:
                self._host, self._host_since = 0, now
            order = self._urls[self._host :] + self._urls[: self._host]
            url = next((u for u in order if u not in tried), order[0])
            if url.startswith("file:"):
                return Hop(url)
            member = self._proxies.choose(now, key, tried_proxies)
            return Hop(url, None if member.proxy == DIRECT else member.proxy, member.address, member.error)

    def leave_host(self, hop: Hop) -> bool:
        """Switch to the next server, if *hop*'s is still the current one; whether that happened."""
        with self._lock:
            if self._urls[self._host] != hop.url or len(self._urls) == 1:
                return False
            self._host = (self._host + 1) % len(self._urls)
            self._host_since = time.monotonic()
            return True

    def leave_proxy(self, hop: Hop) -> bool:
        """Switch to another proxy of the group, or to the next group; whether *hop*'s was in use."""
        with self._lock:
            return self._proxies.leave(hop.member, time.monotonic())

    def reset_proxies(self) -> None:
        """All proxies were tried in vain: forget that, and begin with the first group."""
        with self._lock:
            self._proxies.reset(time.monotonic())

    def unresolved(self) -> list[str]:
        """The proxies of the current group whose addresses have to be found."""
        with self._lock:
            return self._proxies.unresolved(time.monotonic())

    def resolved(self, answers: Mapping[str, Answer]) -> None:
        """Take the addresses of some proxies."""
        with self._lock:
            self._proxies.resolved(answers)

    def replace_proxies(self, groups: Sequence[Sequence[str]]) -> None:
        """Use other proxy groups instead of the regular ones."""
        with self._lock:
            self._proxies.replace(groups)

    def reorder(self, urls: Sequence[str], fallback: Sequence[Sequence[str]] | None = None) -> None:
        """Use servers (some of those there are) and all fallback proxy groups in another order, from the first on."""
        with self._lock:
            self._urls, self._host, self._host_since = list(urls), 0, time.monotonic()
            if fallback is not None:
                self._proxies.reorder_fallback(fallback)

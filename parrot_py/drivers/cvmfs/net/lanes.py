"""The two lanes of a repository, for its objects and for external data: each with ways, time-outs and counters."""

from __future__ import annotations

import time
from collections.abc import Callable

from parrot_py.config.model import RepositoryConfig
from parrot_py.drivers.cvmfs.errand import Errand
from parrot_py.drivers.cvmfs.net.effort import Effort
from parrot_py.drivers.cvmfs.net.outcome import CONNECT, RESOLVE, SLOW
from parrot_py.drivers.cvmfs.net.proxygroups import ProxyGroups, proxy_host
from parrot_py.drivers.cvmfs.net.resolve import Answer, Resolver
from parrot_py.drivers.cvmfs.net.routes import Hop, Route
from parrot_py.drivers.cvmfs.net.statistics import HOST_FAILOVERS, PROXY_FAILOVERS, Statistics
from parrot_py.drivers.cvmfs.trouble import Failure, log


class Lane:
    """The ways to one set of servers.  Thread-safe.

    When nobody at all answered, it is closed for a little while: what follows need not wait for the same again.
    """

    def __init__(
        self, config: RepositoryConfig, route: Route, resolver: Resolver, timeout: float, timeout_direct: float
    ) -> None:
        """Time-outs are seconds, through a proxy and without one."""
        self.route, self.timeout, self.timeout_direct = route, timeout, timeout_direct
        self.statistics = Statistics()
        self._config, self._resolver = config, resolver
        self._succeeded = 0.0
        self._dead_until = 0.0
        self._dead_for = 0.0
        self._last: Failure | None = None
        self.prepare: Callable[[], None] = lambda: None

    def check(self, what: str) -> None:
        """Raise Failure for *what* when it need not be tried."""
        if not self.route.urls:
            raise Failure(f"{what}: no server is configured")
        if self._last is not None and time.monotonic() < self._dead_until:
            raise Failure(f"{what}: not tried, no server answered a moment ago ({self._last})", unreachable=True)

    def hop_to(self, url: str) -> tuple[Hop, float]:
        """The way to server *url* through the current proxy, for a single question, and its time-out."""
        self._find_proxies(float("inf"))
        hop = self.route.current()._replace(url=url)
        if url.startswith("file:"):
            hop = Hop(url)
        return hop, self.timeout if hop.proxy else self.timeout_direct

    def next_hop(self, effort: Effort, key: bytes | None) -> Hop:
        """The way that the next attempt takes; finds the addresses of proxies that are new, or old."""
        self._find_proxies(effort.patience.left())
        return self.route.current(effort.hosts, effort.proxies, key)

    def _find_proxies(self, within: float) -> None:
        names = self.route.unresolved()
        if names:
            self.route.resolved(self._resolve(names, within))

    def _resolve(self, proxies: list[str], within: float) -> dict[str, Answer]:
        """The addresses of *proxies*, all asked for at the same time."""

        def ask(proxy: str) -> Answer:
            host = proxy_host(proxy)
            return self._resolver.resolve(host, within) if host else Answer((), float("inf"), f"{proxy}: not a proxy")

        others = {proxy: Errand(lambda proxy=proxy: ask(proxy), "parrot-proxy") for proxy in proxies[1:]}  # type: ignore[misc]
        return {proxies[0]: ask(proxies[0]), **{proxy: errand.result() for proxy, errand in others.items()}}

    def choices(self) -> tuple[int, int]:
        """How many servers and how many proxies there are."""
        return len(set(self.route.urls)), self.route.proxy_count

    def leave_host(self, hop: Hop) -> None:
        """Go on with the next server if *hop*'s is in use."""
        if self.route.leave_host(hop):
            self.statistics.add(HOST_FAILOVERS)
            log.info("%s: leaving server %s for %s", self._config.fqrn, hop.url, self.route.current().url)

    def leave_proxy(self, hop: Hop) -> None:
        """Go on with another proxy if *hop*'s is in use."""
        if self.route.leave_proxy(hop):
            self.statistics.add(PROXY_FAILOVERS)
            log.info("%s: leaving proxy %s%s", self._config.fqrn, hop.proxy, f" ({hop.address})" if hop.address else "")

    def succeeded(self) -> None:
        """Something was delivered."""
        self._succeeded, self._dead_until, self._dead_for = time.monotonic(), 0.0, 0.0

    def give_up(self, effort: Effort, what: str) -> Failure:
        """The failure to raise for *what*."""
        failure = effort.failure(what)
        if effort.kinds <= {CONNECT, SLOW, RESOLVE} and self._succeeded < effort.began:
            self._dead_for = min(max(2 * self._dead_for, self._config.backoff_init), self._config.backoff_max)
            self._dead_until = time.monotonic() + self._dead_for
            self._last = failure
        return failure


def lanes(config: RepositoryConfig, resolver: Resolver) -> tuple[Lane, Lane]:
    """The lane of the repository's objects and that of external data."""
    reset_after, shard, most = config.proxy_reset_after, config.proxy_shard, config.max_addresses_per_proxy

    def groups(proxies: tuple[tuple[str, ...], ...], fallback: tuple[tuple[str, ...], ...]) -> ProxyGroups:
        return ProxyGroups(proxies, fallback, reset_after=reset_after, shard=shard, most_addresses=most)

    inner = Route(config.urls, groups(config.proxies, config.fallback_proxies), config.host_reset_after)
    outer_proxies = groups(config.external_proxies, config.external_fallback_proxies)
    outer = Route(config.external_urls, outer_proxies, config.host_reset_after)
    return (
        Lane(config, inner, resolver, config.timeout, config.timeout_direct),
        Lane(config, outer, resolver, config.external_timeout, config.external_timeout_direct),
    )

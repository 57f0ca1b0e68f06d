"""What the ways of a lane need before the first request: proxies that are to be found out, and the order of servers."""

from __future__ import annotations

import threading
import time

from parrot_py import codes
from parrot_py.config.model import RepositoryConfig
from parrot_py.drivers.cvmfs.cache.notes import Notes
from parrot_py.drivers.cvmfs.ending import Ending
from parrot_py.drivers.cvmfs.errand import Errand
from parrot_py.drivers.cvmfs.net.geo import Geo
from parrot_py.drivers.cvmfs.net.lanes import Lane
from parrot_py.drivers.cvmfs.net.pac import AUTO, Discovery, replaced
from parrot_py.drivers.cvmfs.net.transport import Transport
from parrot_py.drivers.cvmfs.trouble import log

PATIENCE = 1.0
"""Seconds that the first request waits for the order of servers; later the order counts from when it is known."""


class Preparation:
    """Prepares one lane, at its first use.  Thread-safe."""

    def __init__(
        self, config: RepositoryConfig, lane: Lane, transport: Transport, ending: Ending, most_servers: int
    ) -> None:
        """*most_servers* is how many of the servers are used (0: all), the nearest ones if an order is asked for."""
        self._config, self._lane, self._transport, self._ending = config, lane, transport, ending
        self._most = most_servers
        self._notes = Notes(config)
        self._geo = Geo(config, lane, transport, ending, self._notes)
        self._lock = threading.Lock()
        self._arranged = threading.Event()
        self._until: float | None = None
        self._ready = False
        if most_servers and not self._geo.wanted():
            lane.route.reorder(lane.route.urls[:most_servers])

    def ready(self) -> None:
        """Return when the lane may be used: proxies are found, servers in order or the patience for that is over."""
        if self._ready:
            return
        with self._lock:
            if self._until is None:
                self._find_proxies()
                self._until = time.monotonic() + PATIENCE
                if self._geo.wanted():
                    Errand(self._arrange, "parrot-geo")
                else:
                    self._arranged.set()
        with self._ending.waking(self._arranged.set):
            self._arranged.wait(max(0.0, self._until - time.monotonic()))
        self._ready = True

    def _arrange(self) -> None:
        try:
            self._geo.arrange(self._most)
        finally:
            self._arranged.set()

    def _find_proxies(self) -> None:
        """Replace ``auto`` in the proxy groups by what it stands for now."""
        route = self._lane.route
        groups = route.regular_groups
        if not any(AUTO in group for group in groups):
            return
        found = replaced(groups, Discovery(self._config, self._transport, self._ending, self._notes).find(route.urls))
        if not found and not route.fallback_groups:
            log.warning("%s: connecting without a proxy", self._config.fqrn, extra=codes.NO_PAC.extra)
        route.replace_proxies(found)

"""Which server and proxy the next request goes to, and what a failure changes about that.

The state is shared by all transfers of a repository, as in the real client: a switch concerns everybody, and only who
used the current choice may switch away from it.  Nothing here waits.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Collection, Sequence
from typing import NamedTuple

from parrot_py.config.model import DIRECT

PROXY_RESET_AFTER = 300.0
HOST_RESET_AFTER = 1800.0


class Hop(NamedTuple):
    """One way to a server: its base URL and the proxy, None for a direct connection."""

    url: str
    proxy: str | None


class Route:
    """The servers and proxy groups of one repository, and which of them are in use."""

    def __init__(self, urls: Sequence[str], proxies: Sequence[Sequence[str]]) -> None:
        self.urls = [url.rstrip("/") for url in urls]
        self.groups = [list(group) for group in proxies if group] or [[DIRECT]]
        self._lock = threading.Lock()
        self._host = 0
        self._group = 0
        self._burned: set[str] = set()
        self._proxy = random.choice(self.groups[0])
        self._host_since = self._proxy_since = time.monotonic()

    @property
    def proxy_count(self) -> int:
        """How many different proxies there are to try."""
        return len({proxy for group in self.groups for proxy in group})

    def current(self, tried: Collection[str] = ()) -> Hop:
        """The way that a request is to take now; a server in *tried* only when there is no other."""
        with self._lock:
            self._recover(time.monotonic())
            order = self.urls[self._host :] + self.urls[: self._host]
            url = next((u for u in order if u not in tried), order[0])
            direct = self._proxy == DIRECT or url.startswith("file:")
            return Hop(url, None if direct else self._proxy)

    def _recover(self, now: float) -> None:
        """Go back to the preferred server and proxies some time after leaving them."""
        if self._host and now - self._host_since > HOST_RESET_AFTER:
            self._host, self._host_since = 0, now
        if (self._group or self._burned) and now - self._proxy_since > PROXY_RESET_AFTER:
            self._reset_proxies(now)

    def _reset_proxies(self, now: float) -> None:
        self._group, self._burned, self._proxy_since = 0, set(), now
        self._proxy = random.choice(self.groups[0])

    def leave_host(self, hop: Hop) -> None:
        """Switch to the next server, if *hop*'s is still the current one."""
        with self._lock:
            if self.urls[self._host] == hop.url:
                self._host = (self._host + 1) % len(self.urls)
                self._host_since = time.monotonic()

    def leave_proxy(self, hop: Hop) -> None:
        """Switch to another proxy of the group, or to the next group; after the last one begin anew."""
        with self._lock:
            if (hop.proxy or DIRECT) != self._proxy:
                return
            now = time.monotonic()
            self._burned.add(self._proxy)
            self._proxy_since = now
            for group in range(self._group, len(self.groups)):
                rest = [proxy for proxy in self.groups[group] if proxy not in self._burned]
                if rest:
                    self._group, self._proxy = group, random.choice(rest)
                    return
            self._reset_proxies(now)

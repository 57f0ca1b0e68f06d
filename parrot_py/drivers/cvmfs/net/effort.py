"""The state of getting one object, and what follows from each failure (section 7.4 of the format document)."""

from __future__ import annotations

import random
import time
from enum import Enum, auto

from parrot_py.config.model import RepositoryConfig
from parrot_py.drivers.cvmfs.net.outcome import BAD_DATA, BROKEN, NOT_FOUND, TransferError
from parrot_py.drivers.cvmfs.net.patience import Patience
from parrot_py.drivers.cvmfs.net.proxygroups import Member
from parrot_py.drivers.cvmfs.net.routes import Hop
from parrot_py.drivers.cvmfs.trouble import Failure


class Step(Enum):
    """What to do after a failure."""

    PAST_CACHES = auto()
    """The same way again, past all caches."""
    AGAIN = auto()
    """The same way again, after a pause."""
    OTHER_PROXY = auto()
    OTHER_HOST = auto()
    GIVE_UP = auto()


class Effort:
    """What was tried for one object, what failed, how long is left."""

    def __init__(self, config: RepositoryConfig, patience: Patience) -> None:
        self.config, self.patience = config, patience
        self.began = time.monotonic()
        self._furthest = self._at = 0
        self.hosts: set[str] = set()
        self.proxies: set[Member] = set()
        self.kinds: set[str] = set()
        self.no_cache = False
        self._errors: dict[str, str] = {}
        self._retries = 0
        self._pause = config.backoff_init

    def pause(self) -> float:
        """Seconds to wait before the same is tried again; the range doubles each time."""
        wait, self._pause = random.uniform(0, self._pause), min(2 * self._pause, self.config.backoff_max)
        return min(wait, self.patience.left())

    def start(self) -> None:
        """A new attempt begins."""
        self._at = 0

    def arrived(self, amount: int) -> None:
        """The attempt brought *amount* bytes; what an earlier one brought already is no progress."""
        self._at += amount
        if self._at > self._furthest:
            self.patience.gain(self._at - self._furthest)
            self._furthest = self._at

    def failed(self, hop: Hop, error: TransferError, hosts: int, proxies: int) -> Step:
        """What follows from *error* on the way *hop*, where there are so many *hosts* and *proxies* in all.

        Bad data is asked for once more past the caches, and is the server's fault then.  A broken transfer is repeated
        as often as configured.  Then it is the turn of the other proxies, if a proxy is to blame, and when all of them
        were tried, of the other servers: each of them once, with all proxies anew.
        """
        self._note(hop, error)
        if error.kind == BAD_DATA and not self.no_cache:
            self.no_cache = True
            return Step.PAST_CACHES
        if error.kind in BROKEN and not self.no_cache and self._retries < self.config.max_retries:
            self._retries += 1
            return Step.AGAIN
        self._retries, self.no_cache = 0, False
        if error.proxy:
            self.proxies.add(hop.member)
            if len(self.proxies) < proxies:
                return Step.OTHER_PROXY
        self.proxies.clear()
        self.hosts.add(hop.url)
        return Step.OTHER_HOST if len(self.hosts) < hosts else Step.GIVE_UP

    def begin_anew(self) -> None:
        """Forget what was tried."""
        self.hosts.clear()
        self.proxies.clear()

    def _note(self, hop: Hop, error: TransferError) -> None:
        self._errors[hop.url + (f" through {hop.proxy}" if hop.proxy else "")] = error.reason
        self.kinds.add(error.kind)

    def failure(self, what: str) -> Failure:
        """The end of the effort, as one line that names every way that was tried."""
        (first, why), *others = self._errors.items()
        line = f"{first}: {what}: {why}" + "".join(f"; {way}: {reason}" for way, reason in others)
        return Failure(line, unreachable=BAD_DATA not in self.kinds, missing=self.kinds == {NOT_FOUND})

"""The order of servers by distance: asked from one of them (the geo API of the format document), or else measured."""

from __future__ import annotations

import hashlib
import random
import re
import time
from collections.abc import Mapping, Sequence
from typing import NamedTuple
from urllib.parse import urlsplit

from parrot_py.config.model import DIRECT, RepositoryConfig
from parrot_py.drivers.cvmfs.cache.notes import Notes
from parrot_py.drivers.cvmfs.ending import Ending
from parrot_py.drivers.cvmfs.errand import Errand
from parrot_py.drivers.cvmfs.net import headers as header_lines
from parrot_py.drivers.cvmfs.net.lanes import Lane
from parrot_py.drivers.cvmfs.net.outcome import TransferError
from parrot_py.drivers.cvmfs.net.patience import Patience
from parrot_py.drivers.cvmfs.net.proxygroups import proxy_host
from parrot_py.drivers.cvmfs.net.transport import Request, Transport
from parrot_py.drivers.cvmfs.trouble import log

MOST_ASKED = 3
ANSWER_LIFE = 86_400.0
MEASURE_LIFE = 3_600.0
"""Seconds that an order is used again without asking; one that was measured depends more on the hour."""

_SEPARATOR = "+PXYSEP+"
_LIMIT = 1 << 12


class Places(NamedTuple):
    """What is to be ordered: servers (by name) and fallback proxy groups, and the names that stand for them.

    ``names`` are those of the servers, then a separator when only fallback proxies will be used (distances count from
    the nearest of them then), then one of each fallback group.
    """

    urls: tuple[str, ...]
    groups: tuple[tuple[str, ...], ...]
    names: tuple[str, ...]

    @classmethod
    def of(cls, urls: Sequence[str], regular: Sequence[Sequence[str]], fallback: Sequence[Sequence[str]]) -> Places:
        """Those of a route: its servers, proxy groups and fallback groups."""
        by_name = sorted(urls, key=_host)
        names = [_host(url) for url in by_name]
        if not regular and len(urls) > 1:
            names.append(_SEPARATOR)
        names += [proxy_host(group[0]) for group in fallback]
        return cls(tuple(by_name), tuple(map(tuple, fallback)), tuple(names))

    def arranged(self, order: Sequence[int]) -> tuple[list[str], list[tuple[str, ...]]]:
        """Servers and fallback groups in *order*: positions in ``names``, counted from 1."""
        first_group = len(self.names) - len(self.groups)
        urls = [self.urls[at - 1] for at in order if at <= len(self.urls)]
        return urls, [self.groups[at - 1 - first_group] for at in order if at > first_group]

    def parse(self, text: str) -> list[int] | None:
        """The order that an answer gives; None unless it names each position once."""
        if not re.fullmatch(r"\d{1,4}(,\d{1,4})*\s*", text, re.ASCII):
            return None
        order = [int(part) for part in text.split(",")]
        return order if sorted(order) == list(range(1, len(self.names) + 1)) else None


class Geo:
    """Puts the servers of one lane into an order, once.  What it does may wait long; meanwhile the lane can be used."""

    def __init__(
        self, config: RepositoryConfig, lane: Lane, transport: Transport, ending: Ending, notes: Notes
    ) -> None:
        self._config, self._lane, self._transport, self._ending, self._notes = config, lane, transport, ending, notes

    def wanted(self) -> bool:
        """Whether there is anything to put into order."""
        route = self._lane.route
        return self._config.use_geoapi and (len(route.urls) > 1 or len(route.fallback_groups) > 1)

    def arrange(self, most: int) -> None:
        """Find the order and use it from now on, of the servers only the first *most* (0: all)."""
        route = self._lane.route
        places = Places.of(route.urls, route.regular_groups, route.fallback_groups)
        order = self._known(places) or self._asked(places) or self._measured(places)
        if self._ending.over:
            return
        urls, groups = places.arranged(order) if order else (route.urls, route.fallback_groups)
        route.reorder(urls[: most or None], groups)
        if order:
            log.info("%s: servers by distance: %s", self._config.fqrn, " ".join(urls[: most or None]))

    def _note(self, places: Places) -> str:
        # Others with the same cache may have other servers.
        digest = hashlib.sha1(repr(places).encode(), usedforsecurity=False).hexdigest()
        return f"geo.{digest[:16]}-{self._config.fqrn}"

    def _known(self, places: Places) -> list[int] | None:
        """The order that an earlier run was told, if that was not too long ago."""
        note = self._notes.read_json(self._note(places))
        until, text = note.get("until"), note.get("order")
        now = time.time()
        if not isinstance(until, (int, float)) or not isinstance(text, str) or not now < until <= now + ANSWER_LIFE:
            return None
        return places.parse(text)

    def _keep(self, places: Places, order: Sequence[int], life: float) -> None:
        value = {"order": ",".join(map(str, order)), "until": time.time() + life}
        self._notes.write_json(self._note(places), value)

    def _asked(self, places: Places) -> list[int] | None:
        """What one of a few servers, taken at random, says."""
        path = f"/api/v1.0/geo/{self._id(places)}/{','.join(places.names)}"
        for url in random.sample(places.urls, min(MOST_ASKED, len(places.urls))):
            text = self._get(url, header_lines.escaped(path.encode()), {})
            order = places.parse(text.decode("ascii", "replace")) if text is not None else None
            if order is not None:
                self._keep(places, order, ANSWER_LIFE)
                return order
            log.debug("%s: %s has no answer to the order of servers", self._config.fqrn, url)
        return None

    def _id(self, places: Places) -> str:
        """For whom the distance is asked: a caching proxy's answer is the same for all that use it."""
        if self._config.proxy_template:
            return self._config.proxy_template
        proxy = self._lane.route.current().proxy
        if proxy is None or any(proxy in group for group in places.groups):
            return self._notes.client_id()
        return proxy_host(proxy) or DIRECT

    def _measured(self, places: Places) -> list[int] | None:
        """The servers by the time in which they answer, those that do not at the end; None when no server answers."""
        errands = [Errand(lambda url=url: self._time(url), "parrot-probe") for url in places.urls]  # type: ignore[misc]
        times = [errand.result() for errand in errands]
        if min(times) == float("inf"):
            return None
        ranks = {url: rank for rank, url in enumerate(self._lane.route.urls)}
        by_time = sorted(range(len(times)), key=lambda at: (times[at], ranks.get(places.urls[at], 0)))
        order = [at + 1 for at in by_time]
        order += range(len(order) + 1, len(places.names) + 1)
        self._keep(places, order, MEASURE_LIFE)
        return order

    def _time(self, url: str) -> float:
        """Seconds that *url* takes to answer, infinite when it does not."""
        began = time.monotonic()
        answer = self._get(url, "/.cvmfspublished", header_lines.NO_CACHE, limit=1 << 20)
        return time.monotonic() - began if answer is not None else float("inf")

    def _get(self, url: str, path: str, headers: Mapping[str, str], limit: int = _LIMIT) -> bytes | None:
        """One small document of the server *url*, without any fail-over; None when it could not be had."""
        hop, timeout = self._lane.hop_to(url)
        request = Request(hop, url + path, headers, Patience(2 * timeout), timeout, limit, document=True)
        try:
            return self._transport.read(request)
        except TransferError as error:
            log.debug("%s: %s%s: %s", self._config.fqrn, url, path, error.reason)
            return None


def _host(url: str) -> str:
    return urlsplit(url).hostname or ""

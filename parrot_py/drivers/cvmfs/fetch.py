"""Getting objects from servers: fail-over between servers and proxies, retries, and the patience for all of it.

The ladder for one object: bad data is asked for again past all caches, then elsewhere; a transfer that broke is
repeated after a pause; a proxy that fails is replaced within its group, then by the next group; a server that fails is
replaced by the next.  All of it ends when there was no progress for ``config.deadline`` (see patience.py).
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Mapping
from contextlib import closing
from urllib.parse import quote

from parrot_py.config.model import RepositoryConfig
from parrot_py.drivers.base import may_block
from parrot_py.drivers.cvmfs.patience import Patience
from parrot_py.drivers.cvmfs.routes import Hop, Route
from parrot_py.drivers.cvmfs.sink import PlainSink, Sink
from parrot_py.drivers.cvmfs.transport import BAD_DATA, CONNECT, SHORT, SLOW, TransferError, Transport
from parrot_py.drivers.cvmfs.trouble import Failure, log

_UNESCAPED = "/:@+-_~[],"
_NO_CACHE = {"Pragma": "no-cache", "Cache-Control": "no-cache"}


class _Effort:
    """The state of getting one object: what was tried, what failed, how long is left."""

    def __init__(self, config: RepositoryConfig, patience: Patience) -> None:
        self.config, self.patience = config, patience
        self.began = time.monotonic()
        self._furthest = self._at = 0
        self.hosts: set[str] = set()
        self.proxies: set[str | None] = set()
        self.errors: dict[str, str] = {}
        self.kinds: set[str] = set()
        self.retries = 0
        self.no_cache = False
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

    def note(self, hop: Hop, error: TransferError) -> None:
        """Remember what went wrong, for the log line."""
        self.errors[hop.url + (f" through {hop.proxy}" if hop.proxy else "")] = error.reason
        self.kinds.add(error.kind)

    def elsewhere(self) -> None:
        """The next attempt goes another way: it has all its retries."""
        self.retries, self.no_cache = 0, False

    def failure(self, what: str) -> Failure:
        """The end of the effort, as one line that names every way that was tried."""
        (first, why), *others = self.errors.items()
        line = f"{first}: {what}: {why}" + "".join(f"; {way}: {reason}" for way, reason in others)
        return Failure(line, unreachable=BAD_DATA not in self.kinds)


class Fetcher:
    """Gets what a repository's servers hold.  Thread-safe; calls wait, and announce it."""

    def __init__(self, config: RepositoryConfig) -> None:
        self.config = config
        self.route = Route(config.urls, config.proxies) if config.urls else None
        self.external = Route(config.external_urls, config.external_proxies) if config.external_urls else None
        self.downloads = self.received = 0
        self._transport = Transport(config.timeout, config.timeout_direct)
        self._closed = threading.Event()
        self._succeeded = 0.0
        self._dead_until = 0.0
        self._dead_for = 0.0
        self._last: Failure | None = None

    def document(self, name: str, *, no_cache: bool = False) -> tuple[bytes, Hop]:
        """A small file of the server's top directory (``.cvmfspublished`` …) and where it came from; raises Failure.

        With *no_cache* no proxy may answer it by itself.
        """
        sink = PlainSink()
        hop = self._run(self.route, f"/{name}", sink, _NO_CACHE if no_cache else {}, f"file {name}")
        return sink.output.data, hop

    def patience(self) -> Patience:
        """The patience for one thing, from now on."""
        return Patience(self.config.deadline)

    def object(self, path: str, sink: Sink, patience: Patience | None = None) -> None:
        """Feed the object at *path* (``/data/ab/cd…``) into *sink*; raises Failure, or OSError of the sink.

        *patience* is shared with the other objects that make up the same file.
        """
        self._run(self.route, path, sink, {}, f"object {path[1:]}", patience)

    def external_file(
        self, path: bytes, sink: Sink, part: tuple[int, int] | None = None, patience: Patience | None = None
    ) -> None:
        """Feed external file *path*, or a *part* (offset, size), to *sink*; Failure, or OSError of the sink."""
        headers = {"Range": f"bytes={part[0]}-{part[0] + part[1] - 1}"} if part else {}
        what = f"external file {ascii(path)[2:-1]}"
        self._run(self.external, quote(path, safe=_UNESCAPED), sink, headers, what, patience)

    def leave_host(self, hop: Hop) -> None:
        """What *hop* delivered is of no use although it was complete: prefer another server from now on."""
        if self.route is not None:
            self.route.leave_host(hop)

    def _run(
        self,
        route: Route | None,
        path: str,
        sink: Sink,
        headers: Mapping[str, str],
        what: str,
        patience: Patience | None = None,
    ) -> Hop:
        may_block()
        if route is None:
            raise Failure(f"{what}: no server is configured")
        if self._last is not None and time.monotonic() < self._dead_until:
            raise Failure(f"{what}: not tried, no server answered a moment ago ({self._last})", unreachable=True)
        effort = _Effort(self.config, patience or self.patience())
        while True:
            hop = route.current(effort.hosts)
            try:
                self._attempt(hop, path, sink, headers, effort)
            except TransferError as error:
                effort.note(hop, error)
                if not self._go_on(route, hop, error, effort):
                    raise self._give_up(effort, what) from None
            else:
                self._succeeded, self._dead_until, self._dead_for = time.monotonic(), 0.0, 0.0
                log.debug("%s: %s: %s%s", self.config.fqrn, hop.url, what, f" through {hop.proxy}" if hop.proxy else "")
                return hop

    def _attempt(self, hop: Hop, path: str, sink: Sink, headers: Mapping[str, str], effort: _Effort) -> None:
        sink.begin()
        effort.start()
        asked = {**headers, **_NO_CACHE} if effort.no_cache else headers
        self.downloads += 1
        with closing(self._transport.get(hop, hop.url + path, asked, effort.patience)) as blocks:
            for block in blocks:
                self.received += len(block)
                effort.arrived(len(block))
                sink.feed(block)
        sink.finish()

    def _go_on(self, route: Route, hop: Hop, error: TransferError, effort: _Effort) -> bool:
        """Decide about the next attempt (wait if there must be a pause); False when nothing is left to try."""
        if not effort.patience.left() or self._closed.is_set():
            return False
        if error.kind == BAD_DATA and not effort.no_cache:
            effort.no_cache = True
            return True
        if error.kind in (CONNECT, SLOW, SHORT) and not effort.no_cache and effort.retries < self.config.max_retries:
            effort.retries += 1
            return not self._closed.wait(effort.pause())
        effort.elsewhere()
        if error.proxy:
            effort.proxies.add(hop.proxy)
            route.leave_proxy(hop)
            if len(effort.proxies) < route.proxy_count:
                return True
            effort.proxies.clear()
        effort.hosts.add(hop.url)
        route.leave_host(hop)
        return len(effort.hosts) < len(set(route.urls))

    def _give_up(self, effort: _Effort, what: str) -> Failure:
        """The failure to raise.  When nobody at all answered, what follows need not wait for the same again."""
        failure = effort.failure(what)
        if effort.kinds <= {CONNECT, SLOW} and self._succeeded < effort.began:
            self._dead_for = min(max(2 * self._dead_for, self.config.backoff_init), self.config.backoff_max)
            self._dead_until = time.monotonic() + self._dead_for
            self._last = failure
        return failure

    def close(self) -> None:
        """End the pauses of running calls and drop the connections."""
        self._closed.set()
        self._transport.close()

"""Getting objects from servers: fail-over between servers and proxies, retries, and the patience for all of it.

What follows from a failure is decided in effort.py, which way is taken in routes.py, and how one answer is had in
transport.py.  All of it ends when there was no progress for ``config.deadline`` (see patience.py).
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import closing
from urllib.parse import quote

from parrot_py.config.model import RepositoryConfig
from parrot_py.drivers import deadline, tasks
from parrot_py.drivers.base import may_block
from parrot_py.drivers.cvmfs.cache.sink import SMALL_LIMIT, PlainSink, Sink
from parrot_py.drivers.cvmfs.ending import Ending
from parrot_py.drivers.cvmfs.net import headers as header_lines
from parrot_py.drivers.cvmfs.net.effort import Effort, Step
from parrot_py.drivers.cvmfs.net.lanes import Lane, lanes
from parrot_py.drivers.cvmfs.net.outcome import BAD_DATA, TransferError
from parrot_py.drivers.cvmfs.net.patience import Patience
from parrot_py.drivers.cvmfs.net.preparation import Preparation
from parrot_py.drivers.cvmfs.net.routes import Hop, Route
from parrot_py.drivers.cvmfs.net.slots import Slots
from parrot_py.drivers.cvmfs.net.statistics import BYTES, FAILURES, REQUESTS, RETRIES, SECONDS, Statistics, Way
from parrot_py.drivers.cvmfs.net.tls import CredentialSource
from parrot_py.drivers.cvmfs.net.transport import Request, Transport
from parrot_py.drivers.cvmfs.trouble import log

_UNESCAPED = "/:@+-_~[],"


class _Wish:
    """One thing to get: its *path* below a server's URL, where the bytes go, and how it is called in the log."""

    def __init__(self, path: str, sink: Sink, what: str, headers: Mapping[str, str], limit: int | None = None) -> None:
        self.path, self.sink, self.what, self.headers, self.limit = path, sink, what, headers, limit
        # The digits of an object's hash, by which proxies share the load.
        digits = path[6:8] + path[9:15] if path.startswith("/data/") else ""
        self.key = bytes.fromhex(digits) if len(digits) == 8 else None


class Fetcher:
    """Gets what a repository's servers hold.  Thread-safe; calls wait, and announce it.

    *credentials* gives what https servers of a protected repository ask for.
    """

    def __init__(self, config: RepositoryConfig, credentials: CredentialSource | None = None) -> None:
        self.config = config
        self._ending = Ending()
        self._transport = Transport(config, self._ending, credentials)
        self._lane, self._external = lanes(config, self._transport.resolver)
        for lane, most in ((self._lane, config.max_servers), (self._external, config.external_max_servers)):
            lane.prepare = Preparation(config, lane, self._transport, self._ending, most).ready

    @property
    def route(self) -> Route | None:
        """The servers and proxies of the repository; None when no server is configured."""
        return self._lane.route if self._lane.route.urls else None

    @property
    def external(self) -> Route | None:
        """The servers and proxies of external data; None when there are none."""
        return self._external.route if self._external.route.urls else None

    @property
    def slots(self) -> Slots:
        """How many transfers run at once, and who goes first."""
        return self._transport.slots

    @property
    def statistics(self) -> Statistics:
        """What the transfers came to; of external data see ``external_statistics``."""
        return self._lane.statistics

    @property
    def external_statistics(self) -> Statistics:
        """What the transfers of external data came to."""
        return self._external.statistics

    @property
    def downloads(self) -> int:
        """How many requests were made."""
        return self.statistics.requests + self.external_statistics.requests

    @property
    def received(self) -> int:
        """How many bytes of bodies arrived."""
        return self.statistics.received + self.external_statistics.received

    def ways(self) -> list[Way]:
        """What came by each way, external data included."""
        return self.statistics.ways() + self.external_statistics.ways()

    def document(self, name: str, *, no_cache: bool = False) -> tuple[bytes, Hop]:
        """A small file of the server's top directory (``.cvmfspublished`` …) and where it came from; raises Failure.

        *no_cache* passes by all caches on the way.
        """
        sink = PlainSink()
        headers = header_lines.NO_CACHE if no_cache else {}
        wish = _Wish(f"/{name}", sink, f"file {name}", headers, SMALL_LIMIT)
        hop = self._run(self._lane, wish, name.encode(), None)
        return sink.output.data, hop

    def patience(self) -> Patience:
        """The patience for one thing, from now on."""
        return Patience(float("inf") if self.config.failover_indefinitely else deadline.seconds(self.config.deadline))

    def object(self, path: str, sink: Sink, patience: Patience | None = None, info: bytes = b"") -> None:
        """Feed the object at *path* (``/data/ab/cd…``) into *sink*; raises Failure, or OSError of the sink.

        *patience* is shared with the other objects that make up the same file, *info* is its path in the repository.
        """
        self._run(self._lane, _Wish(path, sink, f"object {path[1:]}", {}), info, patience)

    def external_file(
        self, path: bytes, sink: Sink, part: tuple[int, int] | None = None, patience: Patience | None = None
    ) -> None:
        """Feed external file *path*, or a *part* (offset, size), to *sink*; Failure, or OSError of the sink."""
        headers = {"Range": f"bytes={part[0]}-{part[0] + part[1] - 1}"} if part else {}
        what = f"external file {ascii(path)[2:-1]}"
        self._run(self._external, _Wish(quote(path, safe=_UNESCAPED), sink, what, headers), path, patience)

    def leave_host(self, hop: Hop) -> None:
        """What *hop* delivered is of no use although it was complete: prefer another server from now on."""
        self._lane.leave_host(hop)

    def _run(self, lane: Lane, wish: _Wish, info: bytes, patience: Patience | None) -> Hop:
        may_block()
        lane.check(wish.what)
        with tasks.transferring(wish.what, lane.route.urls[0]) as transfer:
            return self._get(lane, wish, info, patience, transfer)

    def _get(self, lane: Lane, wish: _Wish, info: bytes, patience: Patience | None, transfer: tasks.Transfer) -> Hop:
        lane.prepare()
        effort = Effort(self.config, patience or self.patience())
        headers = {**wish.headers, **header_lines.info(info)} if info and self.config.send_info_header else wish.headers
        while True:
            hop = lane.next_hop(effort, wish.key)
            transfer.host, transfer.proxy = hop.url, hop.proxy or ""
            try:
                self._attempt(lane, hop, wish, headers, effort, transfer)
            except TransferError as error:
                lane.statistics.went(FAILURES, hop.url, hop.proxy)
                if not self._go_on(lane, hop, error, effort):
                    raise lane.give_up(effort, wish.what) from None
            else:
                lane.succeeded()
                way = f"{hop.url}{f' through {hop.proxy}' if hop.proxy else ''}"
                log.debug("%s: %s: %s", self.config.fqrn, way, wish.what)
                return hop

    def _attempt(
        self, lane: Lane, hop: Hop, wish: _Wish, headers: Mapping[str, str], effort: Effort, transfer: tasks.Transfer
    ) -> None:
        wish.sink.begin()
        effort.start()
        sent = {**headers, **header_lines.NO_CACHE} if effort.no_cache else headers
        timeout = lane.timeout if hop.proxy else lane.timeout_direct
        request = Request(hop, hop.url + wish.path, sent, effort.patience, timeout, wish.limit, wish.limit is not None)
        count, way = lane.statistics.went, (hop.url, hop.proxy)
        count(REQUESTS, *way)
        transfer.received = 0
        began = time.monotonic()
        try:
            with closing(self._transport.get(request)) as blocks:
                for block in blocks:
                    count(BYTES, *way, len(block))
                    transfer.received += len(block)
                    effort.arrived(len(block))
                    wish.sink.feed(block)
        finally:
            lane.statistics.add(SECONDS, time.monotonic() - began)
        wish.sink.finish()

    def _go_on(self, lane: Lane, hop: Hop, error: TransferError, effort: Effort) -> bool:
        """Do what *error* asks for (wait if there must be a pause); False when nothing is left to try."""
        step = effort.failed(hop, error, *lane.choices())
        log.debug("%s: %s: %s, %s", self.config.fqrn, hop.url, error.reason, step.name.lower().replace("_", " "))
        if self._ending.over or not effort.patience.left():
            return False
        if error.kind == BAD_DATA:
            self._transport.distrust()
        if step is Step.PAST_CACHES:
            lane.statistics.add(RETRIES)
            return True
        if step is Step.AGAIN:
            lane.statistics.add(RETRIES)
            return not self._ending.wait(effort.pause())
        if step is Step.OTHER_PROXY:
            lane.leave_proxy(hop)
            return True
        if error.proxy:
            lane.route.reset_proxies()
        lane.leave_host(hop)
        if step is Step.GIVE_UP and self.config.failover_indefinitely:
            effort.begin_anew()
            return not self._ending.wait(effort.pause())
        return step is Step.OTHER_HOST

    def close(self) -> None:
        """End the waits of running calls, which fail, and drop the connections."""
        self._ending.come()
        self._transport.close()

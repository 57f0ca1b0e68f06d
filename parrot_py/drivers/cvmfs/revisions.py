"""Which revision is shown: the first one is opened when somebody asks, newer ones follow when the TTL says so.

The TTL is a property of the root catalog that is shown, capped by ``max_ttl``.  When it is over, a thread of its own
asks the servers for a newer revision and loads its root catalog; nobody waits for that.  The revision is then *ready*,
and is shown from the next :meth:`Revisions.settle` on.  When nothing can be proven, what is shown stays, and the next
try is after RETRY seconds; only a revision that the site has blacklisted meanwhile is shown no longer.  A fixed
revision (root hash, tag, date) never changes.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from parrot_py import codes, threads
from parrot_py.config.model import RepositoryConfig
from parrot_py.drivers.cvmfs.cache.pins import Pins
from parrot_py.drivers.cvmfs.catalogs.tree import Tree
from parrot_py.drivers.cvmfs.flights import Flights
from parrot_py.drivers.cvmfs.trouble import Failure, log
from parrot_py.drivers.cvmfs.trust.authz import Gate
from parrot_py.drivers.cvmfs.trust.session import Revoked, Session
from parrot_py.drivers.cvmfs.view import View

DEFAULT_TTL, LEAST_TTL, RETRY = 240.0, 1.0, 180.0


class Revisions:
    """The view that is shown, and the one that is ready to take its place.  Thread-safe; raises Failure."""

    def __init__(self, config: RepositoryConfig, session: Session, tree: Tree, gate: Gate, pins: Pins) -> None:
        self._config, self._session, self._tree, self._gate, self._pins = config, session, tree, gate, pins
        self._flights: Flights[View] = Flights(config.fqrn, config.backoff_init, config.backoff_max)
        self._lock = threading.Lock()
        self._shown: View | Revoked | None = None
        self._ready: View | Revoked | None = None
        self._latest: View | None = None
        self._news: Callable[[], None] | None = None
        self._closed = threading.Event()
        self._due = 0.0
        self.offline = False

    @property
    def latest(self) -> View | None:
        """The newest view that is known, shown or about to be; None before the repository was opened."""
        return self._latest

    def current(self) -> View:
        """The view that is shown now, to who may see it; opens the first one, which waits."""
        if self._ready is not None and self._news is None:
            self.settle()
        shown = self._shown
        if shown is None:
            shown = self._flights.run("revision", self._open)
        if isinstance(shown, Revoked):
            raise shown.again()
        self._gate.check()
        return shown

    def settle(self) -> bool:
        """Show what is ready, if anything is; whether there was."""
        with self._lock:
            ready, self._ready = self._ready, None
            if ready is None:
                return False
            before, self._shown = self._shown, ready
        if isinstance(ready, View):
            self._gate.require(ready.root.catalog.facts.authz)
            log.info("%s: revision %d is shown from now on", self._config.fqrn, ready.revision)
        if isinstance(before, View) and before.root is not getattr(ready, "root", None):
            before.root.catalog.close(patient=False)
        return True

    def watch(self, news: Callable[[], None]) -> None:
        """Call *news* when something is ready, and leave it to the caller when to settle."""
        self._news = news

    def expires(self) -> float | None:
        """Seconds until the next look for a newer revision; None when there will be none."""
        return max(0.0, self._due - time.monotonic()) if self._due else None

    def close(self) -> None:
        """Look for nothing any more."""
        self._closed.set()

    def _open(self) -> View:
        if self._latest is not None:
            return self._latest
        view = View(self._tree, self._session.open(), self._config.subpath)
        self.offline = view.opened.offline
        self._gate.require(view.root.catalog.facts.authz)
        self._latest = self._shown = view
        if self._config.auto_update and not view.opened.fixed and not self._closed.is_set():
            self._due = time.monotonic() + self._ttl(view)
            threads.start(self._follow, "parrot-revisions")
        return view

    def _ttl(self, view: View) -> float:
        """Seconds until the revision after *view* is to be looked for."""
        if self.offline:
            return RETRY
        ttl = float(view.root.catalog.facts.ttl or DEFAULT_TTL)
        return max(LEAST_TTL, min(ttl, self._config.max_ttl or ttl))

    def _follow(self) -> None:
        assert self._latest is not None
        while not self._closed.wait(max(0.0, self._due - time.monotonic())):
            try:
                self.renew()
            except Exception:  # noqa: BLE001 - a defect of ours must not end the updates for ever
                log.exception("%s: looking for a newer revision", self._config.fqrn, extra=codes.DEFECT.extra)
            self._due = time.monotonic() + self._ttl(self._latest)

    def renew(self) -> None:
        """Look for a newer revision now, and make it ready.  Trouble is one line in the log."""
        latest = self._latest
        if latest is None:
            return
        try:
            opened = self._session.refresh(latest.opened)
            if opened is not None:
                latest = View(self._tree, opened, self._config.subpath)
        except Revoked as failure:
            failure.report(self._config.fqrn)
            self._offer(failure)
        except Failure as failure:
            if self._closed.is_set():
                return  # nobody waits for it any more
            log.warning(
                "%s: no newer revision can be had, next try in %.0f s (%s)",
                self._config.fqrn,
                RETRY,
                failure,
                extra=codes.NO_NEWER.extra,
            )
            self.offline = True
        else:
            self.offline = False
            if opened is not None or isinstance(self._shown, Revoked):
                self._latest = latest
                self._pins.begin(latest.opened.root.cache_path())
                self._offer(latest)

    def _offer(self, ready: View | Revoked) -> None:
        with self._lock:
            self._ready = ready
        if self._news is not None:
            self._news()

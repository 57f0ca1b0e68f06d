"""What a run is doing and has done so far, in figures: the one place from which all who tell of it take them.

``--stats``, ``--stats-file`` (JSON, Prometheus), SIGUSR1, the line on a terminal and ``parrot_cvmfs status``.
Belongs to the tracer's thread, and never waits.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from parrot_py import __version__
from parrot_py.config.proxies import mask
from parrot_py.engine.core import Engine, Stop
from parrot_py.namespace import Namespace
from parrot_py.parking import Parking, Wait
from parrot_py.process import read_status
from parrot_py.syscalls.table import Row

_VERBS = {"lookup": "looks up", "listdir": "lists", "materialise": "fetches", "find": "configures"}
_HITS, _MISSES = "cache.n_hits", "cache.n_misses"

Figures = Mapping[str, Any]


class Figure(NamedTuple):
    """One number with its name, what it is about, and whether it only grows."""

    name: str
    labels: Mapping[str, str]
    value: float
    grows: bool = True


def engine_counters(engine: Engine, rows: Sequence[Row]) -> dict[str, int]:
    """The engine's counters, memory in KiB, and the stops of each call that stopped."""
    found = engine.counters()
    # Not ru_maxrss: that begins with the peak of whoever started us.
    found["rss_max_kib"] = int(read_status(os.getpid())["VmHWM"].split()[0])
    calls = {f"stops.{row.name}": engine.call_count(index) for index, row in enumerate(rows)}
    return {**found, **{name: count for name, count in calls.items() if count}}


class Account:
    """Gives the figures of one run."""

    def __init__(self, engine: Engine, namespace: Namespace, parking: Parking, rows: Sequence[Row]) -> None:
        self._engine, self._namespace, self._parking, self._rows = engine, namespace, parking, rows
        self.job: tuple[str, ...] = ()
        """The command of the job."""
        self._began, self._since = time.monotonic(), time.time()

    def figures(self) -> dict[str, Any]:
        """Everything, as docs/observing.md has it."""
        drivers = self._namespace.counters()
        parked = self._parking.parked
        return {
            "version": __version__,
            "host": os.uname().nodename,
            "pid": os.getpid(),
            "started": self._since,
            "seconds": time.monotonic() - self._began,
            "engine": engine_counters(self._engine, self._rows),
            "drivers": drivers,
            "hit_rates": {mount: rate for mount, told in drivers.items() if (rate := hit_rate(told)) is not None},
            "ways": [
                {"mount": mount, **way._asdict()} for mount, ways in self._namespace.ways().items() for way in ways
            ],
            "parked": {
                "now": sum(len(wait.waiters) for wait in self._parking.now()),
                "count": parked.count,
                "seconds": parked.seconds,
                "microseconds": list(parked.buckets),
            },
        }

    def waiting(self) -> list[dict[str, Any]]:
        """What is waited for now, the longest first."""
        told = [self.wait(wait) for wait in self._parking.now() if wait.waiters]
        return sorted(told, key=lambda one: -float(one["seconds"]))

    def wait(self, wait: Wait) -> dict[str, Any]:
        """One thing that is waited for.  On any thread."""
        now = time.monotonic()
        method, path = self._namespace.about(wait.park.question)
        return {
            "does": _VERBS.get(method, method),
            "path": os.fsdecode(path),
            "seconds": max((now - since for _, since in list(wait.waiters)), default=0.0),
            "waiters": [_waiter(who.tid if isinstance(who, Stop) else who.pid) for who, _ in list(wait.waiters)],
            "transfers": [
                {
                    "object": transfer.what,
                    "host": mask(transfer.host),
                    "proxy": mask(transfer.proxy),
                    "bytes": transfer.received,
                    "seconds": now - transfer.began,
                }
                for transfer in wait.task.transfers()
            ],
        }


def _waiter(tid: int) -> dict[str, Any]:
    """Process, thread and name of who waits."""
    try:
        status = read_status(tid)
        return {"pid": int(status["Tgid"]), "tid": tid, "name": status["Name"].strip()}
    except (OSError, KeyError, ValueError):
        return {"pid": tid, "tid": tid, "name": ""}  # gone in this very moment


def hit_rate(counters: Mapping[str, int]) -> float | None:
    """How many of the files that were asked for were in the cache, 0 to 1; None where none was asked for."""
    hits, misses = counters.get(_HITS, 0), counters.get(_MISSES, 0)
    return hits / (hits + misses) if hits + misses else None


def listed(figures: Figures) -> Iterator[Figure]:
    """All numbers of *figures*, one by one; the histogram is not among them."""
    for name, value in figures["engine"].items():
        kind, _, call = name.partition(".")
        if call:
            yield Figure(f"engine.{kind}.by_call", {"call": call}, value)
        else:
            yield Figure(f"engine.{name}", {}, value, name != "rss_max_kib")
    for mount, values in sorted(figures["drivers"].items()):
        for name, value in sorted(values.items()):
            yield Figure(f"driver.{name}", {"mount": mount}, value, name != "names")
    for mount, rate in sorted(figures["hit_rates"].items()):
        yield Figure("driver.cache.hit_rate", {"mount": mount}, rate, False)
    for way in figures["ways"]:
        labels = {"mount": way["mount"], "host": way["host"], "proxy": way["proxy"] or "DIRECT"}
        for name in ("requests", "bytes", "failures"):
            yield Figure(f"way.{name}", labels, way[name])
    parked = figures["parked"]
    yield Figure("parked.now", {}, parked["now"], False)
    yield Figure("parked.count", {}, parked["count"])
    yield Figure("parked.seconds", {}, parked["seconds"])

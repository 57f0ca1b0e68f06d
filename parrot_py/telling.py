"""The figures of a run as text for people: for the log (SIGUSR1) and for ``parrot_cvmfs status``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

_LEAST = 16
"""Characters of a path that a line shows in any case."""

Told = Mapping[str, Any]


def lines(figures: Told, waiting: Sequence[Told]) -> Iterator[str]:
    """Who waits for what, and what each repository has come to."""
    for wait in waiting:
        yield from _wait(wait)
    if not waiting:
        yield "nobody waits"
    parked = figures["parked"]
    if parked["count"]:
        yield f"waited {parked['count']} times, {parked['seconds']:.1f} s in all"
    for mount, counters in sorted(figures["drivers"].items()):
        yield _driver(mount, counters, figures["hit_rates"].get(mount))
    for way in figures["ways"]:
        failures = f", {way['failures']} failed" if way["failures"] else ""
        via = _via(way["host"], way["proxy"])
        yield f"{way['mount']}: {via}: {way['requests']} requests{failures}, {size(way['bytes'])}"


def _wait(wait: Told) -> Iterator[str]:
    for waiter in wait["waiters"]:
        yield f"{_name(waiter)} waits {wait['seconds']:.0f} s: {wait['does']} {wait['path']}"
    for transfer in wait["transfers"]:
        yield f"  {transfer_text(transfer)}"


def transfer_text(transfer: Told) -> str:
    """What is being got from where."""
    where = f" from {_via(transfer['host'], transfer['proxy'])}" if transfer["host"] else ""
    return f"{transfer['object']}{where}, {size(transfer['bytes'])} in {transfer['seconds']:.0f} s"


def progress_text(wait: Told, width: int) -> str:
    """The same in one line of at most *width* characters: a long path loses its beginning."""
    waiter = wait["waiters"][0] if wait["waiters"] else {"name": "", "pid": ""}
    got = sum(transfer["bytes"] for transfer in wait["transfers"])
    hosts = [urlsplit(transfer["host"]).netloc for transfer in wait["transfers"] if transfer["host"]]
    where = f" from {hosts[0].rpartition('@')[2]}" if hosts else ""
    head, tail = f"parrot_run: {wait['seconds']:.0f} s: ", f", {waiter['name']}[{waiter['pid']}], {size(got)}{where}"
    room = max(_LEAST, width - len(head) - len(tail))
    path = wait["path"] if len(wait["path"]) <= room else "..." + wait["path"][3 - room :]
    return "".join(char if " " <= char <= "~" else "?" for char in head + path + tail)[:width]


def _driver(mount: str, counters: Mapping[str, int], rate: float | None) -> str:
    found = sum(value for name, value in counters.items() if name.endswith("sz_transferred_bytes"))
    asked = sum(value for name, value in counters.items() if name.endswith("n_requests"))
    opened = counters.get("cache.n_hits", 0) + counters.get("cache.n_misses", 0)
    hits = "" if rate is None else f", {opened} files, {100 * rate:.0f} % of them from the cache"
    return f"{mount}: {asked} requests, {size(found)}{hits}"


def _name(waiter: Told) -> str:
    thread = f" (thread {waiter['tid']})" if waiter["tid"] != waiter["pid"] else ""
    return f"pid {waiter['pid']} {waiter['name']}{thread}"


def _via(host: str, proxy: str) -> str:
    return f"{host} through {proxy}" if proxy else host


def size(amount: float) -> str:
    """A number of bytes for people: ``1.2 MiB``."""
    for unit in ("B", "KiB", "MiB", "GiB"):
        if amount < 1024:
            return f"{amount:.0f} {unit}" if unit == "B" else f"{amount:.1f} {unit}"
        amount /= 1024
    return f"{amount:.1f} TiB"

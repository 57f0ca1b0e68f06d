"""Figures of big repositories: the driver alone, and the walk of 100,000 entries in 50 nested catalogs."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from bench.bigtree import Shape, publish_big
from bench.counters import COUNTER
from bench.site import ROOT, Trouble, checked
from parrot_py.drivers.cvmfs.publish.keys import open_keys
from parrot_py.drivers.cvmfs.publish.publication import publish

MANY, BIG = "many.parrot.local", "big.parrot.local"
ENTRIES, SHAPE = 10_000, Shape(entries=100_000, catalogs=50)
_WALK = "import os, sys; print(sum(len(d) + len(f) for _, d, f in os.walk(sys.argv[1])))"


class BigSite:
    """The repositories, each made when it is first asked for, and the figures, each a line of text."""

    def __init__(self, work: Path) -> None:
        self._work = work

    def figures(self) -> dict[str, Callable[[], str]]:
        """What can be measured, by name."""
        top = f"/cvmfs/{BIG}"
        walks = {
            "find": ["find", top],
            "ls -lR": ["ls", "-lR", top],
            "os.walk": ["/usr/bin/python3", "-SE", "-c", _WALK, top],
        }
        table: dict[str, Callable[[], str]] = {"driver alone": self._driver}
        for name, words in walks.items():
            table[f"walk of 100,000 entries in 50 catalogs, {name}"] = partial(self._walk, words)
        return table

    def _many(self) -> str:
        place = self._work / "many"
        if not place.exists():
            (place / "tree" / "many").mkdir(parents=True)
            for number in range(ENTRIES):
                (place / "tree" / "many" / f"module_{number:05}.py").write_text(f"{number % 100}\n")
            publish(place / "tree", place / "web", open_keys(place / "keys", MANY), None)
        return _entry(MANY, place)

    def _big(self) -> str:
        place = self._work / "big"
        if not place.exists():
            place.mkdir()
            publish_big(place, BIG, SHAPE)
        return _entry(BIG, place)

    def _driver(self) -> str:
        command = [sys.executable, str(ROOT / "bench" / "lookups.py"), self._many()]
        found: dict[str, float] = json.loads(checked(command))
        return (
            f"{found['known']:,.0f} look-ups a second of known names, {found['missing']:,.0f} of missing ones, "
            f"{found['fresh']:,.0f} of names never asked for; listing of {found['entries']:,.0f} entries "
            f"{found['listing']:.1f} ms"
        )

    def _walk(self, words: list[str]) -> str:
        """Time and peak memory of a walk; the catalogs are in the cache, nothing is in memory."""
        log = self._work / "walk.log"
        options = ["-t", str(self._work / "walk"), "-r", self._big(), "--stats", "-o", str(log)]
        command = [str(ROOT / "bin" / "parrot_run"), *options, "--", *words]
        checked(command)
        log.unlink()
        began = time.perf_counter()
        checked(command)
        took = time.perf_counter() - began
        counters = dict(COUNTER.findall(log.read_text(errors="replace")))
        if "rss_max_kib" not in counters:
            raise Trouble("no counters in the log")
        peak = int(counters["rss_max_kib"]) / 1024
        return f"{took:.1f} s, tracer's peak memory {peak:.0f} MiB, {int(counters['stops']):,} stops"


def _entry(name: str, place: Path) -> str:
    return f"{name}:pubkey={place}/keys/{name}.pub,url=file://{place}/web/{name}"

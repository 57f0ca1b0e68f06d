"""``parrot_cvmfs verify``."""

from __future__ import annotations

import argparse
import os
import threading
from collections.abc import Callable, Sequence
from typing import Any

from parrot_py import codes
from parrot_py.drivers.cvmfs.cache.audit import DAMAGED, GOOD, UNKNOWN, Auditor, Stock, stock
from parrot_py.drivers.cvmfs.repository import Repository
from parrot_py.tools import caches, output, status
from parrot_py.tools.context import Context
from parrot_py.tools.output import Meter
from parrot_py.tools.pool import Pool

_EPILOG = """\
Every object is hashed again.  What another zlib than the one here has compressed cannot be told from damage by that
alone: such objects are compared with fresh copies from the servers of the repositories that use the cache, if they are
few or REPO is named, and count as unknown otherwise.  --repair removes what is damaged; it is fetched anew when it is
needed.  The exit status is 5 when damage was found and is still there.
"""

_FEW = 100


def add(parser: argparse.ArgumentParser) -> None:
    """The arguments."""
    parser.epilog = _EPILOG
    parser.add_argument("repository", metavar="REPO", nargs="*", help="whose servers to ask, and whose cache to check")
    parser.add_argument("--repair", action="store_true", help="remove damaged objects")


def run(arguments: argparse.Namespace, context: Context) -> int:
    """Check.  JSON: one object with the numbers, and ``damaged``, a list of objects."""
    names = [context.fqrn(text) for text in arguments.repository]
    reports = []
    for root in caches.roots(context, names):
        with context.output.meter("checking") as meter:
            check = _Check(root, context.output, meter, repair=arguments.repair)
            check.all()
            doubtful = len(check.unknown)
            if names or doubtful <= _FEW:
                check.settle([context.repository(name) for name in names or caches.users(context, root)])
        reports.append(check.report())
    damage = sum(len(report["damaged"]) - report["removed"] for report in reports)
    if context.output.json:
        context.output.document({"caches": reports, "status": status.DAMAGED if damage else status.OK})
    return status.DAMAGED if damage else status.OK


class _Check:
    """The check of one cache."""

    def __init__(self, root: str, out: output.Output, meter: Meter, *, repair: bool) -> None:
        self._root, self._output, self._meter, self._repair = root, out, meter, repair
        self._auditor = Auditor(root)
        self._lock = threading.Lock()
        self._counts = {GOOD: 0, DAMAGED: 0, UNKNOWN: 0}
        self._bytes = self._removed = 0
        self._damaged: list[dict[str, Any]] = []
        self.unknown: list[Stock] = []

    def all(self) -> None:
        """Check every object by itself."""
        self._auditor.learn()
        with Pool(min(8, (os.cpu_count() or 1) + 1)) as pool:
            for each in stock(self._root):
                self._meter.expect(1, each.size)
                pool.add(self._one, each, self._auditor.check)

    def settle(self, repositories: Sequence[Repository]) -> None:
        """Ask the servers about what is unknown."""
        asked, self.unknown = self.unknown, []
        with Pool() as pool:
            for each in asked:
                self._meter.expect(1, each.size)
                with self._lock:  # counted again
                    self._counts[UNKNOWN] -= 1
                    self._bytes -= each.size
                pool.add(self._one, each, lambda one: self._auditor.settle(one, repositories))

    def _one(self, each: Stock, check: Callable[[Stock], str]) -> None:
        try:
            self._note(each, check(each))
        except FileNotFoundError:
            pass  # evicted meanwhile
        except OSError as error:
            # What cannot be read is of no use, and a disk that fails is what people look for.
            self._note(each, DAMAGED, error.strerror)
        self._meter.done(1, each.size)

    def _note(self, each: Stock, found: str, reason: str | None = None) -> None:
        removed = found == DAMAGED and self._repair and self._remove(each)
        with self._lock:
            self._counts[found] += 1
            self._bytes += each.size
            self._removed += removed
            if found == UNKNOWN:
                self.unknown.append(each)
            if found == DAMAGED:
                self._damaged.append({"name": each.name, "size": each.size, "reason": reason, "removed": removed})
                if not self._output.json:
                    self._output.text(f"damaged: {each.path}{' (removed)' if removed else ''}\n")

    def _remove(self, each: Stock) -> bool:
        try:
            os.unlink(each.path)
        except OSError as error:
            self._output.complain(f"{each.path}: {error.strerror}", codes.LITTER)
            return False
        return True

    def report(self) -> dict[str, Any]:
        """Say what was found; for JSON."""
        counts = self._counts
        objects = sum(counts.values())
        if not self._output.json:
            text = f"{self._root}: {objects} objects ({output.size(self._bytes)}) checked, {counts[DAMAGED]} damaged"
            text += f", {self._removed} of them removed" if self._removed else ""
            text += f", {counts[UNKNOWN]} unknown" if counts[UNKNOWN] else ""
            self._output.text(text + "\n")
        return {
            "cache": self._root,
            "objects": objects,
            "bytes": self._bytes,
            "good": counts[GOOD],
            "unknown": sorted(each.name for each in self.unknown),
            "removed": self._removed,
            "damaged": sorted(self._damaged, key=lambda each: str(each["name"])),
        }

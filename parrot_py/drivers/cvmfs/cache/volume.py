"""The repository as a volume: what statfs tells, which `df` and programs that look for room ask for."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from parrot_py.drivers.base import StatFs, may_block
from parrot_py.drivers.cvmfs.trouble import Failure

if TYPE_CHECKING:
    from parrot_py.drivers.cvmfs.driver import CvmfsDriver

_BLOCK = 512
_LEAST_SECONDS = 1.0
_UNLIMITED = 1 << 60
_KINDS = ("regular", "dir", "symlink", "special")


class Volume:
    """Answers statfs: sizes are those of the cache, files those of the repository.  Thread-safe.

    Some programs ask all the time, so an answer holds for ``config.statfs_timeout`` seconds, one at least.
    """

    def __init__(self, driver: CvmfsDriver) -> None:
        self._driver = driver
        self._answer = StatFs()
        self._until = 0.0

    def statfs(self) -> StatFs:
        """All zeros while the repository is not open; no blocks for a cache that others look after."""
        if self._driver.revisions.latest is None:
            return StatFs()
        now = time.monotonic()
        if now >= self._until:
            may_block()  # the books of the cache are files, too
            self._answer = self._now()
            self._until = now + max(_LEAST_SECONDS, self._driver.config.statfs_timeout)
        return self._answer

    def _now(self) -> StatFs:
        blocks, free = self._space()
        files = self._files()
        unseen = max(0, files - self._driver.tree.loaded_entries)
        return StatFs(_BLOCK, blocks, free, free, files, unseen)

    def _space(self) -> tuple[int, int]:
        """Blocks that the cache may have, and how many of them are not taken."""
        if self._driver.config.alien:
            return 0, 0
        capacity = self._driver.cache.capacity()
        if capacity >= _UNLIMITED:
            return 0, 0
        return capacity // _BLOCK, max(0, capacity - self._driver.cache.used()) // _BLOCK

    def _files(self) -> int:
        """How many entries the repository has, as its root catalog counts them."""
        try:
            counters = self._driver.view().root.catalog.counters()
        except Failure as failure:
            failure.report(self._driver.fqrn)
            return 0
        return sum(max(0, counters.get(f"{part}_{kind}", 0)) for part in ("self", "subtree") for kind in _KINDS)

"""A driver whose module is imported when it is first asked for something, and never by the thread that traces."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from parrot_py.drivers.base import Driver, Entry, Inode, StatFs, may_block


class Deferred:
    """Stands for the driver that *make* will make; the methods are those of :class:`Driver`.

    Importing a driver takes as long as a slow answer (tens of milliseconds), so it is announced like one.
    """

    def __init__(self, make: Callable[[], Driver]) -> None:
        self._make = make
        self._made: Driver | None = None
        self._closed = False
        self._news: Callable[[], None] | None = None
        self._lock = threading.Lock()

    def _driver(self) -> Driver:
        if self._made is None:
            may_block()
            with self._lock:
                if self._made is None:
                    made = self._make()
                    if self._closed:
                        made.close()
                    if self._news is not None:
                        made.watch(self._news)
                    self._made = made
        return self._made

    def lookup(self, path: bytes) -> Inode:
        """See :meth:`Driver.lookup`."""
        return self._driver().lookup(path)

    def listdir(self, inode: Inode) -> Sequence[Entry]:
        """See :meth:`Driver.listdir`."""
        return self._driver().listdir(inode)

    def materialise(self, inode: Inode) -> str:
        """See :meth:`Driver.materialise`."""
        return self._driver().materialise(inode)

    def getxattr(self, inode: Inode, name: bytes, gid: int | None = None) -> bytes:
        """See :meth:`Driver.getxattr`."""
        return self._driver().getxattr(inode, name, gid)

    def listxattr(self, inode: Inode) -> Sequence[bytes]:
        """See :meth:`Driver.listxattr`."""
        return self._driver().listxattr(inode)

    def watch(self, news: Callable[[], None]) -> None:
        """See :meth:`Driver.watch`."""
        with self._lock:
            self._news = news
            if self._made is not None:
                self._made.watch(news)

    def settle(self) -> bool:
        """See :meth:`Driver.settle`."""
        return self._made is not None and self._made.settle()

    def statfs(self) -> StatFs:
        """See :meth:`Driver.statfs`."""
        return self._driver().statfs()

    def origins(self, inode: Inode) -> Sequence[str]:
        """See :meth:`Driver.origins`."""
        return self._driver().origins(inode)

    def digests(self, inode: Inode) -> Mapping[str, str]:
        """See :meth:`Driver.digests`."""
        return self._driver().digests(inode)

    def counters(self) -> Mapping[str, int]:
        """See :meth:`Driver.counters`."""
        return {} if self._made is None else self._made.counters()

    def ways(self) -> Sequence[Any]:
        """What the driver says of requests by server and proxy, if it says anything: see parrot_py/figures.py."""
        told: Sequence[Any] = getattr(self._made, "ways", tuple)()
        return told

    def close(self) -> None:
        """See :meth:`Driver.close`; a driver that nobody asked for anything is not made for that."""
        self._closed = True
        if self._made is not None:
            self._made.close()


class Leading(Deferred):
    """The same for a driver whose directories may be gone through without being looked at: it has a ``passage``."""

    def passage(self, path: bytes) -> Inode | None:
        """The directory *path* as something to go through; ``None``: look at it."""
        found: Inode | None = self._driver().passage(path)  # type: ignore[attr-defined]  # not in the contract
        return found

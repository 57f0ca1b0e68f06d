"""``/grow/HOST[:PORT]/PATH``: all trees that are exported anywhere, found on the way to what a job names.

Nothing lists the exports of a server.  So each directory on the way is asked for a listing, until one has it; what lies
above it are passages, of which nothing can be said.  An export inside another one is seen as a part of the outer one,
unless the job came to it first.
"""

from __future__ import annotations

import errno
import itertools
import os
import stat
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple
from urllib.parse import quote

from parrot_py.config.model import RepositoryConfig
from parrot_py.drivers.base import Entry, Inode, StatFs
from parrot_py.drivers.cvmfs.net.statistics import Way
from parrot_py.drivers.grow.driver import GrowDriver
from parrot_py.drivers.hostnames import leads_to_a_host

_LOCAL = b"local"
_ABSENT_FOR = 60.0
"""Seconds for which a directory without a listing is not asked again."""
_INODES = 40
"""Each export has inode numbers of its own: so many bits below its number."""


class Content(NamedTuple):
    """What the driver keeps in an inode: the export, and what that says."""

    export: GrowDriver
    inode: Inode


class GrowHosts:
    """Implements :class:`parrot_py.drivers.base.Driver` over every export that can be reached; thread-safe.

    *config* is that of an export, without URLs.  *checksums* and *root* are those of :class:`GrowDriver`.
    """

    def __init__(self, config: RepositoryConfig, *, checksums: bool = True, root: str | None = None) -> None:
        self._config, self._checksums, self._root = config, checksums, root
        self._lock = threading.Lock()
        self._exports: dict[bytes, GrowDriver] = {}
        self._absent: dict[bytes, float] = {}
        self._trials: dict[bytes, GrowDriver] = {}
        self._numbers = itertools.count(1)
        self._news: Callable[[], None] | None = None
        self._began = int(time.time()) * 10**9

    def passage(self, path: bytes) -> Inode | None:
        """The directory *path* as something to go through, None where it is in an export; may wait."""
        if self._known(path) or not leads_to_a_host(path) or self._found(path):
            return None
        return self._between(path)

    def lookup(self, path: bytes) -> Inode:
        """See :meth:`Driver.lookup`."""
        if not path:
            return self._between(path)
        place = self._known(path)
        if place is None and leads_to_a_host(path) and self._found(path):
            place = path
        if place is None:
            raise OSError(errno.ENOENT, os.strerror(errno.ENOENT), path)
        export = self._exports[place]
        return _outer(export, place, export.lookup(path[len(place) :]))

    def _between(self, path: bytes) -> Inode:
        return Inode(path, 1, stat.S_IFDIR | 0o555, 2, os.getuid(), os.getgid(), 0, 4096, self._began)

    def _known(self, path: bytes) -> bytes | None:
        """The name of the export that *path* is in, if that was found already."""
        return next((place for place in self._exports if path == place or path.startswith(place + b"/")), None)

    def _found(self, path: bytes) -> bool:
        """Whether there is an export at *path*; may wait.  EIO where that cannot be told."""
        if path in self._exports:
            return True
        if time.monotonic() < self._absent.get(path, 0.0):
            return False
        with self._lock:
            trial = self._trials.get(path)
            if trial is None:
                # Never a number again: of trials that are under way together any may turn out to be an export.
                trial = self._trials[path] = self._export(path, next(self._numbers))
        there = trial.exists()
        with self._lock:
            self._trials.pop(path, None)
            if there and path not in self._exports:
                if self._news is not None:
                    trial.watch(self._news)
                self._exports[path] = trial
            elif not there:
                self._absent[path] = time.monotonic() + _ABSENT_FOR
                trial.close()
        return there

    def _export(self, path: bytes, number: int) -> GrowDriver:
        host, _, rest = path[1:].partition(b"/")
        if host == _LOCAL:
            url = f"file:///{quote(rest)}"
        else:
            scheme = "https" if host.endswith(b":443") else "http"
            url = f"{scheme}://{host.decode()}/{quote(rest)}".rstrip("/")
        config = self._config._replace(fqrn=f"grow {os.fsdecode(path)[1:]}", urls=(url,))
        return GrowDriver(config, checksums=self._checksums, root=self._root, first_ino=number << _INODES)

    def listdir(self, inode: Inode) -> Sequence[Entry]:
        """See :meth:`Driver.listdir`; above the exports there is nothing to be listed."""
        if not isinstance(inode.content, Content):
            return []
        export, inner = inode.content
        place = inode.path[: len(inode.path) - len(inner.path)]
        return [Entry(entry.name, _outer(export, place, entry.inode)) for entry in export.listdir(inner)]

    def materialise(self, inode: Inode) -> str:
        """See :meth:`Driver.materialise`."""
        if not isinstance(inode.content, Content):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), inode.path)
        return inode.content.export.materialise(inode.content.inode)

    def getxattr(self, inode: Inode, name: bytes, gid: int | None = None) -> bytes:  # noqa: ARG002 - for everybody
        """See :meth:`Driver.getxattr`: the format has no attributes."""
        raise OSError(errno.ENODATA, os.strerror(errno.ENODATA), inode.path, None, name)

    def listxattr(self, inode: Inode) -> Sequence[bytes]:  # noqa: ARG002 - there are none anywhere
        """See :meth:`Driver.listxattr`."""
        return ()

    def watch(self, news: Callable[[], None]) -> None:
        """See :meth:`Driver.watch`."""
        with self._lock:
            self._news = news
            for export in self._exports.values():
                export.watch(news)

    def settle(self) -> bool:
        """See :meth:`Driver.settle`."""
        return sum(export.settle() for export in list(self._exports.values())) > 0

    def statfs(self) -> StatFs:
        """See :meth:`Driver.statfs`."""
        return StatFs()

    def origins(self, inode: Inode) -> Sequence[str]:
        """See :meth:`Driver.origins`."""
        return inode.content.export.origins(inode.content.inode) if isinstance(inode.content, Content) else ()

    def digests(self, inode: Inode) -> Mapping[str, str]:
        """See :meth:`Driver.digests`."""
        return inode.content.export.digests(inode.content.inode) if isinstance(inode.content, Content) else {}

    def counters(self) -> Mapping[str, int]:
        """See :meth:`Driver.counters`."""
        exports = list(self._exports.values())
        names = {name: 0 for export in exports for name in export.counters()}
        return {name: sum(export.counters().get(name, 0) for export in exports) for name in names}

    def ways(self) -> Sequence[Way]:
        """Requests, bytes and failures by server and proxy."""
        return [way for export in list(self._exports.values()) for way in export.ways()]

    def close(self) -> None:
        """See :meth:`Driver.close`."""
        with self._lock:
            for export in (*self._exports.values(), *self._trials.values()):
                export.close()


def _outer(export: GrowDriver, place: bytes, inode: Inode) -> Inode:
    """*inode* of the *export* at *place* as one of ours."""
    return inode._replace(path=place + inode.path, content=Content(export, inode))

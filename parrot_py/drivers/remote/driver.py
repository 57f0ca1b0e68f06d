"""A tree whose server is asked name by name, as a driver.

The server may change anything at any time, and does not tell.  So an answer is believed for a while (*ttl*, or what the
server says); then all that is known becomes history, and what is asked for again is a newer state of the tree.  A name
keeps its inode number through states in which the server says the same of it.
"""

from __future__ import annotations

import errno
import hashlib
import os
import stat
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import NoReturn, Union

from parrot_py.config.model import RepositoryConfig
from parrot_py.drivers.base import Entry, Inode, StatFs
from parrot_py.drivers.cvmfs.cache.kept import Kept
from parrot_py.drivers.cvmfs.cache.layers import Layers
from parrot_py.drivers.cvmfs.flights import Flights
from parrot_py.drivers.cvmfs.net.statistics import Way
from parrot_py.drivers.cvmfs.trouble import Failure, answering
from parrot_py.drivers.remote.source import DIRECTORY, LINK, Fact, Source, text
from parrot_py.drivers.remote.state import Content, State, deduced

USUAL_TTL = 60.0
"""Seconds for which an answer is believed when the server says nothing about that."""

_FIRST_INO = 2
_FACTS = (errno.ENOENT, errno.ENOTDIR, errno.EACCES, errno.EPERM, errno.ELOOP, errno.ENAMETOOLONG)
_MOST_NUMBERS = 1 << 20


class RemoteDriver:
    """Implements :class:`parrot_py.drivers.base.Driver` over a *source*; thread-safe.

    Of *config* count: cache, quota, owner, ``deadline`` and back-off.  *ttl* is in seconds; infinity
    counts for all answers, whatever the server says.
    """

    def __init__(self, source: Source, config: RepositoryConfig, ttl: float = USUAL_TTL) -> None:
        self._source, self._config, self._ttl = source, config, ttl
        pauses = (config.backoff_init, config.backoff_max)
        self._looks = Flights[Union[Inode, int]](source.name, *pauses)
        self._lists = Flights[None](source.name, *pauses)
        self._kept = Kept(Layers(config), Flights[str](source.name, *pauses), config.deadline)
        self._owner = (
            os.getuid() if config.uid is None else config.uid,
            os.getgid() if config.gid is None else config.gid,
        )
        self._lock = threading.Lock()
        self._state = State()
        self._numbers: dict[bytes, tuple[int, tuple[object, ...]]] = {}
        self._next_ino = _FIRST_INO
        self._news: Callable[[], None] | None = None
        self._timer: threading.Timer | None = None
        self._closed = False

    # -- states

    def _now(self) -> State:
        if self._news is None:
            self.settle()
        return self._state

    def settle(self) -> bool:
        """See :meth:`Driver.settle`: forget what was believed for long enough."""
        with self._lock:
            if time.monotonic() < self._state.over:
                return False
            self._state = State()
            return True

    def expire(self) -> None:
        """Believe nothing of what is known any more."""
        with self._lock:
            self._state.over = 0.0
        if self._news is not None:
            self._news()

    def watch(self, news: Callable[[], None]) -> None:
        """See :meth:`Driver.watch`."""
        with self._lock:
            self._news = news
            self._set_timer()

    def _set_timer(self) -> None:
        """Tell the watcher when the present state is over.  Pre: the lock is held."""
        if self._news is None or self._closed or self._state.over == float("inf"):
            return
        if self._timer is not None:
            self._timer.cancel()
        self._timer = threading.Timer(max(0.0, self._state.over - time.monotonic()), self._news)
        self._timer.daemon = True
        self._timer.start()

    def _believe(self, state: State, fact: Fact | None) -> None:
        """An answer came: the state lasts as long as the answer of it that lasts least."""
        if self._ttl == float("inf"):
            return
        lasts = self._ttl if fact is None or fact.lasts is None else fact.lasts
        over = time.monotonic() + max(lasts, 1.0)
        with self._lock:
            if over < state.over:
                state.over = over
                if state is self._state:
                    self._set_timer()

    # -- names

    def lookup(self, path: bytes) -> Inode:
        """See :meth:`Driver.lookup`."""
        state = self._now()
        answer = state.names.get(path) or deduced(state, path)
        if answer is None:
            with answering(self._source.name):
                answer = self._looks.run((state, path), lambda: self._look(state, path))
        if isinstance(answer, int):
            _fail(answer, path)
        return answer

    def _look(self, state: State, path: bytes) -> Inode | int:
        known = state.names.get(path) or self._told_by_above(state, path)
        if known is not None:
            return known
        try:
            fact = self._source.look(path)
        except OSError as error:
            if error.errno not in _FACTS:
                raise _trouble(error) from None
            self._believe(state, None)
            state.names[path] = error.errno
            return error.errno
        return self._add(state, path, fact)

    def _told_by_above(self, state: State, path: bytes) -> int | None:
        """The errno for *path* that follows from the directory it is in, which is asked for first: servers differ."""
        above = path.rpartition(b"/")[0]
        if not path or self._source.passage(path):
            return None
        there = self._look(state, above)
        return there if isinstance(there, int) else deduced(state, path)

    def _add(self, state: State, path: bytes, fact: Fact) -> Inode:
        if fact.size is None and fact.kind not in (DIRECTORY, LINK):
            local = self._fetched(path, fact)
            fact = fact._replace(size=os.stat(local).st_size)
        self._believe(state, fact)
        inode = self._inode(state, path, fact)
        state.facts[path] = fact
        state.names[path] = inode
        return inode

    def _inode(self, state: State, path: bytes, fact: Fact) -> Inode:
        kind = {DIRECTORY: stat.S_IFDIR, LINK: stat.S_IFLNK}.get(fact.kind, stat.S_IFREG)
        mode = kind | (0o777 if fact.kind == LINK else fact.mode)
        size = len(fact.target or b"") if fact.kind == LINK else 4096 if fact.kind == DIRECTORY else fact.size or 0
        nlink = 2 if fact.kind == DIRECTORY else 1
        return Inode(
            path, self._number(path, fact.known), mode, nlink, *self._owner, 0, size, fact.mtime_ns, fact.target,
            content=Content(state, fact.known),
        )  # fmt: skip

    def _number(self, path: bytes, known: tuple[object, ...]) -> int:
        with self._lock:
            number, before = self._numbers.get(path, (0, ()))
            if before != known:
                if len(self._numbers) >= _MOST_NUMBERS:
                    self._numbers.clear()
                number, self._next_ino = self._next_ino, self._next_ino + 1
                self._numbers[path] = (number, known)
            return number

    def listdir(self, inode: Inode) -> Sequence[Entry]:
        """See :meth:`Driver.listdir`."""
        if not inode.is_dir:
            _fail(errno.ENOTDIR, inode.path)
        state: State = inode.content.state
        found = state.listings.get(inode.path)
        if found is None:
            with answering(self._source.name):
                self._lists.run((state, inode.path), lambda: self._list(state, inode.path))
            found = state.listings[inode.path]
        return found

    def _list(self, state: State, path: bytes) -> None:
        if path in state.listings:
            return
        try:
            found = self._source.list(path)
        except OSError as error:
            if error.errno not in _FACTS:
                raise _trouble(error) from None
            raise Failure(f"{text(path)}: {error.strerror}", error.errno or errno.EIO, logged=True) from None
        entries = []
        for name, fact in sorted(found, key=lambda pair: pair[0]):
            child = path + b"/" + name
            known = state.names.get(child)
            entries.append(Entry(name, known if isinstance(known, Inode) else self._add(state, child, fact)))
        state.listings[path] = entries

    def passage(self, path: bytes) -> Inode | None:
        """The directory *path* as something to go through, where the server may have nothing to say of it."""
        if not self._source.passage(path):
            return None
        return Inode(path, 1, stat.S_IFDIR | 0o555, 2, *self._owner, 0, 4096, 0)

    # -- content

    def materialise(self, inode: Inode) -> str:
        """See :meth:`Driver.materialise`."""
        if not inode.is_regular:
            _fail(errno.EISDIR if inode.is_dir else errno.EINVAL, inode.path)
        with answering(self._source.name):
            return self._fetched(inode.path, inode.content.state.facts[inode.path])

    def _fetched(self, path: bytes, fact: Fact) -> str:
        parts = (self._source.name.encode(), path, fact.identity, b"%d" % fact.mtime_ns)
        identity = b"\0".join((*parts, b"" if fact.size is None else b"%d" % fact.size))
        return self._kept.file(
            identity,
            fact.size,
            f"file {text(path)}",
            lambda txn: self._source.fetch(path, fact, txn),
        )

    # -- the rest

    def getxattr(self, inode: Inode, name: bytes, gid: int | None = None) -> bytes:  # noqa: ARG002 - for everybody
        """See :meth:`Driver.getxattr`: there are none."""
        raise OSError(errno.ENODATA, os.strerror(errno.ENODATA), inode.path, None, name)

    def listxattr(self, inode: Inode) -> Sequence[bytes]:  # noqa: ARG002 - there are none anywhere
        """See :meth:`Driver.listxattr`."""
        return ()

    def statfs(self) -> StatFs:
        """See :meth:`Driver.statfs`: nobody knows."""
        return StatFs()

    def origins(self, inode: Inode) -> Sequence[str]:
        """See :meth:`Driver.origins`."""
        return [self._source.place(inode.path)]

    def digests(self, inode: Inode) -> Mapping[str, str]:
        """See :meth:`Driver.digests`."""
        fact = inode.content.state.facts[inode.path]
        return {name: digest for name, digest in fact.digests.items() if name in hashlib.algorithms_available}

    def counters(self) -> Mapping[str, int]:
        """See :meth:`Driver.counters`."""
        told = self._source.statistics.counters()
        return {"names": len(self._numbers), **told, **self._kept.hits.counters()}

    def ways(self) -> Sequence[Way]:
        """Requests, bytes and failures by server and proxy."""
        return self._source.statistics.ways()

    def close(self) -> None:
        """See :meth:`Driver.close`."""
        with self._lock:
            self._closed = True
            if self._timer is not None:
                self._timer.cancel()
        self._source.close()


def _fail(code: int, path: bytes) -> NoReturn:
    raise OSError(code, os.strerror(code), path)


def _trouble(error: OSError) -> Failure:
    """A failure of the way to the server, with the errno that says which."""
    return Failure(error.strerror or str(error), error.errno or errno.EIO, unreachable=True)

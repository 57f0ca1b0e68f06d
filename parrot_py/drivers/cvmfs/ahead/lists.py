"""What is fetched before the job asks for it: the files of a list, and those of bundles whose trigger was opened.

Three ways to a file.  Where a record names the hash, and the revision is still the one that was recorded, the object is
fetched by it: that needs no catalog, so all of them come in parallel.  Otherwise the path is looked up in the revision
that is shown, which is right whatever has changed.  A directory stands for everything below it.
"""

from __future__ import annotations

import errno
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING

from parrot_py.drivers.base import Inode
from parrot_py.drivers.cvmfs.ahead import bundles
from parrot_py.drivers.cvmfs.ahead.prefetch import Job, Prefetcher
from parrot_py.drivers.cvmfs.ahead.readahead import ReadAhead
from parrot_py.drivers.cvmfs.ahead.record import CATALOG, DIRECTORY, FILE, Touch
from parrot_py.drivers.cvmfs.cache.stored import Stored
from parrot_py.drivers.cvmfs.hashes import ContentHash
from parrot_py.drivers.cvmfs.paths import Places
from parrot_py.drivers.cvmfs.trouble import log
from parrot_py.drivers.cvmfs.urgency import current

if TYPE_CHECKING:
    from parrot_py.drivers.cvmfs.driver import CvmfsDriver

MOST_BELOW = 50_000
"""Files that one directory of a list stands for."""
_REMEMBERED = 10_000
_BLOCK = 4096
NEARLY_FULL = 0.9
"""The part of what the cache may hold that is never exceeded for things that nobody asked for."""


class Ahead:
    """Fetches ahead for one repository.  Thread-safe; nothing here waits."""

    def __init__(self, driver: CvmfsDriver) -> None:
        self._driver = driver
        self._prefetcher = Prefetcher(driver.fqrn, driver.fetcher.slots, self._has_room)
        self._places = Places(driver)
        self._read_ahead = ReadAhead(driver.cache, driver.fqrn) if driver.config.read_ahead else None
        self._triggers: set[bytes] = set()
        self._lock = threading.Lock()
        self._underway = 0

    def close(self) -> None:
        """Begin nothing any more; keep what was learnt."""
        self._prefetcher.close()
        if self._read_ahead is not None:
            self._read_ahead.save()

    @property
    def at_rest(self) -> bool:
        """Whether nothing is fetched, or about to be."""
        return self._prefetcher.at_rest

    def _has_room(self) -> bool:
        """Whether the cache has room for what nobody has asked for yet."""
        cache = self._driver.cache
        capacity = cache.capacity()  # 0: no quota
        return not capacity or cache.used() + self._underway <= NEARLY_FULL * capacity

    @contextmanager
    def _room(self, size: int) -> Iterator[None]:
        """Room for a file of *size* bytes that is fetched inside; OSError when something would have to go for it."""
        size += -size % _BLOCK
        with self._lock:
            self._underway += size
        try:
            if not self._has_room():
                raise OSError(errno.ENOSPC, "no room for what nobody has asked for")
            yield
        finally:
            with self._lock:
                self._underway -= size

    def want(self, touches: Sequence[Touch]) -> None:
        """Fetch what a list names, in its order, as soon as the repository is open."""
        if touches:
            self._prefetcher.ask([partial(self._begin, touches)])

    def _begin(self, touches: Sequence[Touch]) -> None:
        with self._driver.answering():
            root = str(self._driver.view().root.catalog.hash)
        same = any(t.kind == CATALOG and not t.path and t.hash == root for t in touches)
        log.debug("%s: %d things to fetch ahead, by %s", self._driver.fqrn, len(touches), "hash" if same else "path")
        self._prefetcher.ask(filter(None, (self._job(touch, by_hash=same) for touch in touches)))

    def _job(self, touch: Touch, *, by_hash: bool) -> Job | None:
        """What fetches *touch*; None when there is nothing to do for it."""
        if by_hash and touch.hash is not None:
            return partial(self._by_hash, touch)
        if touch.kind in (CATALOG, DIRECTORY):
            # A catalog by its path, and a directory that was listed: the look-up of a member loads what is needed.
            return partial(self._list, touch.path) if not by_hash else None
        return partial(self._by_path, touch.path, touch.kind is None)

    def _by_hash(self, touch: Touch) -> None:
        assert touch.hash is not None
        try:
            hash_ = ContentHash.parse(touch.hash)
        except ValueError:
            return  # a line that somebody changed: the job finds the file itself
        if touch.kind == CATALOG:
            self._driver.store.catalog_file(hash_)
        elif touch.kind == FILE and touch.size > 0:
            with self._room(touch.size):
                self._driver.store.plain_file(hash_, Stored(touch.compression, touch.size, None))

    def _list(self, path: bytes) -> None:
        self._driver.listdir(self._driver.lookup(path))

    def _by_path(self, path: bytes, with_members: bool) -> None:
        """Fetch the file *path*; of a directory all that is below it, if *with_members*."""
        inode = self._places.find(path, follow=True)
        if inode.is_regular:
            self._fetch(inode)
        elif inode.is_dir and with_members:
            self._prefetcher.ask(self._below(inode))

    def _below(self, top: Inode) -> Iterator[Job]:
        """A job for each file at and below *top*, which is looked for as long as jobs are taken."""
        todo, count = [top], 0
        while todo:
            for entry in self._driver.listdir(todo.pop()):
                if entry.inode.is_dir:
                    todo.append(entry.inode)
                elif entry.inode.is_regular:
                    if count == MOST_BELOW:
                        log.info("%s: %d files below %s: no more is fetched ahead", self._driver.fqrn, count, top.path)
                        return
                    count += 1
                    yield partial(self._fetch, entry.inode)

    def _fetch(self, inode: Inode) -> None:
        with self._room(inode.size):
            self._driver.materialise(inode)

    # -- read-ahead

    def opened(self, inode: Inode) -> None:
        """The job opens the file *inode*."""
        if self._read_ahead is not None and current() is None and self._read_ahead.opened(inode.path):
            self._prefetcher.ask([partial(self._follow, self._read_ahead, inode.path)])

    def _follow(self, read_ahead: ReadAhead, leader: bytes) -> None:
        self._prefetcher.ask(partial(self._by_path, path, False) for path in read_ahead.followers(leader))

    # -- bundles

    def missed(self, inode: Inode) -> None:
        """The content of *inode* is asked for, and is not in the cache."""
        if not self._driver.config.prefetch_bundles or current() is not None or inode.path in self._triggers:
            return
        if len(self._triggers) >= _REMEMBERED:
            self._triggers.clear()
        self._triggers.add(inode.path)
        self._prefetcher.ask([partial(self._look_for_bundle, inode)], first=True)

    def _look_for_bundle(self, trigger: Inode) -> None:
        path = bundles.document_of(trigger.path)
        try:
            document = self._driver.lookup(path)
        except FileNotFoundError:
            return
        if not document.is_regular or not 0 < document.size <= bundles.MOST_BYTES:
            log.debug("%s: no bundle at %s: not a file of that size", self._driver.fqrn, path)
            return
        with open(self._driver.materialise(document), "rb") as file:
            self._take(file.read(), path)

    def _take(self, document: bytes, path: bytes) -> None:
        try:
            paths = bundles.dependencies(document)
        except bundles.NoBundle as error:
            log.debug("%s: %s: %s", self._driver.fqrn, path, error)
            return
        self._prefetcher.ask(self._members(paths), first=True)

    def _members(self, paths: Iterable[bytes]) -> Iterator[Job]:
        """A job for each path of the repository that lies in what the job sees of it."""
        subpath = self._driver.config.subpath
        for path in paths:
            if path.startswith(subpath + b"/"):
                yield partial(self._by_path, path[len(subpath) :], False)

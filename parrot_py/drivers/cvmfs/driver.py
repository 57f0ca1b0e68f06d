"""A CernVM-FS repository as a driver: names, listings, local files and attributes of one repository.

There is no lock over the whole repository: a catalog's is held during a query and while the catalog is opened, and
threads that want the same object wait for one flight (see flights.py).
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING

from parrot_py.config.model import RepositoryConfig
from parrot_py.drivers.base import Entry, Inode, StatFs, place
from parrot_py.drivers.cvmfs.activity import LOOKUP, OPEN, OPENDIR, OTHER, Activity
from parrot_py.drivers.cvmfs.ahead.lists import Ahead
from parrot_py.drivers.cvmfs.cache.layers import Layers
from parrot_py.drivers.cvmfs.cache.store import Store
from parrot_py.drivers.cvmfs.cache.stored import Stored
from parrot_py.drivers.cvmfs.cache.volume import Volume
from parrot_py.drivers.cvmfs.catalogs.catalog import Chunk
from parrot_py.drivers.cvmfs.catalogs.links import Expander
from parrot_py.drivers.cvmfs.catalogs.rows import Decoder, FileContent, Mount, mount_of
from parrot_py.drivers.cvmfs.catalogs.schema import (
    COMPRESSION_NONE,
    FLAG_CHUNKED,
    FLAG_EXTERNAL,
    flags_algorithm,
    flags_compression,
    unpack_xattrs,
)
from parrot_py.drivers.cvmfs.catalogs.tree import Tree
from parrot_py.drivers.cvmfs.flights import Flights
from parrot_py.drivers.cvmfs.hashes import DIGEST_BYTES, Algorithm, ContentHash
from parrot_py.drivers.cvmfs.magic.attributes import Magic
from parrot_py.drivers.cvmfs.net.fetch import Fetcher
from parrot_py.drivers.cvmfs.net.statistics import Way
from parrot_py.drivers.cvmfs.revisions import Revisions
from parrot_py.drivers.cvmfs.trouble import Failure
from parrot_py.drivers.cvmfs.trust.authz import Gate
from parrot_py.drivers.cvmfs.trust.session import Session
from parrot_py.drivers.cvmfs.view import View

if TYPE_CHECKING:
    from parrot_py.drivers.cvmfs.ahead.record import Touch
    from parrot_py.drivers.cvmfs.ahead.recorder import Recording


class CvmfsDriver:
    """One repository, one revision at a time: attributes and inode numbers of a revision never change.

    Implements :class:`parrot_py.drivers.base.Driver`.  Thread-safe.  Raises only OSError; whatever could not be had
    because of network or verification is EIO, with one line in the log ``parrot_py.cvmfs``.
    """

    def __init__(
        self, config: RepositoryConfig, *, recording: Recording | None = None, wanted: Sequence[Touch] = ()
    ) -> None:
        """*recording* is told what is asked for; *wanted* is fetched ahead."""
        self.config = config
        layers = Layers(config)
        self.cache = layers.cache
        self.gate = Gate(config)
        self.fetcher = Fetcher(config, self.gate.credentials)
        pauses = (config.backoff_init, config.backoff_max)
        self.store = Store(layers, self.fetcher, Flights[str](config.fqrn, *pauses))
        decoder = Decoder(config, Expander.for_repository(config))
        self.tree = Tree(self.store, decoder, Flights[Mount](config.fqrn, *pauses))
        self.session = Session(config, self.cache, self.fetcher, self.store)
        self.revisions = Revisions(config, self.session, self.tree, self.gate, self.store.pins)
        self.activity = Activity()
        self._magic = Magic(self)
        self._volume = Volume(self)
        self._recording = recording
        if recording is not None:
            self.tree.asked = recording.catalog
        self.ahead = Ahead(self)
        self.ahead.want(wanted)

    def view(self) -> View:
        """The revision that is shown now; opens the repository at the first call."""
        return self.revisions.current()

    @contextmanager
    def answering(self, where: str = OTHER) -> Iterator[None]:
        """The border of the driver: only who may see the repository gets in, and a Failure leaves it as an OSError.

        An I/O error counts as one of *where*.
        """
        try:
            self.gate.check()
            yield
        except Failure as failure:
            raise self._told(failure, where) from None

    def _told(self, failure: Failure, where: str) -> OSError:
        failure.report(self.config.fqrn)
        if failure.code == errno.EIO:
            self.activity.failed(where)
        return failure.os_error()

    @property
    def fqrn(self) -> str:
        """The repository's full name."""
        return self.config.fqrn

    def lookup(self, path: bytes) -> Inode:
        """See :meth:`Driver.lookup`."""
        try:  # what answering does, which costs as much as a query
            view = self.revisions.current()
            answer = view.known.get(path)
            if answer is None:
                answer = view.answer(path)
        except Failure as failure:
            raise self._told(failure, LOOKUP) from None
        if isinstance(answer, int):
            raise OSError(answer, os.strerror(answer), path)
        return answer

    def listdir(self, inode: Inode) -> Sequence[Entry]:
        """See :meth:`Driver.listdir`."""
        if not inode.is_dir:
            raise OSError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), inode.path)
        if self._recording is not None:
            self._recording.directory(inode)
        path = self.config.subpath + inode.path
        self.activity.listed()
        with self.answering(OPENDIR):
            entries = self.tree.listing(self.tree.within(mount_of(inode), path), path)
            self.view().fill(inode, entries)
        return entries

    def materialise(self, inode: Inode) -> str:
        """See :meth:`Driver.materialise`."""
        if not inode.is_regular:
            code = errno.EISDIR if inode.is_dir else errno.EINVAL
            raise OSError(code, os.strerror(code), inode.path)
        if self._recording is not None:
            self._recording.file(inode, self.content(inode))
        self.ahead.opened(inode)
        self.activity.opened()
        with self.answering(OPEN):
            return self._content(inode) if inode.size else self.store.empty_file()

    def _content(self, inode: Inode) -> str:
        flags, digest, mount = self.content(inode)
        path = self.config.subpath + inode.path
        try:
            algorithm = flags_algorithm(flags)
        except ValueError:
            raise Failure(f"{ascii(path)[2:-1]}: unknown hash algorithm") from None
        external = mount.inner(path) if flags & FLAG_EXTERNAL else None
        stored = Stored(flags_compression(flags), inode.size, external, path)
        if flags & FLAG_CHUNKED:
            return self.store.chunked_file(algorithm, self.chunks(inode), stored, partial(self.ahead.missed, inode))
        if digest is None or len(digest) != DIGEST_BYTES or not any(digest):
            mount.catalog.absurd(path, "file without a hash")
        return self.store.plain_file(ContentHash(algorithm, digest), stored, partial(self.ahead.missed, inode))

    @staticmethod
    def content(inode: Inode) -> FileContent:
        """What the catalog says about the content of the regular file *inode*."""
        return FileContent._make(inode.content)

    def chunks(self, inode: Inode) -> list[Chunk]:
        """The chunks of the chunked file *inode*; raises Failure."""
        mount = self.tree.opened(mount_of(inode))
        return mount.catalog.chunks(mount.inner(self.config.subpath + inode.path), inode.size)

    def getxattr(self, inode: Inode, name: bytes, gid: int | None = None) -> bytes:
        """See :meth:`Driver.getxattr`.  Magic attributes of the real client come first, then those of the catalog."""
        value = None
        with self.answering():
            if self._magic.may_be(name):
                value = self._magic.get(inode, name, gid)
            if value is None and inode.has_xattrs and not self._magic.reserved(name):
                value = self._xattrs(inode).get(name)
        if value is None:
            raise OSError(errno.ENODATA, os.strerror(errno.ENODATA), inode.path)
        return value

    def listxattr(self, inode: Inode) -> Sequence[bytes]:
        """See :meth:`Driver.listxattr`."""
        with self.answering():
            names = list(self._magic.shown(inode))
            if inode.has_xattrs:
                names += [name for name in self._xattrs(inode) if name not in names]
        return names

    def _xattrs(self, inode: Inode) -> dict[bytes, bytes]:
        mount = self.tree.opened(mount_of(inode))
        return unpack_xattrs(mount.catalog.xattr_blob(mount.inner(self.config.subpath + inode.path)))

    def settle(self) -> bool:
        """See :meth:`Driver.settle`."""
        return self.revisions.settle()

    def watch(self, news: Callable[[], None]) -> None:
        """See :meth:`Driver.watch`."""
        self.revisions.watch(news)

    def statfs(self) -> StatFs:
        """See :meth:`Driver.statfs`."""
        return self._volume.statfs()

    def origins(self, inode: Inode) -> Sequence[str]:
        """See :meth:`Driver.origins`."""
        route = self.fetcher.route
        path = os.fsdecode(self.config.subpath + inode.path)
        return [f"{place(url)}{path}" for url in (route.urls if route else ())]

    def digests(self, inode: Inode) -> Mapping[str, str]:
        """See :meth:`Driver.digests`."""
        flags, digest, _ = self.content(inode)
        if flags & FLAG_CHUNKED or flags_compression(flags) != COMPRESSION_NONE or not digest:
            return {}
        return {"sha1": digest.hex()} if flags_algorithm(flags) is Algorithm.SHA1 else {}

    def counters(self) -> Mapping[str, int]:
        """See :meth:`Driver.counters`."""
        fetched = self.fetcher.statistics.counters()
        external = self.fetcher.external_statistics.counters("download-external")
        return {**self.activity.counters(), **self.store.hits.counters(), **fetched, **external}

    def ways(self) -> Sequence[Way]:
        """Requests, bytes and failures by server and proxy."""
        return self.fetcher.ways()

    def close(self) -> None:
        """See :meth:`Driver.close`."""
        self.ahead.close()
        self.revisions.close()
        self.gate.close()
        self.fetcher.close()
        self.tree.close()
        self.store.pins.close()

"""A CernVM-FS repository as a driver: names, listings, local files and attributes of one repository.

There is no lock over the whole repository: a catalog's is held during a query and while the catalog is opened, and
threads that want the same object wait for one flight (see flights.py).
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from parrot_py.config.model import RepositoryConfig
from parrot_py.drivers.base import Entry, Inode, StatFs, may_block
from parrot_py.drivers.cvmfs.cache import EMPTY_NAME, Cache
from parrot_py.drivers.cvmfs.fetch import Fetcher
from parrot_py.drivers.cvmfs.flights import Flights
from parrot_py.drivers.cvmfs.hashes import DIGEST_BYTES, ContentHash
from parrot_py.drivers.cvmfs.known import Known
from parrot_py.drivers.cvmfs.links import Expander
from parrot_py.drivers.cvmfs.magic import Magic
from parrot_py.drivers.cvmfs.rows import Decoder, FileContent, Mount
from parrot_py.drivers.cvmfs.schema import (
    FLAG_CHUNKED,
    FLAG_EXTERNAL,
    flags_algorithm,
    flags_compression,
    unpack_xattrs,
)
from parrot_py.drivers.cvmfs.session import Opened, Session
from parrot_py.drivers.cvmfs.store import Store, Stored
from parrot_py.drivers.cvmfs.tree import Tree
from parrot_py.drivers.cvmfs.trouble import Failure

# A longer listing would push everything else out of the memory of answers.
_PREFILL = 5_000


class CvmfsDriver:
    """One repository at one revision: attributes and inode numbers do not change during its life.

    Implements :class:`parrot_py.drivers.base.Driver`.  Thread-safe.  Raises only OSError; whatever could not be had
    because of network or verification is EIO, with one line in the log ``parrot_py.cvmfs``.
    """

    def __init__(self, config: RepositoryConfig) -> None:
        self.config = config
        self.cache = Cache(config.cache_dir)
        self.fetcher = Fetcher(config)
        pauses = (config.backoff_init, config.backoff_max)
        self.store = Store(self.cache, self.fetcher, Flights[str](config.fqrn, *pauses))
        decoder = Decoder(Expander.for_repository(config), config.uid, config.gid, config.subpath)
        self.tree = Tree(self._find_root, self.store, decoder, Flights[Mount](config.fqrn, *pauses))
        self.opened: Opened | None = None
        self._known: Known[Inode | int] = Known()
        self._magic = Magic(self)

    def _find_root(self) -> ContentHash:
        self.opened = Session(self.config, self.cache, self.fetcher, self.store).open()
        return self.opened.root

    @contextmanager
    def answering(self) -> Iterator[None]:
        """The border of the driver: a Failure inside becomes its log line and an OSError."""
        try:
            yield
        except Failure as failure:
            failure.report(self.config.fqrn)
            raise failure.os_error() from None

    @property
    def fqrn(self) -> str:
        """The repository's full name."""
        return self.config.fqrn

    def lookup(self, path: bytes) -> Inode:
        """See :meth:`Driver.lookup`."""
        answer = self._known.get(path)
        if answer is None:
            try:  # what answering does, which costs as much as a query
                answer = self._look(path)
            except Failure as failure:
                failure.report(self.config.fqrn)
                raise failure.os_error() from None
        if isinstance(answer, int):
            raise OSError(answer, os.strerror(answer), path)
        return answer

    def _look(self, path: bytes) -> Inode | int:
        """The inode at *path* or the errno that says why there is none; remembers the answer."""
        answer: Inode | int | None = self.tree.entry(self.config.subpath + path)
        if answer is None:
            answer = self._why_not(path)
        self._known.put(path, answer)
        return answer

    def _why_not(self, path: bytes) -> int:
        """ENOTDIR when the nearest thing above *path* that exists is no directory, else ENOENT."""
        if not path:
            return errno.ENOENT
        parent = path.rpartition(b"/")[0]
        above = self._known.get(parent) or self._look(parent)
        if isinstance(above, int):
            return above
        return errno.ENOENT if above.is_dir else errno.ENOTDIR

    def listdir(self, inode: Inode) -> Sequence[Entry]:
        """See :meth:`Driver.listdir`."""
        if not inode.is_dir:
            raise OSError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), inode.path)
        with self.answering():
            entries = self.tree.listing(self.config.subpath + inode.path)
        if len(entries) <= _PREFILL:
            for entry in entries:
                self._known.put(entry.inode.path, entry.inode)
        return entries

    def materialise(self, inode: Inode) -> str:
        """See :meth:`Driver.materialise`."""
        if not inode.is_regular:
            code = errno.EISDIR if inode.is_dir else errno.EINVAL
            raise OSError(code, os.strerror(code), inode.path)
        with self.answering():
            return self._content(inode) if inode.size else self._nothing()

    def _nothing(self) -> str:
        found = self.cache.find(EMPTY_NAME, 0)
        if found is None:
            may_block()
            found = self.cache.empty_file()
        return found

    def _content(self, inode: Inode) -> str:
        flags, digest = self.content(inode)
        path = self.config.subpath + inode.path
        try:
            algorithm = flags_algorithm(flags)
        except ValueError:
            raise Failure(f"{ascii(path)[2:-1]}: unknown hash algorithm") from None
        external = None
        if flags & FLAG_EXTERNAL:
            external = self.tree.holder(path).inner(path)
        stored = Stored(flags_compression(flags), inode.size, external)
        if flags & FLAG_CHUNKED:
            mount = self.tree.holder(path)
            return self.store.chunked_file(algorithm, mount.catalog.chunks(mount.inner(path), inode.size), stored)
        if digest is None or len(digest) != DIGEST_BYTES or not any(digest):
            self.tree.holder(path).catalog.absurd(path, "file without a hash")
        return self.store.plain_file(ContentHash(algorithm, digest), stored)

    @staticmethod
    def content(inode: Inode) -> FileContent:
        """What the catalog says about the content of the regular file *inode*."""
        return FileContent._make(inode.content)

    def getxattr(self, inode: Inode, name: bytes) -> bytes:
        """See :meth:`Driver.getxattr`.  Magic attributes of the real client come first, then those of the catalog."""
        with self.answering():
            value = self._magic.get(inode, name)
            if value is None and inode.has_xattrs:
                value = self._xattrs(inode).get(name)
        if value is None:
            raise OSError(errno.ENODATA, os.strerror(errno.ENODATA), inode.path)
        return value

    def listxattr(self, inode: Inode) -> Sequence[bytes]:
        """See :meth:`Driver.listxattr`.  Magic names are shown on the root only: elsewhere they break copying tools."""
        names = list(self._magic.names(inode)) if not inode.path else []
        if inode.has_xattrs:
            with self.answering():
                names += [name for name in self._xattrs(inode) if name not in names]
        return names

    def _xattrs(self, inode: Inode) -> dict[bytes, bytes]:
        path = self.config.subpath + inode.path
        mount = self.tree.holder(path)
        return unpack_xattrs(mount.catalog.xattr_blob(mount.inner(path)))

    def statfs(self) -> StatFs:
        """See :meth:`Driver.statfs`: the entries that the root catalog counts; zeros while it is not open."""
        if not self.tree.loaded:
            return StatFs()
        try:
            counters = self.tree.root().catalog.counters()
        except Failure as failure:
            failure.report(self.config.fqrn)
            return StatFs()
        kinds = ("regular", "dir", "symlink", "special")
        files = sum(max(0, counters.get(f"{part}_{kind}", 0)) for part in ("self", "subtree") for kind in kinds)
        return StatFs(files=files)

    def close(self) -> None:
        """See :meth:`Driver.close`."""
        self.fetcher.close()
        self.tree.close()

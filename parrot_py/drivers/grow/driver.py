"""One exported tree of GROW-FS as a driver.

What a GROW-FS file is, a CernVM-FS repository calls an external file: plain content at a URL, with a SHA-1 known from
elsewhere.  So cache, quota, transfers, fail-over and verification are those of the CernVM-FS driver.
"""

from __future__ import annotations

import errno
import os
import threading
import time
from collections.abc import Callable, Mapping, Sequence

from parrot_py.config.model import RepositoryConfig
from parrot_py.drivers.base import Entry, Inode, StatFs, place
from parrot_py.drivers.cvmfs.flights import Flights
from parrot_py.drivers.cvmfs.hashes import DIGEST_BYTES
from parrot_py.drivers.cvmfs.net.fetch import Fetcher
from parrot_py.drivers.cvmfs.net.statistics import Way
from parrot_py.drivers.cvmfs.trouble import Failure, answering
from parrot_py.drivers.grow.content import Files
from parrot_py.drivers.grow.format import CHECKSUM, LISTING, GrowError
from parrot_py.drivers.grow.listing import Content, Listing


class GrowDriver:
    """Implements :class:`parrot_py.drivers.base.Driver` over the tree that ``config.urls`` (equal copies) export.

    *checksums* False takes files without comparing their content with the listing.  *root* is the SHA-1 (hex) that the
    listing must have, whatever the server says.  The listing is read once.  When a file does not fit it, it is read
    again, which is what a tree looks like that was exported anew; another one is a newer state of the tree.
    """

    def __init__(
        self,
        config: RepositoryConfig,
        *,
        checksums: bool = True,
        root: str | None = None,
        first_ino: int = 2,
    ) -> None:
        self.config = config._replace(external_urls=config.urls, external_proxies=config.proxies)
        self._checksums, self._root = checksums, root
        self._fetcher = Fetcher(self.config)
        self._files = Files(self.config, self._fetcher)
        self._flights = Flights[Listing](config.fqrn, config.backoff_init, config.backoff_max)
        self._owner = (
            os.getuid() if config.uid is None else config.uid,
            os.getgid() if config.gid is None else config.gid,
        )
        self._lock = threading.Lock()
        self._digest = b""
        self._shown: Listing | None = None
        self._ready: Listing | None = None
        self._next_ino = first_ino
        self._looked = float("-inf")
        self._news: Callable[[], None] | None = None

    # -- the listing

    def _listing(self) -> Listing:
        if self._news is None:
            self.settle()
        return self._shown or self._flights.run("listing", self._load)

    def _load(self) -> Listing:
        """The listing that the server has now; where it is another one than before, it waits to be settled."""
        digest = self._listing_digest()
        with self._lock:
            known = self._ready or self._shown
            if known is not None and digest == self._digest:
                return known
        listing = self._parse(self._files.listing(digest))
        with self._lock:
            self._digest = digest
            if self._shown is None:
                self._shown = listing
                return listing
            self._ready = listing
        if self._news is not None:
            self._news()
        return listing

    def _listing_digest(self) -> bytes:
        """The SHA-1 that the listing must have: what we were told, or the first word of the file beside it."""
        if self._root is not None:
            return bytes.fromhex(self._root)
        text, _ = self._fetcher.document(CHECKSUM, no_cache=True)
        try:
            digest = bytes.fromhex(text.split(None, 1)[0].decode("ascii"))
        except (ValueError, IndexError):
            digest = b""
        if len(digest) != DIGEST_BYTES:
            raise Failure(f"file {CHECKSUM}: does not begin with a SHA-1", untrusted=True)
        return digest

    def _parse(self, text: bytes) -> Listing:
        try:
            listing = Listing(text, self._owner, self._next_ino)
        except GrowError as error:
            raise Failure(f"file {LISTING}: {error}", untrusted=True) from None
        self._next_ino += len(listing)
        return listing

    # -- the contract

    def exists(self) -> bool:
        """Whether the servers export a tree here at all; may wait.  Raises OSError where that cannot be told."""

        def load() -> Listing:
            try:
                if self._root is not None:
                    # Which listing is wanted is known, and it may be in the cache; whether it is for here is not.
                    self._fetcher.document(CHECKSUM, no_cache=True)
                return self._load()
            except Failure as failure:
                failure.logged = failure.missing  # the answer to a question, and no trouble
                raise

        with answering(self.config.fqrn):
            try:
                self._flights.run("listing", load)
            except Failure as failure:
                if failure.missing:
                    return False
                raise
        return True

    def lookup(self, path: bytes) -> Inode:
        """See :meth:`Driver.lookup`."""
        with answering(self.config.fqrn):
            return self._listing().lookup(path)

    def listdir(self, inode: Inode) -> Sequence[Entry]:
        """See :meth:`Driver.listdir`."""
        if not inode.is_dir:
            raise OSError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), inode.path)
        content: Content = inode.content
        return content.listing.entries(inode.path)

    def materialise(self, inode: Inode) -> str:
        """See :meth:`Driver.materialise`."""
        if not inode.is_regular:
            code = errno.EISDIR if inode.is_dir else errno.EINVAL
            raise OSError(code, os.strerror(code), inode.path)
        with answering(self.config.fqrn):
            try:
                return self._content(inode)
            except Failure as failure:
                if failure.missing or not failure.unreachable:
                    self._look_again(failure)
                raise

    def _content(self, inode: Inode) -> str:
        content: Content = inode.content
        if not inode.size:
            return self._files.empty_file()
        if content.digest is None or not self._checksums:
            return self._files.unchecked_file(inode.path, inode.size, inode.mtime_ns)
        return self._files.file(inode.path, inode.size, content.digest)

    def _look_again(self, failure: Failure) -> None:
        """A file is not what the listing says: perhaps there is another listing by now, and then that is ESTALE."""
        before, now = self._digest, time.monotonic()
        if now < self._looked + self.config.backoff_max:
            return
        self._looked = now
        try:
            self._load()
        except Failure as other:
            other.report(self.config.fqrn)
            return
        if self._digest != before:
            failure.code = errno.ESTALE

    def look_for_news(self) -> None:
        """Ask the server whether it has another listing; may wait."""
        with answering(self.config.fqrn):
            self._load()

    def getxattr(self, inode: Inode, name: bytes, gid: int | None = None) -> bytes:  # noqa: ARG002 - for everybody
        """See :meth:`Driver.getxattr`: the format has no attributes."""
        raise OSError(errno.ENODATA, os.strerror(errno.ENODATA), inode.path, None, name)

    def listxattr(self, inode: Inode) -> Sequence[bytes]:  # noqa: ARG002 - there are none anywhere
        """See :meth:`Driver.listxattr`."""
        return ()

    def watch(self, news: Callable[[], None]) -> None:
        """See :meth:`Driver.watch`."""
        self._news = news

    def settle(self) -> bool:
        """See :meth:`Driver.settle`."""
        with self._lock:
            ready, self._ready = self._ready, None
            self._shown = ready or self._shown
        return ready is not None

    def statfs(self) -> StatFs:
        """See :meth:`Driver.statfs`."""
        return StatFs(files=0 if self._shown is None else len(self._shown))

    def origins(self, inode: Inode) -> Sequence[str]:
        """See :meth:`Driver.origins`."""
        return [place(url) + os.fsdecode(inode.path) for url in self.config.urls]

    def digests(self, inode: Inode) -> Mapping[str, str]:
        """See :meth:`Driver.digests`."""
        digest = inode.content.digest
        return {"sha1": digest.hex()} if digest is not None else {}

    def counters(self) -> Mapping[str, int]:
        """See :meth:`Driver.counters`."""
        return {**self._fetcher.external_statistics.counters(), **self._files.hits()}

    def ways(self) -> Sequence[Way]:
        """Requests, bytes and failures by server and proxy."""
        return self._fetcher.ways()

    def close(self) -> None:
        """See :meth:`Driver.close`."""
        self._fetcher.close()
        self._files.store.pins.close()

"""The magic extended attributes of the real client: what a repository is, where it comes from, how a file is stored."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from parrot_py.config.model import DIRECT
from parrot_py.drivers.base import Inode
from parrot_py.drivers.cvmfs.catalog import Catalog
from parrot_py.drivers.cvmfs.database import Row
from parrot_py.drivers.cvmfs.hashes import ContentHash
from parrot_py.drivers.cvmfs.rows import mount_of
from parrot_py.drivers.cvmfs.schema import (
    COMPRESSION_NONE,
    FLAG_CHUNKED,
    FLAG_DIRECT_IO,
    FLAG_EXTERNAL,
    flags_algorithm,
    flags_compression,
)

if TYPE_CHECKING:
    from parrot_py.drivers.cvmfs.driver import CvmfsDriver

VERSION = "2.12.0"
_PAGE = 40_000
_PAGED = re.compile(rb"(.+)~(\d{1,6}|\?)", re.DOTALL)


class Magic:
    """Computes magic attributes; None stands for "no such attribute here"."""

    def __init__(self, repository: CvmfsDriver) -> None:
        self._repository = repository
        self._began = time.monotonic()
        self._everywhere: dict[bytes, Callable[[], str]] = {
            b"user.fqrn": lambda: repository.fqrn,
            b"user.tag": lambda: "",
            b"user.revision": lambda: str(repository.view().root.catalog.facts.revision),
            b"user.root_hash": lambda: str(repository.view().root.catalog.hash),
            b"user.nclg": lambda: str(repository.tree.loaded),
            b"user.host": self._host,
            b"user.host_list": self._hosts,
            b"user.proxy": self._proxy,
            b"user.proxy_list": self._proxies,
            b"user.timeout": lambda: f"{repository.config.timeout:g}",
            b"user.timeout_direct": lambda: f"{repository.config.timeout_direct:g}",
            b"user.ndownload": lambda: str(repository.fetcher.downloads),
            b"user.rx": lambda: str(repository.fetcher.received // 1024),
            b"user.pid": lambda: str(os.getpid()),
            b"user.uptime": lambda: str(int(time.monotonic() - self._began) // 60),
            b"user.version": lambda: VERSION,
            b"user.expires": self._expires,
            b"user.repo_counters": lambda: _counters(repository.view().root.catalog),
        }
        self._by_inode: dict[bytes, Callable[[Inode], str | bytes | None]] = {
            b"user.hash": self._hash,
            b"user.chunks": self._chunks,
            b"user.chunk_list": self._chunk_list,
            b"user.compression": self._compression,
            b"user.external_file": lambda inode: self._flag(inode, FLAG_EXTERNAL),
            b"user.external_url": self._external_url,
            b"user.direct_io": lambda inode: self._flag(inode, FLAG_DIRECT_IO),
            b"user.rawlink": self._rawlink,
            b"xfsroot.rawlink": self._rawlink,
            b"user.catalog_counters": self._catalog_counters,
        }

    def names(self, inode: Inode) -> Iterator[bytes]:
        """The names that make sense for *inode*."""
        yield from self._everywhere
        yield b"user.catalog_counters"
        if inode.is_regular or inode.is_link:
            yield from (name for name in self._by_inode if name != b"user.catalog_counters")

    def get(self, inode: Inode, name: bytes) -> bytes | None:
        """The value of *name* (or of its page ``name~N``), None when it is not magic or means nothing for *inode*."""
        paged = _PAGED.fullmatch(name)
        value = self._value(inode, paged[1] if paged else name)
        if value is None:
            return None
        pages = max(1, -(-len(value) // _PAGE))
        if paged and paged[2] == b"?":
            return b"num_pages, %d" % pages
        page = int(paged[2]) if paged else 0
        return value[page * _PAGE : (page + 1) * _PAGE] if page < pages else None

    def _value(self, inode: Inode, name: bytes) -> bytes | None:
        everywhere = self._everywhere.get(name)
        if everywhere is not None:
            return os.fsencode(everywhere())
        by_inode = self._by_inode.get(name)
        value = by_inode(inode) if by_inode is not None else None
        return os.fsencode(value) if value is not None else None

    def _host(self) -> str:
        route = self._repository.fetcher.route
        return route.current().url if route else ""

    def _hosts(self) -> str:
        first = self._host()
        urls = self._repository.fetcher.route.urls if self._repository.fetcher.route else []
        return ";".join([first, *(url for url in urls if url != first)])

    def _proxy(self) -> str:
        route = self._repository.fetcher.route
        return (route.current().proxy if route else None) or DIRECT

    def _proxies(self) -> str:
        return ";".join("|".join(group) for group in self._repository.config.proxies)

    def _expires(self) -> str:
        if self._repository.config.root_hash is not None:
            return "never (fixed root catalog)"
        ttl = self._repository.view().root.catalog.facts.ttl or 240
        return str(ttl // 60)

    def _hash(self, inode: Inode) -> str | None:
        digest = self._repository.content(inode).digest if inode.is_regular else None
        if not digest or len(digest) != 20:
            return None
        return str(ContentHash(flags_algorithm(self._repository.content(inode).flags), digest))

    def _flag(self, inode: Inode, flag: int) -> str | None:
        return str(int(bool(self._repository.content(inode).flags & flag))) if inode.is_regular else None

    def _compression(self, inode: Inode) -> str | None:
        if not inode.is_regular:
            return None
        return "none" if flags_compression(self._repository.content(inode).flags) == COMPRESSION_NONE else "zlib"

    def _parts(self, inode: Inode) -> list[tuple[str, int, int]] | None:
        """Hash, offset and size of each part of a file."""
        if not inode.is_regular:
            return None
        flags = self._repository.content(inode).flags
        if not flags & FLAG_CHUNKED:
            return [(self._hash(inode) or "", 0, inode.size)]
        algorithm = flags_algorithm(flags)
        return [(str(ContentHash(algorithm, c.digest)), c.offset, c.size) for c in self._repository.chunks(inode)]

    def _chunks(self, inode: Inode) -> str | None:
        parts = self._parts(inode)
        return str(len(parts)) if parts is not None else None

    def _chunk_list(self, inode: Inode) -> str | None:
        parts = self._parts(inode)
        if parts is None:
            return None
        return "hash,offset,size\n" + "".join(f"{h},{offset},{size}\n" for h, offset, size in parts)

    def _external_url(self, inode: Inode) -> str | None:
        if self._flag(inode, FLAG_EXTERNAL) != "1" or self._repository.fetcher.external is None:
            return None
        path = os.fsdecode(self._repository.config.subpath + inode.path)
        return self._repository.fetcher.external.current().url + path

    def _rawlink(self, inode: Inode) -> bytes | None:
        if not inode.is_link:
            return None
        row = self._row(inode)
        return row.symlink if row is not None and type(row.symlink) is bytes else None

    def _row(self, inode: Inode) -> Row | None:
        path = self._repository.config.subpath + inode.path
        mount = self._repository.tree.opened(mount_of(inode))
        return mount.catalog.entry(mount.inner(path))

    def _catalog_counters(self, inode: Inode) -> str:
        mount = mount_of(inode)
        if inode.is_dir:
            mount = self._repository.tree.within(mount, self._repository.config.subpath + inode.path)
        place = os.fsdecode(mount.path)
        return f"catalog_hash: {mount.catalog.hash}\ncatalog_mountpoint: {place}\n" + _counters(mount.catalog)


def _counters(catalog: Catalog) -> str:
    """The statistics as lines ``name,value``, what is in the catalog and below it added up."""
    sums: dict[str, int] = {}
    for counter, value in catalog.counters().items():
        name = counter.partition("_")[2]
        sums[name] = sums.get(name, 0) + value
    return "".join(f"{name},{value}\n" for name, value in sorted(sums.items()))

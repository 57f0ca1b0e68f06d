"""Magic attributes of single paths: how a file is stored, what a link says, which catalog something is in."""

from __future__ import annotations

import os
import zlib
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from parrot_py.drivers.base import Inode, may_block
from parrot_py.drivers.cvmfs.cache.stored import Stored
from parrot_py.drivers.cvmfs.catalogs.rows import mount_of
from parrot_py.drivers.cvmfs.catalogs.schema import (
    COMPRESSION_NONE,
    FLAG_CHUNKED,
    FLAG_DIRECT_IO,
    FLAG_EXTERNAL,
    flags_algorithm,
    flags_compression,
)
from parrot_py.drivers.cvmfs.hashes import DIGEST_BYTES, ContentHash
from parrot_py.drivers.cvmfs.magic.repository import counters

if TYPE_CHECKING:
    from parrot_py.drivers.cvmfs.driver import CvmfsDriver

_PIECE = 1 << 20
_LEVEL = 6  # of zlib: what publishers compress with
_OF_FILES = (b"user.chunks", b"user.chunk_list", b"user.compression", b"user.direct_io", b"user.external_file")
_OF_LINKS = (b"user.rawlink", b"xfsroot.rawlink")


class FileAttributes:
    """Computes them; None stands for "no such attribute here"."""

    def __init__(self, driver: CvmfsDriver) -> None:
        self._driver = driver

    def table(self) -> dict[bytes, Callable[[Inode], str | bytes | None]]:
        """What computes the value for an inode, by name."""
        return {
            b"user.hash": lambda inode: str(self._hash(inode) or "") or None,
            b"user.lhash": self._local_hash,
            b"user.chunks": self._chunks,
            b"user.chunk_list": self._chunk_list,
            b"user.compression": self._compression,
            b"user.direct_io": lambda inode: self._flag(inode, FLAG_DIRECT_IO),
            b"user.external_file": lambda inode: self._flag(inode, FLAG_EXTERNAL),
            b"user.external_url": self._external_url,
            b"user.rawlink": self._rawlink,
            b"xfsroot.rawlink": self._rawlink,
            b"user.catalog_counters": self._catalog_counters,
        }

    def names(self, inode: Inode) -> Iterator[bytes]:
        """The names of those that *inode* has."""
        yield b"user.catalog_counters"
        if inode.is_link:
            yield from _OF_LINKS
        if inode.is_regular:
            yield from _OF_FILES
            if self._hash(inode) is not None:
                yield from (b"user.hash", b"user.lhash")
            if self._external_url(inode) is not None:
                yield b"user.external_url"

    def _hash(self, inode: Inode) -> ContentHash | None:
        if not inode.is_regular:
            return None
        flags, digest, _ = self._driver.content(inode)
        try:
            return ContentHash(flags_algorithm(flags), digest) if digest and len(digest) == DIGEST_BYTES else None
        except ValueError:
            return None  # of an algorithm that nobody knows

    def _local_hash(self, inode: Inode) -> str | None:
        """The hash of the cached copy, packed again: equal to ``user.hash`` unless it is damaged."""
        hash_ = self._hash(inode)
        if hash_ is None:
            return None
        compression = flags_compression(self._driver.content(inode).flags)
        name = self._driver.store.name(hash_, Stored(compression, inode.size, None))
        path = self._driver.cache.find(name, inode.size)
        if path is None:
            return "Not in cache"
        may_block()
        hasher = hash_.algorithm.new()
        packer = zlib.compressobj(_LEVEL) if compression != COMPRESSION_NONE else None
        try:
            with open(path, "rb") as file:
                for block in iter(lambda: file.read(_PIECE), b""):
                    hasher.update(packer.compress(block) if packer else block)
        except OSError:
            return "Not in cache"
        hasher.update(packer.flush() if packer else b"")
        return str(ContentHash(hash_.algorithm, hasher.digest()))

    def _flag(self, inode: Inode, flag: int) -> str | None:
        return str(int(bool(self._driver.content(inode).flags & flag))) if inode.is_regular else None

    def _compression(self, inode: Inode) -> str | None:
        if not inode.is_regular:
            return None
        return "none" if flags_compression(self._driver.content(inode).flags) == COMPRESSION_NONE else "zlib"

    def _parts(self, inode: Inode) -> list[tuple[str, int, int]] | None:
        """Hash, offset and size of each part of a file."""
        if not inode.is_regular:
            return None
        flags = self._driver.content(inode).flags
        if not flags & FLAG_CHUNKED:
            return [(str(self._hash(inode) or ""), 0, inode.size)]
        algorithm = flags_algorithm(flags)
        return [(str(ContentHash(algorithm, c.digest)), c.offset, c.size) for c in self._driver.chunks(inode)]

    def _chunks(self, inode: Inode) -> str | None:
        parts = self._parts(inode)
        return str(len(parts)) if parts is not None else None

    def _chunk_list(self, inode: Inode) -> str | None:
        parts = self._parts(inode)
        if parts is None:
            return None
        return "hash,offset,size\n" + "".join(f"{h},{offset},{size}\n" for h, offset, size in parts)

    def _external_url(self, inode: Inode) -> str | None:
        external = self._driver.fetcher.external
        if self._flag(inode, FLAG_EXTERNAL) != "1" or external is None:
            return None
        path = self._driver.config.subpath + inode.path
        return external.current().url + os.fsdecode(mount_of(inode).inner(path))

    def _rawlink(self, inode: Inode) -> bytes | None:
        if not inode.is_link:
            return None
        mount = self._driver.tree.opened(mount_of(inode))
        row = mount.catalog.entry(mount.inner(self._driver.config.subpath + inode.path))
        return row.symlink if row is not None and type(row.symlink) is bytes else None

    def _catalog_counters(self, inode: Inode) -> str:
        mount = mount_of(inode)
        if inode.is_dir:
            mount = self._driver.tree.within(mount, self._driver.config.subpath + inode.path)
        place = os.fsdecode(mount.path)
        return f"catalog_hash: {mount.catalog.hash}\ncatalog_mountpoint: {place}\n" + counters(mount.catalog)

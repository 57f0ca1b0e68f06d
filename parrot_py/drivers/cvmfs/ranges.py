"""Reading parts of files: of a chunked file only the chunks that the part lies in are fetched.

The tracer has no use for this (the job reads complete local files); the library has.  A chunk is kept in the cache
under its own name, as the real client does, and is found there when the whole file is wanted later.
"""

from __future__ import annotations

import errno
import io
import os
from bisect import bisect_right
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple

from parrot_py.drivers.base import Inode, WouldBlock, nonblocking
from parrot_py.drivers.cvmfs.cache.stored import Stored
from parrot_py.drivers.cvmfs.catalogs.catalog import Chunk
from parrot_py.drivers.cvmfs.catalogs.schema import FLAG_CHUNKED, FLAG_EXTERNAL, flags_algorithm, flags_compression
from parrot_py.drivers.cvmfs.flights import Flights
from parrot_py.drivers.cvmfs.hashes import Algorithm, ContentHash

if TYPE_CHECKING:
    from parrot_py.drivers.cvmfs.driver import CvmfsDriver

_PARALLEL = 8
_ATTEMPTS = 3
_BUFFER = 1 << 18


class Layout(NamedTuple):
    """How the content of a chunked file is stored; the chunks follow each other from 0 to its size."""

    algorithm: Algorithm
    chunks: Sequence[Chunk]
    stored: Stored

    def covering(self, offset: int, size: int) -> Sequence[Chunk]:
        """The chunks that the *size* bytes from *offset* lie in.  Precondition: they lie in the file, and size > 0."""
        starts = [chunk.offset for chunk in self.chunks]
        return self.chunks[bisect_right(starts, offset) - 1 : bisect_right(starts, offset + size - 1)]


class Ranges:
    """Parts of the regular files of one repository.  Thread-safe; waits; raises OSError."""

    def __init__(self, driver: CvmfsDriver) -> None:
        self._driver = driver
        pauses = (driver.config.backoff_init, driver.config.backoff_max)
        self._flights = Flights[str](driver.fqrn, *pauses)

    def read(self, inode: Inode, offset: int, size: int | None) -> bytes:
        """*size* bytes (None: all) of the file from *offset* on, fewer at its end."""
        left = max(0, inode.size - offset)
        size = left if size is None else min(size, left)
        fd = self._whole(inode, fetch=size == inode.size) if size else -1
        if fd is None:
            layout = self.layout(inode)
            assert layout is not None, "a plain file is whole"
            return self._join(layout, offset, size)
        try:
            return _pread(fd, offset, size) if size else b""
        finally:
            if fd >= 0:
                os.close(fd)

    def open(self, inode: Inode) -> BinaryIO:
        """The file, open for reading; chunks are fetched when they are read."""
        fd = self._whole(inode)
        if fd is not None:
            return os.fdopen(fd, "rb")
        layout = self.layout(inode)
        assert layout is not None, "a plain file is whole"
        return io.BufferedReader(_ChunkedFile(self, layout), _BUFFER)

    def layout(self, inode: Inode) -> Layout | None:
        """How the regular file *inode* is stored, None when it is in one piece."""
        driver = self._driver
        flags, _, mount = driver.content(inode)
        if not flags & FLAG_CHUNKED or not inode.size:
            return None
        with driver.answering():
            path = driver.config.subpath + inode.path
            external = mount.inner(path) if flags & FLAG_EXTERNAL else None
            stored = Stored(flags_compression(flags), inode.size, external, path)
            return Layout(flags_algorithm(flags), driver.chunks(inode), stored)

    def chunk(self, layout: Layout, chunk: Chunk) -> int:
        """A descriptor of a file with the content of *chunk*."""
        for _ in range(_ATTEMPTS):
            with self._driver.answering():
                path = self._chunk_file(layout, chunk)
            try:
                return os.open(path, os.O_RDONLY | os.O_CLOEXEC)
            except FileNotFoundError:
                continue  # evicted meanwhile
        raise _evicted()

    def _whole(self, inode: Inode, *, fetch: bool = False) -> int | None:
        """A descriptor of the complete file; None when it is chunked, not complete in the cache, and not to *fetch*."""
        driver = self._driver
        chunked = inode.is_regular and driver.content(inode).flags & FLAG_CHUNKED and inode.size
        for _ in range(_ATTEMPTS):
            if fetch or not chunked:
                path = driver.materialise(inode)
            else:
                try:
                    with nonblocking():
                        path = driver.materialise(inode)
                except WouldBlock:
                    return None
            try:
                return os.open(path, os.O_RDONLY | os.O_CLOEXEC)
            except FileNotFoundError:
                continue  # evicted meanwhile
        raise _evicted()

    def _chunk_file(self, layout: Layout, chunk: Chunk) -> str:
        hash_ = ContentHash(layout.algorithm, chunk.digest)
        store, key = self._driver.store, (hash_, chunk.offset)
        return self._flights.run(key, lambda: store.chunk_file(hash_, chunk, layout.stored))

    def _join(self, layout: Layout, offset: int, size: int) -> bytes:
        wanted = layout.covering(offset, size)
        if len(wanted) == 1:
            return self._part(layout, wanted[0], offset, size)
        with ThreadPoolExecutor(min(_PARALLEL, len(wanted)), "parrot-range") as pool:
            return b"".join(pool.map(lambda chunk: self._part(layout, chunk, offset, size), wanted))

    def _part(self, layout: Layout, chunk: Chunk, offset: int, size: int) -> bytes:
        """What *chunk* has of the *size* bytes from *offset*."""
        first = max(offset, chunk.offset)
        fd = self.chunk(layout, chunk)
        try:
            return _pread(fd, first - chunk.offset, min(offset + size, chunk.offset + chunk.size) - first)
        finally:
            os.close(fd)


class _ChunkedFile(io.RawIOBase):
    """A chunked file as a stream that holds one chunk at a time."""

    def __init__(self, ranges: Ranges, layout: Layout) -> None:
        self._ranges, self._layout = ranges, layout
        self._size = layout.stored.size
        self._at = 0
        self._fd, self._chunk = -1, layout.chunks[0]

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._size}[whence]
        if base + offset < 0:
            raise OSError(errno.EINVAL, "position before the beginning of the file")
        self._at = base + offset
        return self._at

    def tell(self) -> int:
        return self._at

    def readinto(self, buffer: Any, /) -> int:
        view = memoryview(buffer).cast("B")
        left = min(len(view), self._size - self._at)
        if left <= 0:
            return 0
        chunk = self._enter()
        inside = self._at - chunk.offset
        data = os.pread(self._fd, min(left, chunk.size - inside), inside)
        view[: len(data)] = data
        self._at += len(data)
        return len(data)

    def _enter(self) -> Chunk:
        """Open the chunk at the current position."""
        chunk = self._chunk
        if self._fd < 0 or not chunk.offset <= self._at < chunk.offset + chunk.size:
            chunk = self._layout.covering(self._at, 1)[0]
            fd = self._ranges.chunk(self._layout, chunk)
            self._release()
            self._fd, self._chunk = fd, chunk
        return chunk

    def _release(self) -> None:
        fd, self._fd = self._fd, -1
        if fd >= 0:
            os.close(fd)

    def close(self) -> None:
        self._release()
        super().close()


def _evicted() -> OSError:
    return OSError(errno.ENOSPC, "the cache is too small: what was fetched is gone before it can be opened")


def _pread(fd: int, offset: int, size: int) -> bytes:
    """Exactly *size* bytes; OSError when the file in the cache has become shorter."""
    parts = []
    while size > 0:
        part = os.pread(fd, size, offset)
        if not part:
            raise OSError(errno.EIO, "the file in the cache was truncated while it was read")
        parts.append(part)
        offset, size = offset + len(part), size - len(part)
    return b"".join(parts)

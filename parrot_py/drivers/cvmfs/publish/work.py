"""The content of the source: what need not be read again, and the rest, read, packed and hashed by several threads."""

from __future__ import annotations

import fnmatch
import os
import stat
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from parrot_py.drivers.cvmfs.catalogs.schema import (
    COMPRESSION_ZLIB,
    FLAG_CHUNKED,
    FLAG_EXTERNAL,
    content_flags,
)
from parrot_py.drivers.cvmfs.hashes import FILE, PARTIAL
from parrot_py.drivers.cvmfs.publish.index import FileIndex
from parrot_py.drivers.cvmfs.publish.objects import Chunk, ObjectStore, StoredContent, cut, describe_external
from parrot_py.drivers.cvmfs.publish.options import PublishOptions
from parrot_py.drivers.cvmfs.publish.previous import KnownFile
from parrot_py.drivers.cvmfs.publish.tree import SourceEntry, opened

Result = Callable[[], StoredContent]
_T = TypeVar("_T")

# Below this handing a file over to a thread costs more than packing it.
_SMALL = 16 << 10


class ContentWorks:
    """Stores the content of files of the source in *store*; :meth:`begin` is for one thread."""

    def __init__(self, store: ObjectStore, options: PublishOptions, index: FileIndex) -> None:
        self._store, self._options, self._index = store, options, index
        self._plain_flags = content_flags(store.algorithm, options.compression)
        self._external_flags = content_flags(store.algorithm, 1) | FLAG_EXTERNAL
        self._pool = ThreadPoolExecutor(options.workers, "parrot-publish")
        # One piece waits for each that is worked on, so memory is bounded by twice as many pieces as threads.
        self._places = threading.Semaphore(2 * options.workers)
        self._linked: dict[tuple[int, int, bool], Result] = {}

    def begin(self, entry: SourceEntry, known: KnownFile | None) -> Result:
        """Begin to store *entry*; the answer waits for the end and says what the catalog has to say.

        *known* is the file of that name in the revision in place, where that may be believed.
        """
        mode = entry.status.st_mode
        if stat.S_ISLNK(mode):
            return _ready(StoredContent(None, len(entry.target), 0))
        if stat.S_ISCHR(mode) or stat.S_ISBLK(mode):
            return _ready(StoredContent(None, entry.status.st_rdev, 0))
        if not stat.S_ISREG(mode):
            return _ready(StoredContent(None, 0, 0))
        external = self._is_external(entry)
        if entry.status.st_nlink == 1:
            return self._file(entry, external, known)
        # Names of one inode in several directories: read once.
        key = (*entry.identity, external)
        if key not in self._linked:
            result = self._file(entry, external, known)

            def finished() -> StoredContent:
                self._linked[key] = _ready(result())  # which lets go of the entry
                return self._linked[key]()

            self._linked[key] = finished
        return self._linked[key]

    def close(self) -> None:
        """Stop; what has not begun is not done any more."""
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _is_external(self, entry: SourceEntry) -> bool:
        path = os.fsdecode(entry.path)
        return any(fnmatch.fnmatchcase(path, pattern) for pattern in self._options.external)

    def _file(self, entry: SourceEntry, external: bool, known: KnownFile | None) -> Result:
        flags = self._external_flags if external else self._plain_flags
        found = None if self._options.reread else self._index.find(entry.status)
        if found is not None and self._usable(found, flags):
            self._index.remember(entry.status, found)
            return _ready(found)
        status = entry.status
        as_before = known is not None and (known.mtime, known.content.size) == (status.st_mtime_ns, status.st_size)
        if known is not None and as_before and self._usable(known.content, flags):
            # Believed, not known: the index must not say so to a publication that does not trust times.
            return _ready(known.content)
        result = self._begin_reading(entry, external)

        def finished() -> StoredContent:
            content = result()
            self._index.remember(entry.status, content)
            return content

        return finished

    def _usable(self, content: StoredContent, flags: int) -> bool:
        """Whether *content* is stored as is asked for now, and all there."""
        if content.flags & ~FLAG_CHUNKED != flags:
            return False
        return bool(flags & FLAG_EXTERNAL) or self._store.has(content)

    def _begin_reading(self, entry: SourceEntry, external: bool) -> Result:
        size, sizes = entry.status.st_size, self._options.chunk_sizes
        if external:
            return self._hand_over(self._describe, entry)
        if size <= min(_SMALL, sizes.minimum):
            return _ready(self._whole(entry))
        if size <= sizes.minimum:
            return self._hand_over(self._whole, entry)
        return self._chunked(entry)

    def _describe(self, entry: SourceEntry) -> StoredContent:
        with opened(entry) as stream:
            return describe_external(stream, entry.status.st_size, self._store.algorithm, self._options.chunk_sizes)

    def _whole(self, entry: SourceEntry) -> StoredContent:
        with opened(entry) as stream:
            digest, size = self._store.put_whole(stream, entry.status.st_size, self._options.compression)
            return StoredContent(digest.digest, size, self._plain_flags)

    def _chunked(self, entry: SourceEntry) -> Result:
        """Cut a big file here and let the threads store the pieces."""
        compression = self._options.compression
        with opened(entry) as stream:
            pieces = cut(stream, self._options.chunk_sizes)
            first, second = next(pieces, b""), next(pieces, b"")
            if not second:
                name = self._store.put(first, FILE, compression)
                return _ready(StoredContent(name.digest, len(first), self._plain_flags))
            begun = []
            offset = 0
            for group in ((first, second), pieces):
                for piece in group:
                    begun.append((offset, len(piece), self._hand_over(self._store.put, piece, PARTIAL, compression)))
                    offset += len(piece)

        def finished() -> StoredContent:
            chunks = tuple(Chunk(start, length, name().digest) for start, length, name in begun)
            return StoredContent(None, offset, self._plain_flags | FLAG_CHUNKED, chunks)

        return finished

    def _hand_over(self, work: Callable[..., _T], *arguments: object) -> Callable[[], _T]:
        self._places.acquire()
        try:
            future: Future[_T] = self._pool.submit(work, *arguments)
        except BaseException:
            self._places.release()
            raise
        future.add_done_callback(lambda _: self._places.release())
        return future.result


def recipe(store: ObjectStore, options: PublishOptions) -> str:
    """What decides, beside the file itself, how its content is stored, as a text."""
    sizes = options.chunk_sizes
    packed = "zlib" if options.compression == COMPRESSION_ZLIB else "none"
    return f"1 {store.algorithm.name} {packed} {sizes.minimum}/{sizes.average}/{sizes.maximum}"


def index_file(directory: Path, fqrn: str) -> Path:
    """Where the index of *fqrn* is, beside its keys."""
    return directory / f"{fqrn}.index"


def _ready(content: StoredContent) -> Result:
    return lambda: content

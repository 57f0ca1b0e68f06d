"""Checking what is in a cache against the hashes that are its names.

An object has the hash of its stored form, and the cache has it unpacked.  What was stored as it is can be hashed as it
is.  What was compressed is compressed again: with the same zlib and level as the publisher's, the hash comes out, and
then the object is right beyond doubt.  When it does not, the object is either damaged or was compressed otherwise (by
zlib-ng, say), and only a comparison with a fresh copy from a server can tell.  The catalogs in the cache say how long
objects have to be, and what assembled chunked files, which are checked chunk by chunk, consist of.
"""

from __future__ import annotations

import os
import re
import sqlite3
import zlib
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

from parrot_py.drivers.cvmfs.cache.census import objects
from parrot_py.drivers.cvmfs.cache.sink import ObjectSink
from parrot_py.drivers.cvmfs.catalogs.database import connect, looks_whole, query
from parrot_py.drivers.cvmfs.catalogs.schema import (
    COMPRESSION_NONE,
    COMPRESSION_ZLIB,
    FLAG_CHUNKED,
    flags_algorithm,
    flags_compression,
)
from parrot_py.drivers.cvmfs.hashes import (
    CATALOG,
    CERTIFICATE,
    DIGEST_BYTES,
    FILE,
    HISTORY,
    METAINFO,
    PARTIAL,
    Algorithm,
    ContentHash,
)
from parrot_py.drivers.cvmfs.trouble import Failure

if TYPE_CHECKING:
    from parrot_py.drivers.cvmfs.driver import CvmfsDriver

GOOD, DAMAGED, UNKNOWN = "good", "damaged", "unknown"
"""What is known of an object.  ``unknown``: its hash can't be checked here, and no server settled it."""

_NAME = re.compile(r"([0-9a-f]{38}(?:-rmd160|-shake128)?)(-chunked)?(-none|-[0-9]+)?")
_BLOCK = 1 << 18
_LETTERS = (FILE, CATALOG, PARTIAL, CERTIFICATE, HISTORY, METAINFO)
# The default, and what publishers are known to choose besides.
_LEVELS = (-1, 9, 1)


class Stock(NamedTuple):
    """An object in a cache: its name below the cache, its path and its size in bytes."""

    name: str
    path: str
    size: int


def stock(root: str) -> Iterator[Stock]:
    """Everything in the cache *root* that has the name of an object; what cannot be looked at is left out."""
    for found in objects(root):
        yield Stock(found.name, found.path, found.status.st_size)


class ChunkList(NamedTuple):
    """What a chunked file is made of: algorithm, compression, and size and digest of each chunk."""

    algorithm: Algorithm
    compression: int
    chunks: Sequence[tuple[int, bytes]]


class Auditor:
    """Checks objects of one cache.  Thread-safe after :meth:`learn`."""

    def __init__(self, root: str) -> None:
        self._root = root
        self._lists: dict[str, ChunkList] = {}
        self._sizes: dict[str, int] = {}

    def learn(self) -> int:
        """Read what the catalogs in the cache say about what else is in it; how many objects there are."""
        there = {each.name for each in stock(self._root)}
        for name in there:
            path = f"{self._root}/{name}"
            if looks_whole(path):
                self._read_catalog(path, there)
        return len(there)

    def _read_catalog(self, path: str, there: set[str]) -> None:
        sql = (
            "SELECT c.flags, k.size, k.hash, c.md5path_1, c.md5path_2 FROM chunks k JOIN catalog c ON "
            "c.md5path_1 = k.md5path_1 AND c.md5path_2 = k.md5path_2 ORDER BY c.md5path_1, c.md5path_2, k.offset"
        )
        files: dict[tuple[object, object], tuple[int, list[tuple[int, bytes]]]] = {}
        try:
            db = connect(path)
            try:
                for flags, size, digest in query(db, "SELECT flags, size, hash FROM catalog WHERE hash IS NOT NULL"):
                    self._note_size(flags, size, digest, there)
                for flags, size, digest, *key in query(db, sql):
                    self._note_size(flags, size, digest, there)
                    if type(flags) is int and type(size) is int and type(digest) is bytes and flags & FLAG_CHUNKED:
                        files.setdefault((key[0], key[1]), (flags, []))[1].append((size, digest))
            finally:
                db.close()
        except (sqlite3.Error, OverflowError, UnicodeError, Failure):
            return  # not a catalog, or a damaged one, which its own hash shows
        for flags, chunks in files.values():
            try:
                algorithm = flags_algorithm(flags)
            except ValueError:
                continue
            identity = algorithm.hash(b"".join(digest for _, digest in chunks))
            self._lists[identity.cache_path()] = ChunkList(algorithm, flags_compression(flags), chunks)

    def _note_size(self, flags: object, size: object, digest: object, there: set[str]) -> None:
        """Remember the length of an object that is in the cache."""
        if type(flags) is not int or type(size) is not int or type(digest) is not bytes or len(digest) != DIGEST_BYTES:
            return
        try:
            name = ContentHash(flags_algorithm(flags), digest).cache_path()
        except ValueError:
            return
        name += {COMPRESSION_ZLIB: "", COMPRESSION_NONE: "-none"}.get(flags_compression(flags), "-other")
        if name in there:
            self._sizes[name] = size

    def expect(self, name: str, chunks: ChunkList) -> None:
        """The whole file *name* (without ``-chunked…``) consists of *chunks*."""
        self._lists[name] = chunks

    def check(self, each: Stock) -> str:
        """GOOD, DAMAGED or UNKNOWN.  Raises OSError when the file cannot be read."""
        parsed = _parsed(each.name)
        if parsed is None:
            return UNKNOWN
        hash_, chunked, kind = parsed
        if self._sizes.get(each.name, each.size) != each.size:
            return DAMAGED
        with open(each.path, "rb", buffering=0) as file:
            if chunked:
                return self._check_chunks(file.fileno(), each, hash_.cache_path())
            if kind == "-none":
                return GOOD if _digest(file.fileno(), 0, each.size, hash_.algorithm) == hash_.digest else DAMAGED
            if kind:
                return UNKNOWN
            return _check_zlib(file.fileno(), each.size, hash_)

    def _check_chunks(self, fd: int, each: Stock, identity: str) -> str:
        known = self._lists.get(identity)
        if known is None or known.compression not in (COMPRESSION_ZLIB, COMPRESSION_NONE):
            return UNKNOWN
        if sum(size for size, _ in known.chunks) != each.size:
            return DAMAGED
        at, states = 0, set()
        for size, digest in known.chunks:
            if known.compression == COMPRESSION_NONE:
                states.add(GOOD if _digest(fd, at, size, known.algorithm) == digest else DAMAGED)
            else:
                states.add(GOOD if digest in _packed(fd, at, size, known.algorithm) else UNKNOWN)
            at += size
        return _worst(states)

    def settle(self, each: Stock, drivers: Sequence[CvmfsDriver]) -> str:
        """Compare *each*, of which :meth:`check` knew nothing, with copies from the servers of *drivers*; may wait.

        Raises OSError when the file cannot be read.
        """
        parsed = _parsed(each.name)
        if parsed is None or (parsed[2] and not parsed[1]):
            return UNKNOWN
        if not parsed[1]:
            return _compared(each.path, _Part(parsed[0], COMPRESSION_ZLIB, 0, each.size, _LETTERS), drivers)
        known = self._lists.get(parsed[0].cache_path())
        if known is None:
            return UNKNOWN
        at, states = 0, set()
        for size, digest in known.chunks:
            part = _Part(ContentHash(known.algorithm, digest), known.compression, at, size, (PARTIAL,))
            states.add(_compared(each.path, part, drivers))
            at += size
        return _worst(states)


class _Part(NamedTuple):
    """The part of a file that is one object on the servers, under one of *letters*."""

    hash: ContentHash
    compression: int
    offset: int
    size: int
    letters: Sequence[str]


def _compared(path: str, part: _Part, drivers: Sequence[CvmfsDriver]) -> str:
    """Compare a part of the file at *path* with what the servers have."""
    with open(path, "rb", buffering=0) as file:
        for driver in drivers:
            for letter in part.letters:
                comparison = _Comparison(file.fileno(), part.offset, part.size)
                try:
                    sink = ObjectSink(part.hash, part.compression, comparison)
                    driver.fetcher.object(part.hash.object_path(letter), sink)
                except Failure:
                    continue  # not there, or not under this letter
                return GOOD if comparison.same else DAMAGED
    return UNKNOWN


def _worst(states: set[str]) -> str:
    return DAMAGED if DAMAGED in states else UNKNOWN if UNKNOWN in states else GOOD


class _Comparison:
    """An Output that compares with a part of a file."""

    def __init__(self, fd: int, offset: int, size: int) -> None:
        self._fd, self._start, self._end = fd, offset, offset + size
        self.restart()

    def restart(self) -> None:
        """Begin again."""
        self._at, self._equal = self._start, True

    def write(self, data: bytes, /) -> None:
        """Compare *data*."""
        self._equal = self._equal and os.pread(self._fd, len(data), self._at) == data
        self._at += len(data)

    @property
    def same(self) -> bool:
        """Whether all that was written is all that there is."""
        return self._equal and self._at == self._end


def _parsed(name: str) -> tuple[ContentHash, bool, str] | None:
    """Hash, whether it is an assembled file, and how it was stored; None for what is no name of an object."""
    match = _NAME.fullmatch(name[3:])
    try:
        return (ContentHash.parse(name[:2] + match[1]), bool(match[2]), match[3] or "") if match else None
    except ValueError:
        return None


def _blocks(fd: int, offset: int, size: int) -> Iterator[bytes]:
    end = offset + size
    while offset < end:
        block = os.pread(fd, min(_BLOCK, end - offset), offset)
        if not block:
            return
        offset += len(block)
        yield block


def _digest(fd: int, offset: int, size: int, algorithm: Algorithm) -> bytes:
    hasher = algorithm.new()
    for block in _blocks(fd, offset, size):
        hasher.update(block)
    return hasher.digest()


def _packed(fd: int, offset: int, size: int, algorithm: Algorithm) -> Iterator[bytes]:
    """The digests of a part of a file after compression, level by level."""
    for level in _LEVELS:
        hasher, packer = algorithm.new(), zlib.compressobj(level)
        for block in _blocks(fd, offset, size):
            hasher.update(packer.compress(block))
        hasher.update(packer.flush())
        yield hasher.digest()


def is_chunk(fd: int, offset: int, size: int, hash_: ContentHash, compression: int) -> bool:
    """Whether a part of a file is proven to be the content of the object *hash_*.  Raises OSError."""
    if compression == COMPRESSION_NONE:
        return _digest(fd, offset, size, hash_.algorithm) == hash_.digest
    return compression == COMPRESSION_ZLIB and hash_.digest in _packed(fd, offset, size, hash_.algorithm)


def _check_zlib(fd: int, size: int, hash_: ContentHash) -> str:
    if hash_.digest in _packed(fd, 0, size, hash_.algorithm):
        return GOOD
    # Caches of the real client have uncompressed objects under the plain name, too.
    if _digest(fd, 0, size, hash_.algorithm) == hash_.digest:
        return GOOD
    # Every publisher compresses an empty file to the same eight bytes, so an empty object of another name is none.
    return UNKNOWN if size else DAMAGED

"""Where a publisher puts content: the object store of a repository, and the cutting of big files into chunks."""

from __future__ import annotations

import contextlib
import hashlib
import math
import os
import re
import tempfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Protocol

from parrot_py import codes
from parrot_py.drivers.cvmfs.catalogs.schema import (
    COMPRESSION_NONE,
    COMPRESSION_ZLIB,
    FLAG_CHUNKED,
    FLAG_EXTERNAL,
    content_flags,
    flags_algorithm,
)
from parrot_py.drivers.cvmfs.hashes import FILE, PARTIAL, Algorithm, ContentHash
from parrot_py.errors import ParrotError

MIB = 1 << 20
_BLOCK = MIB
_TEMPORARY = ".publish-"


class PublishError(ParrotError):
    """Something that keeps a directory from being published; nothing was published then."""


class Readable(Protocol):
    """A stream of bytes; ``read(n)`` may answer fewer, and answers none only at the end."""

    def read(self, size: int = -1, /) -> bytes:
        """The next *size* bytes at most, or all that are left."""


@dataclass(frozen=True)
class ChunkSizes:
    """Bounds in bytes for the chunks of a big file; files up to *minimum* bytes are stored in one piece.

    Equal values cut at fixed offsets, anything else where the content says so.
    """

    minimum: int = 4 * MIB
    average: int = 8 * MIB
    maximum: int = 16 * MIB

    def __post_init__(self) -> None:
        if not 0 < self.minimum <= self.average <= self.maximum:
            raise PublishError(
                f"chunk sizes must be positive and in order, not {self.minimum}/{self.average}/{self.maximum}",
                codes.PUBLISH_USAGE,
            )


@dataclass(frozen=True)
class Chunk:
    """One row of the ``chunks`` table: a piece of a file, in uncompressed bytes."""

    offset: int
    size: int
    digest: bytes


@dataclass(frozen=True)
class StoredContent:
    """What a catalog has to say about the content of a file."""

    digest: bytes | None
    size: int
    flags: int
    chunks: tuple[Chunk, ...] = ()


@lru_cache(maxsize=8)
def _boundary(reach: int) -> re.Pattern[bytes]:
    """Matches about once in *reach* bytes of varied data, and depends on nothing but the bytes it matches.

    Each of its positions accepts a fixed, arbitrary half of all byte values, so n positions match once in 2^n.
    A regular expression, because that is a rolling test which runs at C speed without a C module.
    """
    positions = range(max(1, round(math.log2(reach))))
    pattern = b"".join(b"[" + b"".join(b"\\x%02x" % byte for byte in _half(position)) + b"]" for position in positions)
    return re.compile(pattern, re.DOTALL)


def _half(position: int) -> list[int]:
    """128 of the 256 byte values, arbitrary but always the same ones for a *position*."""
    return sorted(range(256), key=lambda byte: hashlib.sha256(bytes([position, byte])).digest())[:128]


def cut(stream: Readable, sizes: ChunkSizes) -> Iterator[bytes]:
    """The content of *stream* in pieces; an insertion moves the boundaries behind it and changes few pieces."""
    waiting = b""
    while True:
        while len(waiting) < sizes.maximum:
            more = stream.read(sizes.maximum - len(waiting))
            if not more:
                break
            waiting += more
        if not waiting:
            return
        end = min(len(waiting), sizes.maximum)
        if sizes.average == sizes.minimum:
            end = min(end, sizes.average)
        elif found := _boundary(sizes.average - sizes.minimum).search(waiting, sizes.minimum, end):
            end = found.end()
        yield waiting[:end]
        waiting = waiting[end:]


class ObjectStore:
    """The ``data/`` tree of one repository.  Objects appear complete, by rename; what exists is not written again."""

    def __init__(self, repository: Path, algorithm: Algorithm, *, create: bool = True) -> None:
        """Prepares to write below *repository*, which is made when it does not exist, or (not *create*) to read."""
        self.repository = repository
        self.algorithm = algorithm
        self.written: set[str] = set()
        if create:
            repository.parent.mkdir(parents=True, exist_ok=True)
            make_directory(repository)
            make_directory(repository / "data")

    def path(self, name: ContentHash, letter: str = FILE) -> Path:
        """Where the object *name* of kind *letter* is or would be."""
        return self.repository / name.object_path(letter)[1:]

    def remove_leftovers(self) -> None:
        """Take away the unfinished files of a publisher that was killed; nobody else may be publishing."""
        for directory in (self.repository, self.repository / "data"):
            for path in directory.glob(f"{_TEMPORARY}*"):
                path.unlink()

    def has(self, content: StoredContent) -> bool:
        """Whether all objects of *content* are here, which says nothing about what is in them."""
        algorithm = flags_algorithm(content.flags)
        names = [(ContentHash(algorithm, chunk.digest), PARTIAL) for chunk in content.chunks]
        if content.digest is not None:
            names.append((ContentHash(algorithm, content.digest), FILE))
        root = os.fspath(self.repository)
        return all(os.path.exists(root + name.object_path(letter)) for name, letter in names)

    def put(self, data: bytes, letter: str = FILE, compression: int = COMPRESSION_ZLIB) -> ContentHash:
        """Store *data* and answer its name."""
        stored = zlib.compress(data, 6) if compression == COMPRESSION_ZLIB else data
        name = self.algorithm.hash(stored)
        final = self.path(name, letter)
        if not _has_bytes(final, len(stored)):
            make_directory(final.parent)
            write_atomically(final, stored, beside=self.repository / "data")
            self.written.add(os.fspath(final))
        return name

    def put_stream(self, stream: Readable, compression: int) -> tuple[ContentHash, int]:
        """Store what *stream* yields until its end, in constant memory; answers name and uncompressed size."""
        hasher, size, length = self.algorithm.new(), 0, 0
        packer = zlib.compressobj(6) if compression == COMPRESSION_ZLIB else None
        handle, temporary = tempfile.mkstemp(prefix=_TEMPORARY, dir=self.repository / "data")
        try:
            with os.fdopen(handle, "wb") as sink:
                while block := stream.read(_BLOCK):
                    size += len(block)
                    stored = packer.compress(block) if packer else block
                    hasher.update(stored)
                    length += sink.write(stored)
                rest = packer.flush() if packer else b""
                hasher.update(rest)
                length += sink.write(rest)
            name = ContentHash(self.algorithm, hasher.digest())
            final = self.path(name)
            if not _has_bytes(final, length):
                make_directory(final.parent)
                os.chmod(temporary, 0o644)
                os.rename(temporary, final)
                self.written.add(os.fspath(final))
                return name, size
        except BaseException:
            os.unlink(temporary)
            raise
        os.unlink(temporary)
        return name, size

    def put_whole(self, stream: Readable, size: int, compression: int) -> tuple[ContentHash, int]:
        """Store what *stream* yields, about *size* bytes, in one piece; answers name and uncompressed size."""
        if size > _BLOCK:
            return self.put_stream(stream, compression)
        data = stream.read()
        return self.put(data, FILE, compression), len(data)

    def roll_back(self) -> None:
        """Take away every object this store wrote, and the directories that are empty then."""
        for path in self.written:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(path)
        self.written.clear()
        data = self.repository / "data"
        for directory in (*data.iterdir(), data, self.repository):
            if directory.is_dir() and not any(directory.iterdir()):
                directory.rmdir()


def describe_external(stream: Readable, size: int, algorithm: Algorithm, sizes: ChunkSizes) -> StoredContent:
    """What a catalog says about a file whose plain bytes stay on another server; nothing is stored."""
    flags = content_flags(algorithm, COMPRESSION_NONE) | FLAG_EXTERNAL
    if size <= sizes.minimum:
        data = stream.read()
        return StoredContent(algorithm.hash(data).digest, len(data), flags)
    chunks: list[Chunk] = []
    offset = 0
    for piece in cut(stream, sizes):
        chunks.append(Chunk(offset, len(piece), algorithm.hash(piece).digest))
        offset += len(piece)
    if len(chunks) == 1:
        return StoredContent(chunks[0].digest, offset, flags)
    return StoredContent(None, offset, flags | FLAG_CHUNKED, tuple(chunks))


def _has_bytes(path: Path, length: int) -> bool:
    """Whether there is a file of that length: a power failure can leave shorter ones, which are written again."""
    try:
        return os.stat(path).st_size == length
    except FileNotFoundError:
        return False


def make_directory(path: Path) -> None:
    """Make *path*, if it is not there, so that a web server of another user can read it whatever the umask is."""
    try:
        path.mkdir()
    except FileExistsError:
        return
    path.chmod(0o755)


def write_atomically(path: Path, data: bytes, mode: int = 0o644, beside: Path | None = None) -> None:
    """Give *path* the content *data* by rename: a reader sees the old content or the new, never less.

    The unfinished file lies in the directory of *path*, or in *beside*, on the same file system.
    """
    handle, temporary = tempfile.mkstemp(prefix=_TEMPORARY, dir=beside or path.parent)
    try:
        with os.fdopen(handle, "wb") as sink:
            sink.write(data)
        os.chmod(temporary, mode)
        os.rename(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise

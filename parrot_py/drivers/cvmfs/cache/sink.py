"""What happens to the bytes of an object while they arrive: hashed as stored, inflated, measured, written."""

from __future__ import annotations

import zlib
from typing import Protocol

from parrot_py.drivers.cvmfs.catalogs.schema import COMPRESSION_NONE, COMPRESSION_ZLIB
from parrot_py.drivers.cvmfs.hashes import ContentHash
from parrot_py.drivers.cvmfs.net.outcome import BAD_DATA, TransferError
from parrot_py.drivers.cvmfs.trouble import Failure

SMALL_LIMIT = 1 << 20
METAINFO_LIMIT = 64 << 10
HISTORY_LIMIT = 256 << 20
CATALOG_LIMIT = 4 << 30
_STEP = 1 << 18


class Output(Protocol):
    """Where content goes.  ``restart`` forgets what was written, for another attempt."""

    def restart(self) -> None:
        """Begin again."""

    def write(self, data: bytes, /) -> object:
        """Take *data* after what was written since the last restart."""


class Memory:
    """An Output that keeps everything in memory; only for what has a small limit."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []

    def restart(self) -> None:
        """Begin again."""
        self._parts.clear()

    def write(self, data: bytes, /) -> None:
        """Keep *data*."""
        self._parts.append(data)

    @property
    def data(self) -> bytes:
        """All that was written."""
        return b"".join(self._parts)


class Sink(Protocol):
    """Takes the bytes of one transfer, possibly in several attempts.  Raises TransferError for bad data."""

    def begin(self) -> None:
        """A new attempt starts."""

    def feed(self, block: bytes) -> None:
        """The next bytes as they were transferred."""

    def finish(self) -> None:
        """The transfer is complete: raise TransferError unless all is well."""


class BoundedSink:
    """Takes up to *limit* bytes as they come."""

    def __init__(self, output: Output, limit: int) -> None:
        self._output, self._limit, self._length = output, limit, 0

    def begin(self) -> None:
        """A new attempt starts."""
        self._output.restart()
        self._length = 0

    def feed(self, block: bytes) -> None:
        """Write *block*; more than the limit is bad data."""
        self._length += len(block)
        if self._length > self._limit:
            raise TransferError(BAD_DATA, f"longer than {self._limit} bytes")
        self._output.write(block)

    def finish(self) -> None:
        """Nothing to check here."""


class PlainSink(BoundedSink):
    """Takes a document that carries its own proof (manifest, whitelist)."""

    def __init__(self, limit: int = SMALL_LIMIT) -> None:
        self.output = Memory()
        super().__init__(self.output, limit)


class LengthSink(BoundedSink):
    """Takes a file of which only the length is known."""

    def finish(self) -> None:
        """Check the length."""
        if self._length != self._limit:
            raise TransferError(BAD_DATA, f"{self._length} bytes instead of {self._limit}")


class ObjectSink:
    """Takes an object of the store: verifies its hash, inflates it and writes the content to an Output.

    *size* is the length of the content when it is known; content of another length under the right hash means that the
    catalog is wrong and raises Failure at once.  Without *size*, *limit* bounds the content.
    """

    def __init__(
        self,
        expected: ContentHash,
        compression: int,
        output: Output,
        *,
        size: int | None = None,
        limit: int = CATALOG_LIMIT,
    ) -> None:
        if compression not in (COMPRESSION_ZLIB, COMPRESSION_NONE):
            raise Failure(f"object {expected}: unknown compression {compression}")
        self._expected, self._compression, self._output = expected, compression, output
        self._size, self._limit = size, limit if size is None else size
        # What deflate adds to incompressible data is far below an eighth.
        self._stored_limit = self._limit + self._limit // 8 + (1 << 16)

    def begin(self) -> None:
        """A new attempt starts."""
        self._output.restart()
        self._hasher = self._expected.algorithm.new()
        self._inflater = zlib.decompressobj() if self._compression == COMPRESSION_ZLIB else None
        self._stored = self.length = 0

    def feed(self, block: bytes) -> None:
        """Hash *block* as it is, and write what it inflates to."""
        self._stored += len(block)
        if self._stored > self._stored_limit:
            raise TransferError(BAD_DATA, f"longer than {self._stored_limit} bytes")
        self._hasher.update(block)
        if self._inflater is None:
            self._write(block)
            return
        try:
            # In steps: a few bytes of deflate can stand for gigabytes.
            while block and not self._inflater.eof and self.length <= self._limit:
                self._write(self._inflater.decompress(block, _STEP))
                block = self._inflater.unconsumed_tail
        except zlib.error as error:
            raise TransferError(BAD_DATA, f"broken compression ({error})") from None

    def _write(self, data: bytes) -> None:
        """Write content; beyond the limit it is only counted, since nobody is going to see it."""
        self.length += len(data)
        if self.length <= self._limit and data:
            self._output.write(data)

    def finish(self) -> None:
        """Check hash, end of compression and length."""
        if self._hasher.digest() != self._expected.digest:
            raise TransferError(BAD_DATA, "hash mismatch")
        if self._inflater is not None and not self._inflater.eof and self.length <= self._limit:
            raise TransferError(BAD_DATA, "truncated compression")
        if self.length > self._limit or self._size not in (None, self.length):
            least = "at least " if self.length > self._limit else ""
            raise Failure(f"object {self._expected}: has {least}{self.length} bytes, the catalog says {self._limit}")

"""Objects as they come from the network: hashed, inflated and measured in one pass."""

from __future__ import annotations

from contextlib import suppress

from parrot_py.drivers.cvmfs.cache.sink import Memory, ObjectSink
from parrot_py.drivers.cvmfs.catalogs.schema import COMPRESSION_NONE, COMPRESSION_ZLIB
from parrot_py.drivers.cvmfs.hashes import Algorithm
from parrot_py.drivers.cvmfs.net.outcome import TransferError
from parrot_py.drivers.cvmfs.trouble import Failure
from tests.fuzz.target import Target

_LIMIT = 1 << 16


def check(data: bytes) -> None:
    """The first byte chooses how the rest is cut into blocks.  Nothing over the limit is ever written."""
    step = 1 + (data[0] if data else 0) * 16
    body = data[1:]
    for compression in (COMPRESSION_ZLIB, COMPRESSION_NONE):
        for size in (None, 0, len(body), 4096):
            _feed(body, step, compression, size)


def _feed(body: bytes, step: int, compression: int, size: int | None) -> None:
    output = Memory()
    sink = ObjectSink(Algorithm.SHA1.hash(body), compression, output, size=size, limit=_LIMIT)
    with suppress(TransferError, Failure):
        sink.begin()
        for at in range(0, len(body), step):
            sink.feed(body[at : at + step])
            assert len(output.data) <= _LIMIT
        sink.finish()
        assert size in (None, len(output.data))


TARGET = Target(check, 8192, (b"\x78\x9c", b"\x03\x00\x00\x00\x00\x01"))

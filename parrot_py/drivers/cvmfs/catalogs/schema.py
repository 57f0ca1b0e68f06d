"""Constants and small codecs of the catalog format (schema 2.5), shared by reader and publisher."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from parrot_py.drivers.cvmfs.hashes import Algorithm

FLAG_DIR = 0x1
FLAG_NESTED_MOUNTPOINT = 0x2
FLAG_FILE = 0x4
FLAG_LINK = 0x8
FLAG_SPECIAL = 0x10
FLAG_NESTED_ROOT = 0x20
FLAG_CHUNKED = 0x40
FLAG_EXTERNAL = 0x80
FLAG_BIND_MOUNTPOINT = 0x4000
FLAG_HIDDEN = 0x8000
FLAG_DIRECT_IO = 0x10000

_HASH_SHIFT, _HASH_MASK = 8, 0x7
_COMPRESSION_SHIFT, _COMPRESSION_MASK = 11, 0x7

COMPRESSION_ZLIB, COMPRESSION_NONE = 0, 1

_KEY = struct.Struct("<qq")


def _find_md5() -> Callable[[bytes], Any]:
    """The interpreter's own MD5: for short texts twice as fast as that of OpenSSL, which a policy may forbid."""
    try:
        from _md5 import md5  # type: ignore[import-not-found]
    except ImportError:  # a Python that was built without
        import hashlib

        return lambda text: hashlib.md5(text, usedforsecurity=False)
    found: Callable[[bytes], Any] = md5
    return found


_md5 = _find_md5()


def path_key(path: bytes) -> tuple[int, int]:
    """The primary key of *path* (``b""`` or ``b"/a/b"``): its MD5 as two little-endian signed 64-bit integers."""
    first, second = _KEY.unpack(_md5(path).digest())
    return first, second


def member_digests(directory: bytes, names: Iterable[bytes]) -> list[bytes]:
    """The MD5 of the path of each of *names* in *directory*, which the primary keys are made of."""
    prefix, md5 = directory + b"/", _md5
    return [md5(prefix + name).digest() for name in names]


def flags_algorithm(flags: int) -> Algorithm:
    """The content hash algorithm in *flags*; raises ValueError for an id this format does not know."""
    return Algorithm(((flags >> _HASH_SHIFT) & _HASH_MASK) + 1)


def flags_compression(flags: int) -> int:
    """The compression id in *flags*; ids other than zlib and none are for the caller to refuse."""
    return (flags >> _COMPRESSION_SHIFT) & _COMPRESSION_MASK


def content_flags(algorithm: Algorithm, compression: int) -> int:
    """The flag bits that state how the content of a file is hashed and stored."""
    return ((algorithm.value - 1) << _HASH_SHIFT) | (compression << _COMPRESSION_SHIFT)


def pack_xattrs(attributes: Mapping[bytes, bytes]) -> bytes | None:
    """The blob of the ``xattr`` column, None when there are none; raises ValueError for what does not fit."""
    if not attributes:
        return None
    if len(attributes) > 255 or any(not k or len(k) > 255 or len(v) > 255 for k, v in attributes.items()):
        raise ValueError("more than 255 extended attributes, or a name or value longer than 255 bytes")
    blob = struct.pack("BB", 1, len(attributes))
    for key, value in sorted(attributes.items()):
        blob += struct.pack("BB", len(key), len(value)) + key + value
    return blob


def unpack_xattrs(blob: bytes | None) -> dict[bytes, bytes]:
    """The attributes in a blob; a corrupt blob has none, as in the real client."""
    if not blob or len(blob) < 2 or blob[0] != 1:
        return {}
    attributes, at = {}, 2
    for _ in range(blob[1]):
        if at + 2 > len(blob):
            return {}
        key_end = at + 2 + blob[at]
        end = key_end + blob[at + 1]
        if end > len(blob) or key_end == at + 2:
            return {}
        attributes[blob[at + 2 : key_end]] = blob[key_end:end]
        at = end
    return attributes

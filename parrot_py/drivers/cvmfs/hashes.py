"""Content hashes of CernVM-FS: three algorithms, one text form, one place in the object store.

The text is lower-case hex, then the suffix of the algorithm, then at most one capital letter that says what kind of
object it names.  As in the real client the *length* of a text decides its algorithm, not its suffix.
"""

from __future__ import annotations

import hashlib
from enum import Enum
from typing import NamedTuple, Protocol

DIGEST_BYTES = 20

CATALOG, HISTORY, CERTIFICATE, METAINFO, PARTIAL, FILE = "C", "H", "X", "M", "P", ""


class Hasher(Protocol):
    """The part of a hashlib object that callers here use."""

    def update(self, data: bytes, /) -> None:
        """Hash *data* in addition to what came before."""

    def digest(self) -> bytes:
        """The digest of all data so far."""


class _Shake128:
    """SHAKE-128 squeezed to 160 bits."""

    def __init__(self) -> None:
        self._shake = hashlib.shake_128()
        self.update = self._shake.update

    def digest(self) -> bytes:
        return self._shake.digest(DIGEST_BYTES)


def _ripemd160() -> Hasher:
    """RIPEMD-160 from OpenSSL, or from pycryptodome where a crypto policy removed it from OpenSSL."""
    try:
        return hashlib.new("ripemd160")
    except ValueError:
        from Crypto.Hash import RIPEMD160

        return RIPEMD160.new()


class Algorithm(Enum):
    """A content hash algorithm; the value is its id in the format (catalog flags store id - 1)."""

    SHA1 = 1
    RIPEMD160 = 2
    SHAKE128 = 3

    @property
    def suffix(self) -> str:
        """What follows the hex digits in the text form."""
        return {1: "", 2: "-rmd160", 3: "-shake128"}[self.value]

    def new(self) -> Hasher:
        """A fresh hasher; its ``digest()`` has 20 bytes."""
        if self is Algorithm.SHA1:
            return hashlib.sha1(usedforsecurity=False)
        return _ripemd160() if self is Algorithm.RIPEMD160 else _Shake128()

    def hash(self, data: bytes) -> ContentHash:
        """The hash of *data* in one go."""
        hasher = self.new()
        hasher.update(data)
        return ContentHash(self, hasher.digest())


_BY_LENGTH = {2 * DIGEST_BYTES + len(a.suffix): a for a in Algorithm}


class ContentHash(NamedTuple):
    """A digest and the algorithm that made it; ``str()`` is the text form without an object letter."""

    algorithm: Algorithm
    digest: bytes

    def __str__(self) -> str:
        return self.digest.hex() + self.algorithm.suffix

    @property
    def is_null(self) -> bool:
        """Whether all digest bytes are zero: the "no such object" of the format, never a name."""
        return not any(self.digest)

    def object_path(self, letter: str = FILE) -> str:
        """Path below a server URL, with a leading slash: ``/data/ab/cdef…[-alg][letter]``."""
        return f"/data/{self.cache_path()}{letter}"

    def cache_path(self) -> str:
        """Path below a cache directory: ``ab/cdef…[-alg]`` without an object letter."""
        text = str(self)
        return f"{text[:2]}/{text[2:]}"

    @classmethod
    def parse(cls, text: str) -> ContentHash:
        """Read the text form without an object letter; raises ValueError for anything else, the null hash included."""
        algorithm = _BY_LENGTH.get(len(text))
        if algorithm is None:
            raise ValueError(f"not a content hash: {text!r}")
        digits = text[: 2 * DIGEST_BYTES]
        if not set(digits) <= set("0123456789abcdef"):
            raise ValueError(f"not a content hash: {text!r}")
        parsed = cls(algorithm, bytes.fromhex(digits))
        if parsed.is_null:
            raise ValueError("the null hash names no object")
        return parsed

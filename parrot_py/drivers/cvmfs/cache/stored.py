"""How the content of a file is stored, and the name that it has in the cache therefore."""

from __future__ import annotations

from typing import NamedTuple

from parrot_py.drivers.cvmfs.catalogs.schema import COMPRESSION_NONE, COMPRESSION_ZLIB
from parrot_py.drivers.cvmfs.hashes import ContentHash

_KINDS = {COMPRESSION_ZLIB: "", COMPRESSION_NONE: "-none"}


class Stored(NamedTuple):
    """How the content of a file is stored: compression, length, and its path on the external servers if it is there.

    ``name`` is the file's path in the repository, which servers may be told.
    """

    compression: int
    size: int
    external: bytes | None
    name: bytes = b""

    @property
    def kind(self) -> str:
        """What tells it from content with the same name that is stored otherwise."""
        return _KINDS.get(self.compression, f"-{self.compression}")


def plain_name(hash_: ContentHash, stored: Stored) -> str:
    """The name in the cache of what *hash_* means when it is stored like that (see cache.py)."""
    return hash_.cache_path() + stored.kind

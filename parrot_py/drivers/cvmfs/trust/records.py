"""The small objects that say something about a repository as a whole: its certificate and its meta-information."""

from __future__ import annotations

from collections.abc import Iterator

from parrot_py.drivers.base import may_block
from parrot_py.drivers.cvmfs.cache.sink import METAINFO_LIMIT, SMALL_LIMIT, Memory, ObjectSink
from parrot_py.drivers.cvmfs.cache.store import Store
from parrot_py.drivers.cvmfs.catalogs.schema import COMPRESSION_ZLIB
from parrot_py.drivers.cvmfs.hashes import CERTIFICATE, METAINFO, ContentHash


def certificates(store: Store, hash_: ContentHash) -> Iterator[bytes]:
    """PEM text of a certificate: the cached one, and then (asked for when that is no good) the server's; may wait.

    What is cached is not verified here: its fingerprint is what counts.
    """
    cached = store.cache.read(hash_.cache_path(), SMALL_LIMIT)
    if cached:
        yield cached
        store.discard(hash_)
    yield _once(store, hash_, CERTIFICATE, SMALL_LIMIT, cached)


def metainfo(store: Store, hash_: ContentHash) -> bytes:
    """The meta-information that a manifest names (``Manifest.metainfo``): JSON text of at most 64 KiB.

    From the cache, or fetched and verified; may wait; raises Failure.
    """
    may_block()
    cached = store.cache.read(hash_.cache_path(), METAINFO_LIMIT + 1)
    if cached and len(cached) <= METAINFO_LIMIT:
        return cached
    return _once(store, hash_, METAINFO, METAINFO_LIMIT, cached)


def _once(store: Store, hash_: ContentHash, letter: str, limit: int, useless: bytes | None) -> bytes:
    """A small object from a server, or from another process that just got it, unless that is *useless*."""
    name = hash_.cache_path()
    with store.turn(name):
        cached = store.cache.read(name, limit + 1)
        if cached and cached != useless and len(cached) <= limit:
            return cached
        data = _fetched(store, hash_, letter, limit)
        if data:
            store.cache.put(name, data)
        return data


def _fetched(store: Store, hash_: ContentHash, letter: str, limit: int) -> bytes:
    output = Memory()
    sink = ObjectSink(hash_, COMPRESSION_ZLIB, output, limit=limit)
    store.fetcher.object(store.remote_path(hash_, letter), sink)
    return output.data

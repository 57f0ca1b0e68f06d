"""The files of an exported tree, and its listing, as local files."""

from __future__ import annotations

from parrot_py.config.model import RepositoryConfig
from parrot_py.drivers.cvmfs.cache.kept import Kept
from parrot_py.drivers.cvmfs.cache.layers import Layers
from parrot_py.drivers.cvmfs.cache.sink import LengthSink, ObjectSink
from parrot_py.drivers.cvmfs.cache.store import Store
from parrot_py.drivers.cvmfs.cache.stored import Stored, plain_name
from parrot_py.drivers.cvmfs.catalogs.schema import COMPRESSION_NONE
from parrot_py.drivers.cvmfs.flights import Flights
from parrot_py.drivers.cvmfs.hashes import Algorithm, ContentHash
from parrot_py.drivers.cvmfs.net.fetch import Fetcher
from parrot_py.drivers.grow.format import LISTING

_LISTING_LIMIT = 1 << 30


class Files:
    """What the servers of *config* have, verified, in its cache.  Thread-safe; methods may wait, raise Failure."""

    def __init__(self, config: RepositoryConfig, fetcher: Fetcher) -> None:
        self._config, self._fetcher = config, fetcher
        self._layers = Layers(config)
        flights = Flights[str](config.fqrn, config.backoff_init, config.backoff_max)
        self.store = Store(self._layers, fetcher, flights)
        self._kept = Kept(self._layers, flights, config.deadline)

    def listing(self, digest: bytes) -> bytes:
        """The listing whose SHA-1 is *digest*."""
        hash_ = ContentHash(Algorithm.SHA1, digest)
        name = plain_name(hash_, Stored(COMPRESSION_NONE, 0, None))
        path = self._layers.own.find(name)
        if path is None:
            what = f"file {LISTING}"
            path = self._layers.make(
                what,
                name,
                0,
                lambda txn: self._fetcher.external_file(
                    b"/" + LISTING.encode(), ObjectSink(hash_, COMPRESSION_NONE, txn, limit=_LISTING_LIMIT)
                ),
                own=True,
            )
        with open(path, "rb") as file:
            return file.read()

    def file(self, path: bytes, size: int, digest: bytes) -> str:
        """Path of the content of the file *path*, whose SHA-1 is *digest*."""
        return self.store.plain_file(ContentHash(Algorithm.SHA1, digest), Stored(COMPRESSION_NONE, size, path))

    def unchecked_file(self, path: bytes, size: int, mtime_ns: int) -> str:
        """Path of the content of the file *path*, of which only *size* and time are known."""
        known = (b"grow", self._config.urls[0].encode(), path, b"%d" % size, b"%d" % mtime_ns)
        return self._kept.file(
            b"\0".join(known),
            size,
            f"external file {ascii(path)[2:-1]}",
            lambda txn: self._fetcher.external_file(path, LengthSink(txn, size)),
        )

    def hits(self) -> dict[str, int]:
        """How often files were in the cache, by the names of counters."""
        kept = self._kept.hits.counters()
        return {name: count + kept[name] for name, count in self.store.hits.counters().items()}

    def empty_file(self) -> str:
        """Path of an empty file."""
        return self.store.empty_file()

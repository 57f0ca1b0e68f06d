"""The tree of catalogs: which catalog describes a directory, and loading it when it is needed.

A path is described by the catalog of its parent directory.  So a transition point is described by the catalog above it,
always, and a nested catalog is loaded only for what lies below its transition point.

The catalogs of all revisions that were shown meet here.  What has the same place and the same hash in two revisions is
the same mount, inode numbers included; anything else gets numbers that nothing had before.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from parrot_py.drivers.base import Entry, Inode
from parrot_py.drivers.cvmfs.catalogs.catalog import Catalog, CatalogStore
from parrot_py.drivers.cvmfs.catalogs.rows import ROOT_INO, Decoder, Mount
from parrot_py.drivers.cvmfs.catalogs.sanity import listed_wrongly
from parrot_py.drivers.cvmfs.flights import Flights
from parrot_py.drivers.cvmfs.hashes import ContentHash

# Open catalogs cost a descriptor and up to 256 KiB of page cache each; beyond this the ones not used lately are closed.
OPEN_CATALOGS = 100


class Tree:
    """Look-up and listing from a mount downwards.  Thread-safe; raises Failure."""

    def __init__(self, store: CatalogStore, decoder: Decoder, flights: Flights[Mount]) -> None:
        self._store, self._decoder, self._flights = store, decoder, flights
        self._mounts: dict[bytes, Mount] = {}
        self._lock = threading.Lock()
        self._next_ino = ROOT_INO
        self._count = 0
        self._used: dict[Mount, None] = {}
        self.asked: Callable[[Mount], None] | None = None
        """Is told of each mount that something is asked of."""

    @property
    def loaded(self) -> int:
        """At how many places catalogs have been loaded."""
        return len(self._mounts)

    @property
    def open_catalogs(self) -> int:
        """How many catalogs are open files just now."""
        return sum(mount.catalog.is_open for mount in list(self._mounts.values()))

    @property
    def loaded_entries(self) -> int:
        """How many entries the catalogs have that were loaded, by their own statistics."""
        return sum(mount.catalog.facts.entries for mount in list(self._mounts.values()))

    @property
    def highest_ino(self) -> int:
        """The highest inode number so far; those of hard link groups that are far above do not count."""
        return self._next_ino - 1

    def root(self, hash_: ContentHash) -> Mount:
        """The mount of a revision's root catalog."""
        reference = str(hash_).encode()
        return self._known(b"", b"", reference) or self._mount(b"", Catalog(hash_, self._store), b"", reference)

    def entry(self, mount: Mount, path: bytes) -> Inode | None:
        """The inode at *path*, which is described in *mount*; None if there is no such name."""
        inner = mount.inner(path)
        row = self.opened(mount).catalog.entry(inner)
        if row is None:
            return None
        directory, _, name = inner.rpartition(b"/")
        if inner and row.name != name:
            mount.catalog.absurd(path, str(listed_wrongly(row, directory)))
        return self._decoder.inode(mount, row, path)

    def listing(self, mount: Mount, path: bytes) -> list[Entry]:
        """The entries of the directory *path* that a listing shows; *mount* describes its members."""
        rows = self.opened(mount).catalog.children(mount.inner(path))
        return self._decoder.entries(mount, rows, path)

    def within(self, mount: Mount, path: bytes) -> Mount:
        """The mount that describes the members of the directory *path*, which *mount* describes; loads it."""
        facts = mount.catalog.facts
        if not facts.nested and not facts.binds:
            return mount
        inner = mount.inner(path)
        found, prefix = facts.nested.get(inner), inner
        if found is None:
            found, prefix = facts.binds.get(inner), b""
        if found is None:
            return mount
        reference = found[0]
        known = self._known(path, prefix, reference)
        if known is not None:
            return known
        return self._flights.run(("catalog", path, reference), lambda: self._load(mount, path, prefix, reference))

    def _known(self, path: bytes, prefix: bytes, reference: Any) -> Mount | None:
        mount = self._mounts.get(path)
        same = mount is not None and mount.reference == reference and mount.prefix == prefix
        return mount if same else None

    def _load(self, parent: Mount, path: bytes, prefix: bytes, reference: Any) -> Mount:
        known = self._known(path, prefix, reference)
        if known is not None:
            return known
        try:
            hash_ = ContentHash.parse(reference.decode("ascii"))
        except (ValueError, AttributeError):
            parent.catalog.absurd(path, "nested catalog without a hash")
        return self._mount(path, Catalog(hash_, self._store), prefix, reference)

    def _mount(self, path: bytes, catalog: Catalog, prefix: bytes, reference: bytes) -> Mount:
        """Open *catalog* and give it its place and its inode numbers."""
        facts = catalog.facts
        if facts.root_prefix not in (None, prefix):
            catalog.absurd(path, f"catalog for {ascii(facts.root_prefix)[2:-1]} at another place")
        with self._lock:
            mount = Mount(path, catalog, prefix, reference, self._next_ino, self._count)
            self._next_ino = mount.next_ino
            self._count += 1
            self._mounts[path] = mount
        self._touch(mount)
        return mount

    def opened(self, mount: Mount) -> Mount:
        """*mount*, of which something is about to be asked."""
        if self.asked is not None:
            self.asked(mount)
        if not mount.catalog.is_open:
            self._touch(mount)
        return mount

    def _touch(self, mount: Mount) -> None:
        """Note that *mount*'s catalog is being opened, and close others when there are too many."""
        with self._lock:
            self._used.pop(mount, None)
            self._used[mount] = None
            spare = [m for m in list(self._used)[: -OPEN_CATALOGS or None] if m is not mount]
            for old in spare:
                del self._used[old]
        for old in spare:
            old.catalog.close(patient=False)
            if old.catalog.is_open:  # in use just now: its turn comes again
                with self._lock:
                    self._used.setdefault(old)

    def close(self) -> None:
        """Close all catalogs."""
        with self._lock:
            mounts = {*self._mounts.values(), *self._used}
        for mount in mounts:
            mount.catalog.close()

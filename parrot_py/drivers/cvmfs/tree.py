"""The tree of catalogs: which catalog knows a path, and loading it when it is needed.

A path is looked up in the catalog of its parent directory.  So a transition point is described by the catalog above
it, always, and a nested catalog is loaded only for what lies below its transition point.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from parrot_py.drivers.base import Entry, Inode
from parrot_py.drivers.cvmfs.catalog import Catalog, CatalogStore
from parrot_py.drivers.cvmfs.flights import Flights
from parrot_py.drivers.cvmfs.hashes import ContentHash
from parrot_py.drivers.cvmfs.known import Known
from parrot_py.drivers.cvmfs.rows import ROOT_INO, Decoder, Mount
from parrot_py.drivers.cvmfs.sanity import listed_wrongly

# Open catalogs cost a descriptor and up to 256 KiB of page cache each; beyond this the ones not used lately are closed.
OPEN_CATALOGS = 100
_HOMES = 4_000


class Tree:
    """Look-up and listing over all catalogs of a repository.  Thread-safe; raises Failure.

    *find_root* gives the hash of the root catalog; it may wait, is called until it succeeds once, and never again.
    """

    def __init__(
        self, find_root: Callable[[], ContentHash], store: CatalogStore, decoder: Decoder, flights: Flights[Mount]
    ) -> None:
        self._find_root, self._store, self._decoder, self._flights = find_root, store, decoder, flights
        self._mounts: dict[bytes, Mount] = {}
        self._lock = threading.Lock()
        self._next_ino = ROOT_INO
        self._used: dict[Mount, None] = {}
        self._homes: Known[Mount] = Known(_HOMES)

    def root(self) -> Mount:
        """The mount of the root catalog."""
        mount = self._mounts.get(b"")
        return mount if mount is not None else self._flights.run(("catalog", b""), self._load_root)

    @property
    def loaded(self) -> int:
        """How many catalogs have been loaded."""
        return len(self._mounts)

    def entry(self, path: bytes) -> Inode | None:
        """The inode at *path*, None if there is no such name."""
        mount = self.holder(path)
        inner = mount.inner(path)
        row = mount.catalog.entry(inner)
        if row is None:
            return None
        directory, _, name = inner.rpartition(b"/")
        if inner and row.name != name:
            mount.catalog.absurd(path, str(listed_wrongly(row, directory)))
        return self._decoder.inode(mount, row, path)

    def listing(self, path: bytes) -> list[Entry]:
        """The entries of the directory *path* that a listing shows."""
        mount = self.holder(path, within=True)
        inner = mount.inner(path)
        return self._decoder.entries(mount, mount.catalog.children(inner), path)

    def holder(self, path: bytes, *, within: bool = False) -> Mount:
        """The mount whose catalog describes *path*, or *within* which its members are described; loading it."""
        directory = path if within else path.rpartition(b"/")[0]
        mount = self._homes.get(directory)
        if mount is None:
            mount = self._find_home(directory)
            self._homes.put(directory, mount)
        if not mount.catalog.is_open:
            self._touch(mount)
        return mount

    def _find_home(self, directory: bytes) -> Mount:
        """The mount in whose catalog the members of *directory* are described."""
        mount = self.root()
        end = 0
        while end < len(directory):
            end = directory.find(b"/", end + 1)
            if end < 0:
                end = len(directory)
            mount = self._enter(mount, directory[:end])
        return mount

    def _enter(self, mount: Mount, path: bytes) -> Mount:
        """The mount that begins at *path* in *mount*, or *mount* itself when none does."""
        facts = mount.catalog.facts
        if not facts.nested and not facts.binds:
            return mount
        inner = mount.inner(path)
        found = facts.nested.get(inner)
        bound = None if found is not None else facts.binds.get(inner)
        if found is None and bound is None:
            return mount
        known = self._mounts.get(path)
        if known is not None:
            return known
        return self._flights.run(("catalog", path), lambda: self._load(mount, path, found or bound, bound is not None))

    def _load(self, parent: Mount, path: bytes, reference: Any, bind: bool) -> Mount:
        known = self._mounts.get(path)
        if known is not None:
            return known
        try:
            hash_ = ContentHash.parse(reference[0].decode("ascii"))
        except (ValueError, AttributeError):
            parent.catalog.absurd(path, "nested catalog without a hash")
        return self._mount(path, Catalog(hash_, self._store), b"" if bind else parent.inner(path))

    def _load_root(self) -> Mount:
        known = self._mounts.get(b"")
        return known if known is not None else self._mount(b"", Catalog(self._find_root(), self._store), b"")

    def _mount(self, path: bytes, catalog: Catalog, prefix: bytes) -> Mount:
        """Open *catalog* and give it its place and its inode numbers."""
        facts = catalog.facts
        if facts.root_prefix not in (None, prefix):
            catalog.absurd(path, f"catalog for {ascii(facts.root_prefix)[2:-1]} at another place")
        with self._lock:
            mount = Mount(path, catalog, prefix, self._next_ino, len(self._mounts))
            self._next_ino += facts.max_rowid + 1
            self._mounts[path] = mount
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
        for mount in list(self._mounts.values()):
            mount.catalog.close()

"""The revision that a repository has already: what the next one counts on from and takes over unchanged."""

from __future__ import annotations

import sqlite3
import zlib
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

from parrot_py.drivers.cvmfs.hashes import CATALOG, HISTORY, ContentHash
from parrot_py.drivers.cvmfs.publish_catalog import catalog_content
from parrot_py.drivers.cvmfs.publish_history import Tag, read_tags
from parrot_py.drivers.cvmfs.publish_letter import ManifestFields, read_manifest
from parrot_py.drivers.cvmfs.publish_objects import ObjectStore, PublishError


class KnownCatalog(NamedTuple):
    """A catalog of the former revision: its object, the size of its database and what it says."""

    name: ContentHash
    size: int
    revision: int
    content: list[object]


class PreviousRevision:
    """The former revision of *fqrn* in *store*; scratch files go to *work*."""

    def __init__(self, store: ObjectStore, work: Path, fqrn: str, manifest: ManifestFields) -> None:
        self.manifest = manifest
        self._store = store
        self._work = work
        self._fqrn = fqrn
        self.root = self._name(manifest.C)
        self._places = self._all_catalogs()

    def _name(self, text: str) -> ContentHash:
        try:
            return ContentHash.parse(text)
        except ValueError as error:
            raise PublishError(f"the manifest that {self._fqrn} has already names a bad object: {error}") from error

    @property
    def revision(self) -> int:
        """Its number."""
        return int(self.manifest.S)

    @property
    def timestamp(self) -> int:
        """When it was published, Unix seconds; 0 when it does not say."""
        return int(self.manifest.T or 0)

    @property
    def history(self) -> ContentHash | None:
        """Its history database."""
        return self._name(self.manifest.H) if self.manifest.H else None

    def tags(self) -> list[Tag]:
        """The tags it knows."""
        if self.history is None:
            return []
        return read_tags(self._unpacked(self.history, HISTORY))

    def catalog(self, prefix: bytes) -> KnownCatalog | None:
        """The catalog that began at *prefix*, None if none did."""
        place = self._places.get(prefix)
        if place is None:
            return None
        file = self._unpacked(place, CATALOG)
        with closing(_opened(file)) as database:
            properties = dict(database.execute("SELECT key, value FROM properties").fetchall())
            revision = int(properties.get(b"revision", 0))
            return KnownCatalog(place, file.stat().st_size, revision, catalog_content(database))

    def _all_catalogs(self) -> dict[bytes, ContentHash]:
        """Path and name of the root catalog and of all below it."""
        places = {b"": self.root}
        waiting = [self.root]
        while waiting:
            with closing(_opened(self._unpacked(waiting.pop(), CATALOG))) as database:
                for path, text in database.execute("SELECT path, sha1 FROM nested_catalogs").fetchall():
                    places[path] = self._name(text.decode("ascii"))
                    waiting.append(places[path])
        return places

    def _unpacked(self, name: ContentHash, letter: str) -> Path:
        """The database *name* as a scratch file that the next call replaces; PublishError unless it is intact."""
        stored = self._store.path(name, letter)
        try:
            data = stored.read_bytes()
        except OSError as error:
            raise PublishError(f"cannot read {stored} of the revision in place: {error.strerror}") from error
        if name.algorithm.hash(data) != name:
            raise PublishError(f"{stored} of the revision in place is damaged")
        scratch = self._work / "former"
        scratch.write_bytes(zlib.decompress(data))
        return scratch


def _opened(file: Path) -> sqlite3.Connection:
    database = sqlite3.connect(f"{file.absolute().as_uri()}?immutable=1", uri=True)
    database.text_factory = bytes
    return database


def previous_revision(store: ObjectStore, work: Path, fqrn: str) -> PreviousRevision | None:
    """The revision in place, None in a new repository; PublishError when it is damaged or of another repository."""
    published = store.repository / ".cvmfspublished"
    if not published.exists():
        return None
    try:
        return PreviousRevision(store, work, fqrn, read_manifest(published.read_bytes(), fqrn))
    except sqlite3.Error as error:
        raise PublishError(f"the revision of {fqrn} in place has an unreadable catalog: {error}") from error

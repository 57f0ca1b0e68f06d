"""The revision that a repository has already: what the next one counts on from and takes over unchanged."""

from __future__ import annotations

import sqlite3
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import NamedTuple

from parrot_py import codes
from parrot_py.drivers.cvmfs.catalogs.schema import FLAG_CHUNKED, FLAG_FILE, FLAG_LINK, FLAG_SPECIAL, path_key
from parrot_py.drivers.cvmfs.hashes import CATALOG, HISTORY, ContentHash
from parrot_py.drivers.cvmfs.publish.history import Tag, read_tags
from parrot_py.drivers.cvmfs.publish.letter import ManifestFields, read_manifest
from parrot_py.drivers.cvmfs.publish.objects import Chunk, ObjectStore, PublishError, StoredContent

_TYPE_FLAGS = FLAG_FILE | FLAG_LINK | FLAG_SPECIAL


class KnownCatalog(NamedTuple):
    """A catalog of the former revision: its object, the size of its database, its revision, and the open database."""

    name: ContentHash
    size: int
    revision: int
    database: sqlite3.Connection


class KnownFile(NamedTuple):
    """A regular file of the former revision; *mtime* in nanoseconds."""

    mtime: int
    content: StoredContent


class PreviousRevision:
    """The former revision of *fqrn* in *store*; scratch files go to *work*."""

    def __init__(self, store: ObjectStore, work: Path, fqrn: str, manifest: ManifestFields) -> None:
        self.manifest = manifest
        self._store = store
        self._work = work
        self._fqrn = fqrn
        self._unpacked_last: tuple[ContentHash, Path] | None = None
        self.root = self._name(manifest.C)
        self._places = self._all_catalogs()

    def _name(self, text: str) -> ContentHash:
        try:
            return ContentHash.parse(text)
        except ValueError as error:
            raise PublishError(
                f"the manifest that {self._fqrn} has already names a bad object: {error}", codes.PUBLISH_DAMAGED
            ) from error

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
        return unpacked_history(read_object(self._store, self.history, HISTORY))

    @contextmanager
    def catalog(self, prefix: bytes) -> Iterator[KnownCatalog | None]:
        """The catalog that began at *prefix*, open as long as the context lasts; None if none did."""
        place = self._places.get(prefix)
        if place is None:
            yield None
            return
        file = self._unpacked(place)
        with closing(_opened(file)) as database:
            properties = dict(database.execute("SELECT key, value FROM properties").fetchall())
            yield KnownCatalog(place, file.stat().st_size, int(properties.get(b"revision", 0)), database)

    def files(self, directory: bytes) -> dict[bytes, KnownFile]:
        """The stored regular files in *directory* by name; none when there was no such directory."""
        prefix = directory
        while prefix not in self._places:
            prefix = prefix.rpartition(b"/")[0]
        with closing(_opened(self._unpacked(self._places[prefix]))) as database:
            columns = {row[1] for row in database.execute("PRAGMA table_info(catalog)").fetchall()}
            nanoseconds = "ifnull(mtimens, 0)" if b"mtimens" in columns else "0"  # since revision 7 of schema 2.5
            rows = database.execute(
                f"SELECT name, hash, size, mtime, {nanoseconds}, flags, md5path_1, md5path_2 FROM catalog "
                "WHERE parent_1 = ? AND parent_2 = ?",
                path_key(directory),
            ).fetchall()
            found = {}
            for name, digest, size, seconds, rest, flags, *key in rows:
                if flags & _TYPE_FLAGS == FLAG_FILE:
                    chunks = _chunks(database, key) if flags & FLAG_CHUNKED else ()
                    content = StoredContent(digest, size, flags & ~_TYPE_FLAGS, chunks)
                    found[name] = KnownFile(seconds * 10**9 + rest, content)
            return found

    def _all_catalogs(self) -> dict[bytes, ContentHash]:
        """Path and name of the root catalog and of all below it."""
        places = {b"": self.root}
        waiting = [self.root]
        while waiting:
            with closing(_opened(self._unpacked(waiting.pop()))) as database:
                for path, text in database.execute("SELECT path, sha1 FROM nested_catalogs").fetchall():
                    places[path] = self._name(text.decode("ascii"))
                    waiting.append(places[path])
        return places

    def _unpacked(self, name: ContentHash) -> Path:
        """The catalog *name* as a scratch file, good until another is asked for; PublishError unless it is intact."""
        if self._unpacked_last is not None and self._unpacked_last[0] == name:
            return self._unpacked_last[1]
        scratch = self._work / "former"
        scratch.write_bytes(read_object(self._store, name, CATALOG))
        self._unpacked_last = (name, scratch)
        return scratch


def read_object(store: ObjectStore, name: ContentHash, letter: str) -> bytes:
    """The unpacked content of a small object; PublishError unless it is intact."""
    stored = store.path(name, letter)
    try:
        data = stored.read_bytes()
    except OSError as error:
        raise PublishError(f"cannot read {stored}: {error.strerror}", codes.PUBLISH_DAMAGED) from error
    if name.algorithm.hash(data) != name:
        raise PublishError(f"{stored} is damaged", codes.PUBLISH_DAMAGED)
    return zlib.decompress(data)


def unpacked_history(data: bytes) -> list[Tag]:
    """The tags in a history database."""
    with tempfile.NamedTemporaryFile(prefix="parrot-history-") as file:
        file.write(data)
        file.flush()
        return read_tags(Path(file.name))


def _chunks(database: sqlite3.Connection, key: list[int]) -> tuple[Chunk, ...]:
    rows = database.execute(
        "SELECT offset, size, hash FROM chunks WHERE md5path_1 = ? AND md5path_2 = ? ORDER BY offset", key
    )
    return tuple(Chunk(*row) for row in rows.fetchall())


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
        raise PublishError(
            f"the revision of {fqrn} in place has an unreadable catalog: {error}", codes.PUBLISH_DAMAGED
        ) from error

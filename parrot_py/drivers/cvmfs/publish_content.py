"""One revision in the making: walks the source, stores content, fills catalogs and finishes them from the leaves up."""

from __future__ import annotations

import fnmatch
import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING

from parrot_py.drivers.cvmfs.hashes import CATALOG, DIGEST_BYTES, ContentHash
from parrot_py.drivers.cvmfs.publish_catalog import CatalogBuilder, Row, kind_flags
from parrot_py.drivers.cvmfs.publish_objects import ObjectStore, PublishError, StoredContent, describe_external
from parrot_py.drivers.cvmfs.publish_tree import SourceDirectory, SourceEntry, opened, walk
from parrot_py.drivers.cvmfs.schema import FLAG_NESTED_MOUNTPOINT, FLAG_NESTED_ROOT, pack_xattrs

if TYPE_CHECKING:
    from parrot_py.drivers.cvmfs.publish import PublishOptions
    from parrot_py.drivers.cvmfs.publish_previous import PreviousRevision

# What the server tools write for a catalog that has no forerunner, whatever the algorithm
_NO_CATALOG = "0" * (2 * DIGEST_BYTES)


class RevisionBuilder:
    """Makes the objects and catalogs of one revision.  Scratch files go to *work*; *now* is the publication time."""

    def __init__(
        self, store: ObjectStore, work: Path, options: PublishOptions, previous: PreviousRevision | None, now: int
    ) -> None:
        self._store = store
        self._work = work
        self._options = options
        self._previous = previous
        self._now = now
        self._open: list[CatalogBuilder] = []
        self._made = 0

    def build(self, source: bytes, revision: int) -> tuple[ContentHash, int]:
        """Publish *source*; answers the root catalog and the size of its database."""
        self._begin(b"")
        for directory in walk(source, self._options.xattrs):
            path = directory.entry.path
            while not _contains(self._open[-1].prefix, path):
                self._finish_nested()
            self._add_directory(directory)
            self._add_others(directory)
        while len(self._open) > 1:
            self._finish_nested()
        return self._finish_root(revision)

    def close(self) -> None:
        """Let go of the catalogs that an error left unfinished."""
        while self._open:
            self._open.pop().abandon()

    def _begin(self, prefix: bytes) -> None:
        self._made += 1
        self._open.append(CatalogBuilder(self._work / f"catalog{self._made}", prefix))

    def _add_directory(self, directory: SourceDirectory) -> None:
        """The entry of a directory: where a nested catalog begins, one in the parent and one in the new catalog."""
        row = self._row(directory.entry, 0, StoredContent(None, directory.entry.status.st_size, 0))
        if not directory.starts_catalog:
            self._open[-1].add(row)
            return
        self._open[-1].add(row._replace(flags=row.flags | FLAG_NESTED_MOUNTPOINT))
        self._begin(directory.entry.path)
        self._open[-1].add(row._replace(flags=row.flags | FLAG_NESTED_ROOT))

    def _add_others(self, directory: SourceDirectory) -> None:
        """Everything in a directory that is none itself; names of one inode share content and a group."""
        catalog = self._open[-1]
        seen: dict[tuple[int, int], tuple[int, StoredContent]] = {}
        for entry in directory.others:
            if entry.identity not in seen:
                seen[entry.identity] = (catalog.new_group() if entry.links > 1 else 0, self._content(entry))
            group, content = seen[entry.identity]
            catalog.add(self._row(entry, group, content), content.chunks)

    def _row(self, entry: SourceEntry, group: int, content: StoredContent) -> Row:
        status, options = entry.status, self._options
        try:
            xattr = pack_xattrs(entry.xattrs)
        except ValueError as error:
            raise PublishError(f"cannot publish {os.fsdecode(entry.source)}: {error}") from error
        uid, gid = options.owner or (status.st_uid, status.st_gid)
        return Row(
            path=entry.path,
            group=group,
            links=entry.links,
            digest=content.digest,
            size=content.size,
            mode=status.st_mode,
            mtime_ns=status.st_mtime_ns if options.fixed_mtime is None else options.fixed_mtime * 10**9,
            flags=kind_flags(status.st_mode) | content.flags,
            target=entry.target,
            uid=uid,
            gid=gid,
            xattr=xattr,
        )

    def _content(self, entry: SourceEntry) -> StoredContent:
        """Store the content of a file; for what has none, say what the size column holds."""
        mode, size = entry.status.st_mode, entry.status.st_size
        if stat.S_ISLNK(mode):
            return StoredContent(None, len(entry.target), 0)
        if stat.S_ISCHR(mode) or stat.S_ISBLK(mode):
            return StoredContent(None, entry.status.st_rdev, 0)
        if not stat.S_ISREG(mode):
            return StoredContent(None, 0, 0)
        options = self._options
        path = os.fsdecode(entry.path)
        with opened(entry) as stream:
            if any(fnmatch.fnmatchcase(path, pattern) for pattern in options.external):
                return describe_external(stream, size, options.algorithm, options.chunk_sizes)
            return self._store.put_file(stream, size, options.compression, options.chunk_sizes)

    def _finish_nested(self) -> None:
        """Close the innermost catalog and enter it in its parent; one that says what it said before stays as it is."""
        catalog = self._open[-1]
        known = self._previous.catalog(catalog.prefix) if self._previous else None
        properties: dict[str, object] = {"root_prefix": catalog.prefix, "last_modified": self._now}
        properties["revision"] = known.revision + 1 if known else 1
        properties["previous_revision"] = known.name if known else _NO_CATALOG
        catalog.fill(properties)
        unchanged = known is not None and known.name.algorithm is self._store.algorithm
        if known and unchanged and self._options.edit_catalog is None and catalog.content() == known.content:
            name, size = known.name, known.size
            catalog.abandon()
            self._open.pop()
        else:
            name, size = self._close_innermost()
        self._open[-1].add_nested(catalog, name, size)

    def _finish_root(self, revision: int) -> tuple[ContentHash, int]:
        self._open[-1].fill(
            {
                "TTL": self._options.ttl,
                "last_modified": self._now,
                "revision": revision,
                "previous_revision": self._previous.root if self._previous else _NO_CATALOG,
            }
        )
        return self._close_innermost()

    def _close_innermost(self) -> tuple[ContentHash, int]:
        data = self._open[-1].close(self._options.edit_catalog)
        self._open.pop()
        return self._store.put(data, CATALOG), len(data)


def _contains(prefix: bytes, path: bytes) -> bool:
    return not prefix or path == prefix or path.startswith(prefix + b"/")

"""One revision in the making: walks the source, stores content, fills catalogs and finishes them from the leaves up."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import NamedTuple

from parrot_py import codes
from parrot_py.drivers.cvmfs.catalogs.schema import FLAG_NESTED_MOUNTPOINT, FLAG_NESTED_ROOT, pack_xattrs
from parrot_py.drivers.cvmfs.hashes import CATALOG, DIGEST_BYTES, ContentHash
from parrot_py.drivers.cvmfs.publish.catalog import CatalogBuilder, Row, kind_flags
from parrot_py.drivers.cvmfs.publish.dirtab import read_dirtab
from parrot_py.drivers.cvmfs.publish.index import FileIndex
from parrot_py.drivers.cvmfs.publish.objects import PublishError, StoredContent
from parrot_py.drivers.cvmfs.publish.options import DEFAULT_TTL
from parrot_py.drivers.cvmfs.publish.previous import KnownFile
from parrot_py.drivers.cvmfs.publish.site import Site
from parrot_py.drivers.cvmfs.publish.tree import SourceDirectory, SourceEntry, walk
from parrot_py.drivers.cvmfs.publish.work import ContentWorks, Result

# What the server tools write for a catalog that has no forerunner, whatever the algorithm
_NO_CATALOG = "0" * (2 * DIGEST_BYTES)
# So many files are begun before their rows are written: enough to keep the threads busy across small directories.
_AHEAD = 256

_Contents = dict[tuple[int, int], Result]


class Built(NamedTuple):
    """A finished root catalog and the size of its database; not *changed*: it is the one of the revision in place."""

    root: ContentHash
    size: int
    changed: bool


class RevisionBuilder:
    """Makes the objects and catalogs of one revision of *site* (see publish_site.py)."""

    def __init__(self, site: Site, index: FileIndex) -> None:
        self._store, self._work, self._options = site.store, site.work, site.options
        self._previous, self._now = site.previous, site.now
        self._works = ContentWorks(site.store, site.options, index)
        self._open: list[CatalogBuilder] = []
        self._made = 0

    def build(self, source: bytes, revision: int) -> Built:
        """Publish *source*; answers the root catalog."""
        self._begin(b"")
        directories = walk(source, self._options.xattrs, read_dirtab(Path(os.fsdecode(source))))
        for directory, contents in self._ahead(directories):
            path = directory.entry.path
            while not _contains(self._open[-1].prefix, path):
                self._finish_nested()
            self._add_directory(directory)
            self._add_others(directory, contents)
        while len(self._open) > 1:
            self._finish_nested()
        return self._finish_root(revision)

    def _ahead(self, directories: Iterable[SourceDirectory]) -> Iterator[tuple[SourceDirectory, _Contents]]:
        """*directories* with their contents, which are begun some files before they are needed."""
        waiting: deque[tuple[SourceDirectory, _Contents]] = deque()
        files = 0
        for directory in directories:
            contents = self._begin_contents(directory)
            waiting.append((directory, contents))
            files += len(contents)
            while files > _AHEAD:
                ready = waiting.popleft()
                files -= len(ready[1])
                yield ready
        yield from waiting

    def _begin_contents(self, directory: SourceDirectory) -> _Contents:
        former: dict[bytes, KnownFile] = {}
        if self._options.trust_mtime and self._previous is not None and directory.others:
            former = self._previous.files(directory.entry.path)
        contents: _Contents = {}
        for entry in directory.others:
            if entry.identity not in contents:
                contents[entry.identity] = self._works.begin(entry, former.get(entry.name))
        return contents

    def close(self) -> None:
        """Stop the threads, and let go of the catalogs that an error left unfinished."""
        self._works.close()
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

    def _add_others(self, directory: SourceDirectory, contents: _Contents) -> None:
        """Everything in a directory that is none itself; names of one inode share content and a group."""
        catalog = self._open[-1]
        groups: dict[tuple[int, int], int] = {}
        for entry in directory.others:
            if entry.links > 1 and entry.identity not in groups:
                groups[entry.identity] = catalog.new_group()
            content = contents[entry.identity]()
            catalog.add(self._row(entry, groups.get(entry.identity, 0), content), content.chunks)

    def _row(self, entry: SourceEntry, group: int, content: StoredContent) -> Row:
        status, options = entry.status, self._options
        try:
            xattr = pack_xattrs(entry.xattrs)
        except ValueError as error:
            raise PublishError(f"cannot publish {os.fsdecode(entry.source)}: {error}", codes.PUBLISH_SOURCE) from error
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

    def _finish_nested(self) -> None:
        """Close the innermost catalog and enter it in its parent; one that says what it said before stays as it is."""
        catalog = self._open[-1]
        name, size, _ = self._finish({"root_prefix": catalog.prefix}, None)
        self._open[-1].add_nested(catalog, name, size)

    def _finish_root(self, revision: int) -> Built:
        former = self._previous.manifest.D if self._previous else DEFAULT_TTL
        ttl = former if self._options.ttl is None else self._options.ttl
        return self._finish({"TTL": ttl}, revision)

    def _finish(self, properties: Mapping[str, object], revision: int | None) -> Built:
        """Close the innermost catalog, as *revision* (default: one more than its forerunner's), unless it is known."""
        catalog = self._open[-1]
        with self._previous.catalog(catalog.prefix) if self._previous else nullcontext() as known:
            followed = {
                "last_modified": self._now,
                "revision": revision or (known.revision + 1 if known else 1),
                "previous_revision": known.name if known else _NO_CATALOG,
            }
            catalog.fill({**properties, **followed})
            if known and self._may_stay(known.name, revision) and catalog.says_the_same(known.database):
                self._open.pop().abandon()
                return Built(known.name, known.size, False)
        data = catalog.close(self._options.edit_catalog)
        self._open.pop()
        return Built(self._store.put(data, CATALOG), len(data), True)

    def _may_stay(self, known: ContentHash, revision: int | None) -> bool:
        options = self._options
        if revision is not None and (options.new_revision or options.revision is not None):
            return False
        return options.edit_catalog is None and known.algorithm is self._store.algorithm


def _contains(prefix: bytes, path: bytes) -> bool:
    return not prefix or path == prefix or path.startswith(prefix + b"/")

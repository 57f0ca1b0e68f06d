"""Garbage collection: delete the objects that no revision needs which anybody may still want.

Wanted are the revision in place, all tagged ones (the one before is tagged ``trunk-previous``), and the recent ones.
What they need is marked; everything else in the store is deleted, unless it is young.  In this order, so that an
interruption does no harm at any point:

1. the reflog loses the revisions that go, and the manifest, signed anew, names the new reflog;
2. their catalogs are deleted;  3. everything else that is not needed.

After 1 nobody can ask for a revision that is about to lose objects.  Catalogs go first, because a revision without its
root catalog is plainly gone, and one with it looks as if it were there.  The next run marks from what is in place and
looks at every file of the store, so it finishes what an interrupted one began.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from parrot_py import codes
from parrot_py.drivers.cvmfs.hashes import CATALOG, CERTIFICATE, DIGEST_BYTES, HISTORY, METAINFO, Algorithm, ContentHash
from parrot_py.drivers.cvmfs.publish import history
from parrot_py.drivers.cvmfs.publish.keys import RepositoryKeys
from parrot_py.drivers.cvmfs.publish.letter import ManifestFields
from parrot_py.drivers.cvmfs.publish.objects import PublishError
from parrot_py.drivers.cvmfs.publish.options import PublishOptions
from parrot_py.drivers.cvmfs.publish.reach import Reached, opened_catalog, reach
from parrot_py.drivers.cvmfs.publish.site import REFLOG, Site, opened_site
from parrot_py.drivers.cvmfs.publish.whitelist import write_whitelist

DAY = 86400
_LETTERS = {history.REF_CERTIFICATE: CERTIFICATE, history.REF_HISTORY: HISTORY, history.REF_METAINFO: METAINFO}
_STORED = re.compile(rf"([0-9a-f]{{{2 * DIGEST_BYTES - 2}}})(|-rmd160|-shake128)([A-Z]?)")
_ALGORITHMS = {algorithm.suffix: algorithm for algorithm in Algorithm}


@dataclass(frozen=True)
class Keep:
    """What is kept beside the revision in place and the tagged ones.

    The newest *revisions* (the one in place is one of them), and those that were in place within the last *days*.
    With neither: three days, as the CernVM-FS server tools.  *grace*: objects younger than so many seconds stay.
    """

    revisions: int | None = None
    days: float | None = None
    grace: float = 3600

    def __post_init__(self) -> None:
        if (self.revisions is not None and self.revisions < 1) or (self.days or 0) < 0 or self.grace < 0:
            raise PublishError(
                "garbage collection keeps at least one revision, and times are not negative", codes.PUBLISH_USAGE
            )


class Collected(NamedTuple):
    """What was done, or would be: revisions and objects kept and deleted, bytes freed, garbage left as too young."""

    kept_revisions: int
    deleted_revisions: int
    kept_objects: int
    deleted_objects: int
    deleted_bytes: int
    young_objects: int


class _Known(NamedTuple):
    """A root catalog that is still there, and since when it was in place."""

    root: ContentHash
    since: int


def collect_garbage(
    web: Path,
    keys: RepositoryKeys,
    keep: Keep | None = None,
    options: PublishOptions | None = None,
    *,
    dry_run: bool = False,
) -> Collected:
    """Delete what nobody needs from the repository of *keys* below *web*; a *dry_run* only counts.

    Raises PublishError, with nothing deleted, when the repository is not marked as garbage collectable (unless
    ``options.force``), or when a catalog of a revision to keep cannot be read: then it is not known what is needed.
    """
    keep, options = keep or Keep(), options or PublishOptions()
    with opened_site(web, keys, options) as site:
        if site.in_place.manifest.G != "yes" and not options.force:
            raise PublishError(
                f"{keys.fqrn} is not marked as garbage collectable (publish with --garbage-collectable, or --force)",
                codes.PUBLISH_GC,
            )
        known = _known_roots(site)
        kept = _kept_roots(site, known, keep)
        references = _kept_references(site, kept)
        with closing(Reached(site.work / "reached")) as reached:
            for root in kept:
                reach(site.store, site.work, reached, root)
            reached.add((ContentHash.parse(one.name), _LETTERS.get(one.kind, CATALOG)) for one in references)
            manifest = site.in_place.manifest if dry_run else _commit(site, references)
            reached.add(_named(manifest))
            swept = _sweep(site, reached, keep.grace, dry_run)
            return Collected(len(kept), len({one.root for one in known} - kept.keys()), len(reached), *swept)


def _known_roots(site: Site) -> list[_Known]:
    """All revisions that are still there, oldest first."""
    references = site.references()
    if references:
        found = [
            _Known(ContentHash.parse(one.name), one.timestamp) for one in references if one.kind == history.REF_CATALOG
        ]
    else:
        found = _chain(site)
    tagged = [_Known(ContentHash.parse(tag.root), tag.timestamp) for tag in site.in_place.tags()]
    there = [one for one in [*found, *tagged] if site.store.path(one.root, CATALOG).exists()]
    return sorted(there, key=lambda one: one.since)


def _chain(site: Site) -> list[_Known]:
    """The revisions before the one in place, as each root catalog names the one before: where no reflog is."""
    found: list[_Known] = []
    name = site.in_place.root
    while site.store.path(name, CATALOG).exists() and name not in [one.root for one in found]:
        with opened_catalog(site.store, site.work, name) as database:
            properties = dict(database.execute("SELECT key, value FROM properties").fetchall())
        found.append(_Known(name, int(properties.get(b"last_modified", 0))))
        try:
            name = ContentHash.parse(properties.get(b"previous_revision", b"").decode("ascii", "replace"))
        except ValueError:
            break
    return found[::-1]


def _kept_roots(site: Site, known: list[_Known], keep: Keep) -> dict[ContentHash, int]:
    """The revisions to keep, and since when each was in place."""
    days = 3.0 if keep.days is None and keep.revisions is None else keep.days
    roots = list(dict.fromkeys(one.root for one in known))
    since = {one.root: one.since for one in reversed(known)}
    wanted = set(roots[-keep.revisions :] if keep.revisions else ())
    if days is not None:
        # Also the one that was in place when the time began.
        begin = site.now - days * DAY
        recent = [root for root in roots if since[root] > begin]
        before = [root for root in roots if since[root] <= begin]
        wanted.update(recent, before[-1:])
    wanted.update(ContentHash.parse(tag.root) for tag in site.in_place.tags())
    wanted.add(site.in_place.root)
    return {root: since.get(root, site.in_place.timestamp) for root in wanted}


def _kept_references(site: Site, kept: dict[ContentHash, int]) -> list[history.Reference]:
    """The lines of the reflog that stay: kept revisions, the documents of their time, and every certificate."""
    oldest = min(kept.values())
    there = [
        one
        for one in site.references()
        if (one.kind == history.REF_CATALOG and ContentHash.parse(one.name) in kept)
        or one.kind == history.REF_CERTIFICATE
        or (one.kind != history.REF_CATALOG and one.timestamp >= oldest)
    ]
    names = {one.name for one in there}
    rest = [history.Reference(str(root), history.REF_CATALOG, since) for root, since in kept.items()]
    return [*there, *(one for one in rest if one.name not in names)]


def _named(manifest: ManifestFields) -> Iterable[tuple[ContentHash, str]]:
    """The objects that *manifest* names."""
    for letter in (CATALOG, CERTIFICATE, HISTORY, METAINFO):
        if text := getattr(manifest, letter):
            yield ContentHash.parse(text), letter


def _commit(site: Site, references: list[history.Reference]) -> ManifestFields:
    """Step 1; nothing is written when the reflog in place says that already, and the manifest knows it.

    Answers the manifest in place after it.
    """
    place = site.store.repository / REFLOG
    manifest = site.in_place.manifest
    if place.exists() and {one.name for one in site.references()} == {one.name for one in references}:
        stated = ContentHash.parse(manifest.Y) if manifest.Y else None
        if stated is not None and stated.algorithm.hash(place.read_bytes()) == stated:
            return manifest
    write_whitelist(site)
    return site.commit(manifest, references)


def _sweep(site: Site, reached: Reached, grace: float, dry_run: bool) -> tuple[int, int, int]:
    """Steps 2 and 3: objects and bytes deleted, objects that are too young."""
    deleted = freed = young = 0
    limit = time.time() - grace
    for catalogs in (True, False):
        for number in range(256):
            needed = reached.bucket(number)
            for entry, name, letter in _objects(site.store.repository / "data" / f"{number:02x}"):
                if (letter == CATALOG) is not catalogs or (name, letter) in needed:
                    continue
                status = entry.stat(follow_symlinks=False)
                if status.st_mtime > limit:
                    young += 1
                    continue
                if not dry_run:
                    os.unlink(entry.path)
                deleted += 1
                freed += status.st_size
    if not dry_run:
        _unlink_dangling(site.store.repository)
    return deleted, freed, young


def _objects(directory: Path) -> list[tuple[os.DirEntry[str], ContentHash, str]]:
    """The objects in a directory of the store; what has another name than an object is not ours to judge."""
    try:
        entries = list(os.scandir(directory))
    except FileNotFoundError:
        return []
    found = []
    for entry in entries:
        match = _STORED.fullmatch(entry.name)
        if match and entry.is_file(follow_symlinks=False):
            algorithm = _ALGORITHMS[match[2]]
            found.append((entry, ContentHash(algorithm, bytes.fromhex(directory.name + match[1])), match[3]))
    return found


def _unlink_dangling(repository: Path) -> None:
    for link in repository.glob(".cvmfsalt-*"):
        if link.is_symlink() and not link.exists():
            link.unlink()

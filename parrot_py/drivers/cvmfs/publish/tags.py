"""Names for revisions, and the way back to one: tags, and the roll-back to an old root catalog as a new revision."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from parrot_py import codes
from parrot_py.drivers.cvmfs.hashes import CATALOG, HISTORY, Algorithm, ContentHash
from parrot_py.drivers.cvmfs.publish import history
from parrot_py.drivers.cvmfs.publish.catalog import close_database
from parrot_py.drivers.cvmfs.publish.keys import RepositoryKeys
from parrot_py.drivers.cvmfs.publish.letter import read_manifest
from parrot_py.drivers.cvmfs.publish.objects import ObjectStore, PublishError
from parrot_py.drivers.cvmfs.publish.options import Published, PublishOptions, check_tag
from parrot_py.drivers.cvmfs.publish.previous import read_object, unpacked_history
from parrot_py.drivers.cvmfs.publish.reach import require_objects
from parrot_py.drivers.cvmfs.publish.site import MANIFEST, Site, opened_site
from parrot_py.drivers.cvmfs.publish.whitelist import write_whitelist


def list_tags(web: Path, fqrn: str) -> list[history.Tag]:
    """The tags of the repository in place, newest revision first; PublishError when there is none."""
    repository = web / fqrn
    try:
        manifest = read_manifest(repository.joinpath(MANIFEST).read_bytes(), fqrn)
    except OSError as error:
        raise PublishError(f"there is no repository in {repository}: {error.strerror}", codes.NO_REPOSITORY) from error
    if not manifest.H:
        return []
    store = ObjectStore(repository, Algorithm.SHA1, create=False)
    tags = unpacked_history(read_object(store, ContentHash.parse(manifest.H), HISTORY))
    return sorted(tags, key=lambda tag: (-tag.revision, tag.name))


def set_tag(web: Path, keys: RepositoryKeys, options: PublishOptions, at: str | None = None) -> history.Tag:
    """Give ``options.tag`` to the revision *at* (a tag or the hash of a root catalog; default: the one in place).

    No new revision is made.  A tag that exists is moved with ``options.force`` only.
    """
    assert options.tag is not None
    with opened_site(web, keys, options) as site:
        tags = site.in_place.tags()
        if not options.force:
            history.refuse_taken(tags, options.tag)
        target = _resolve(site, tags, at) if at is not None else _trunk(site)
        tag = target._replace(name=options.tag, description=options.tag_description)
        _commit_tags(site, history.with_tag(tags, tag))
        return tag


def remove_tags(
    web: Path, keys: RepositoryKeys, names: Iterable[str], options: PublishOptions | None = None
) -> list[history.Tag]:
    """Forget the tags *names*; the revisions stay until garbage collection.  Answers the tags that are left."""
    with opened_site(web, keys, options or PublishOptions()) as site:
        tags = site.in_place.tags()
        for name in names:
            check_tag(name)
            if name not in [tag.name for tag in tags]:
                raise PublishError(f"{keys.fqrn} has no tag {name!r}", codes.PUBLISH_TAG)
            tags = [tag for tag in tags if tag.name != name]
        _commit_tags(site, tags)
        return tags


def rollback(web: Path, keys: RepositoryKeys, target: str, options: PublishOptions | None = None) -> Published:
    """Publish the tree of *target* (a tag or the hash of a root catalog) as the next revision.

    The revisions between stay as they are, with their tags.  Refused when objects of *target* are gone.
    """
    options = options or PublishOptions()
    with opened_site(web, keys, options) as site:
        previous = site.in_place
        tags = previous.tags()
        if options.tag is not None and not options.force:
            history.refuse_taken(tags, options.tag)
        old = _resolve(site, tags, target)
        root = ContentHash.parse(old.root)
        if root == previous.root:
            raise PublishError(f"{target} is the revision in place", codes.PUBLISH_TAG)
        require_objects(site.store, site.work, root, f"{target} (revision {old.revision})")
        data = _renumbered(site, root, previous.revision + 1)
        fresh = site.store.put(data, CATALOG)
        head = history.Tag(history.TRUNK, str(fresh), previous.revision + 1, site.now, 0, "", len(data))
        if options.tag is not None:
            head = head._replace(name=options.tag, description=options.tag_description)
        expires = write_whitelist(site)
        manifest = replace(previous.manifest, C=str(fresh), B=str(len(data)), S=str(head.revision))
        known = site.put_history(history.advance_tags(tags, head))
        site.commit(replace(manifest, H=str(known), T=str(site.now)))
        place, added = site.store.repository, len(site.store.written)
        return Published(keys.fqrn, place, keys.public_key_file, head.revision, fresh, added, expires)


def _trunk(site: Site) -> history.Tag:
    manifest = site.in_place.manifest
    size = int(manifest.B or 0)
    return history.Tag(history.TRUNK, manifest.C, int(manifest.S), site.in_place.timestamp, 0, "", size)


def _resolve(site: Site, tags: Iterable[history.Tag], text: str) -> history.Tag:
    """The revision that *text* names, as a tag; PublishError when there is none."""
    for tag in tags:
        if tag.name == text:
            return tag
    try:
        root = ContentHash.parse(text)
    except ValueError:
        raise PublishError(
            f"{site.keys.fqrn} has no tag {text!r}, and it is no hash of a root catalog", codes.PUBLISH_TAG
        ) from None
    data = read_object(site.store, root, CATALOG)
    with closing(_database(site, data)) as database:
        properties = dict(database.execute("SELECT key, value FROM properties").fetchall())
    if properties.get("root_prefix"):
        raise PublishError(
            f"{text} is the catalog of {properties['root_prefix']}, not a root catalog", codes.PUBLISH_TAG
        )
    revision, time = int(properties.get("revision", 0)), int(properties.get("last_modified", 0))
    return history.Tag("", str(root), revision, time, 0, "", len(data))


def _renumbered(site: Site, root: ContentHash, revision: int) -> bytes:
    """The root catalog *root* as one that follows the revision in place; nothing else changes."""
    database = _database(site, read_object(site.store, root, CATALOG))
    values = {"revision": revision, "previous_revision": site.in_place.root, "last_modified": site.now}
    for key, value in values.items():
        database.execute("INSERT OR REPLACE INTO properties VALUES (?, ?)", (key, str(value)))
    return close_database(database, site.work / "root")


def _database(site: Site, data: bytes) -> sqlite3.Connection:
    file = site.work / "root"
    file.write_bytes(data)
    database = sqlite3.connect(str(file), isolation_level=None)
    database.execute("PRAGMA journal_mode = OFF")
    return database


def _commit_tags(site: Site, tags: Iterable[history.Tag]) -> None:
    write_whitelist(site)
    site.commit(replace(site.in_place.manifest, H=str(site.put_history(tags)), T=str(site.now)))

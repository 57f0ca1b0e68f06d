"""Turn a directory into a signed CernVM-FS repository in a plain web directory: no root, kernel module or server.

    keys = open_keys(Path("keys"), "sw.example.org")
    publish(Path("tree"), Path("web"), keys)

``web/sw.example.org/`` is then what a web server has to show as ``/cvmfs/sw.example.org``.  Publishing again makes
the next revision.  The manifest is replaced last and by rename, so readers see the old revision or the new one.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import sqlite3
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from pathlib import Path

from parrot_py.drivers.cvmfs import publish_history as history
from parrot_py.drivers.cvmfs.hashes import CATALOG, CERTIFICATE, HISTORY, METAINFO, Algorithm, ContentHash
from parrot_py.drivers.cvmfs.publish_catalog import EditCatalog
from parrot_py.drivers.cvmfs.publish_content import RevisionBuilder
from parrot_py.drivers.cvmfs.publish_keys import RepositoryKeys
from parrot_py.drivers.cvmfs.publish_letter import (
    ManifestFields,
    WhitelistFields,
    sign_manifest,
    sign_whitelist,
    whitelist_expiry,
)
from parrot_py.drivers.cvmfs.publish_objects import ChunkSizes, ObjectStore, PublishError, write_atomically
from parrot_py.drivers.cvmfs.publish_previous import PreviousRevision, previous_revision
from parrot_py.drivers.cvmfs.schema import COMPRESSION_ZLIB

_TAG = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,59}")
_OWN_TAGS = (history.TRUNK, history.TRUNK_PREVIOUS)
_REPLICA_SENTINEL = b"Other servers may replicate this repository.\n"


@dataclass(frozen=True)
class PublishOptions:
    """How to publish.  The defaults are those of the CernVM-FS server tools, but for the life of the whitelist.

    *now*, *owner* and *fixed_mtime* make a publication reproducible.  *external*: shell patterns on paths such as
    ``/data/*``; these files are described but not stored, clients read them from their external URL.
    *edit_catalog* sees each catalog before it is hashed, so that tests can make what no directory contains.
    """

    algorithm: Algorithm = Algorithm.SHA1
    compression: int = COMPRESSION_ZLIB
    chunk_sizes: ChunkSizes = field(default_factory=ChunkSizes)
    ttl: int = 240
    revision: int | None = None
    tag: str | None = None
    whitelist_days: float = 365
    xattrs: bool = True
    external: tuple[str, ...] = ()
    owner: tuple[int, int] | None = None
    fixed_mtime: int | None = None
    now: int | None = None
    garbage_collectable: bool = False
    alternative_paths: bool = False
    meta: Mapping[str, object] = field(default_factory=dict)
    edit_catalog: EditCatalog | None = None

    def __post_init__(self) -> None:
        if self.ttl < 0:
            raise PublishError(f"a time to live of {self.ttl} seconds is in the past")
        if self.tag is not None and (self.tag in _OWN_TAGS or not _TAG.fullmatch(self.tag)):
            raise PublishError(f"{self.tag!r} is no name for a tag: letters, digits, '.', '_', '-'; not 'trunk'")


@dataclass(frozen=True)
class Published:
    """What came out: *repository* is the directory to serve, *new_objects* counts the objects this revision added."""

    fqrn: str
    repository: Path
    public_key: Path
    revision: int
    root_hash: ContentHash
    new_objects: int
    whitelist_expires: datetime


def publish(source: Path, web: Path, keys: RepositoryKeys, options: PublishOptions | None = None) -> Published:
    """Publish the content of *source* as the next revision of ``keys.fqrn`` below *web*.

    Raises PublishError, with nothing published, for anything that cannot be read, written or expressed in the format.
    """
    options = options or PublishOptions()
    check_name(keys.fqrn)
    repository = web / keys.fqrn
    check_places(source, repository, keys.directory)
    try:
        store = ObjectStore(repository, options.algorithm)
        with _locked(repository), tempfile.TemporaryDirectory(prefix="parrot-publish-") as scratch:
            try:
                return _publish_revision(source, store, Path(scratch), keys, options)
            except BaseException:
                store.roll_back()
                raise
    except OSError as error:
        raise PublishError(f"cannot write to {error.filename or repository}: {error.strerror}") from error
    except sqlite3.Error as error:
        raise PublishError(f"a database of {repository} cannot be made: {error}") from error


def renew_whitelist(web: Path, keys: RepositoryKeys, options: PublishOptions | None = None) -> datetime:
    """Sign a new whitelist for the repository in place, without a new revision; answers its expiry."""
    options = options or PublishOptions()
    repository = web / keys.fqrn
    if not repository.joinpath(".cvmfspublished").exists():
        raise PublishError(f"there is no repository in {repository}")
    with _locked(repository):
        return _write_whitelist(repository, keys, options, _now(options))


def check_name(fqrn: str) -> None:
    """Raises PublishError unless *fqrn* can be the name of a repository."""
    if not _NAME.fullmatch(fqrn):
        raise PublishError(f"{fqrn!r} is no repository name: 1 to 60 letters, digits, '.', '_', '-'")


def _now(options: PublishOptions) -> int:
    return int(time.time()) if options.now is None else options.now


def check_places(source: Path, repository: Path, keys: Path) -> None:
    """Raises PublishError where a publication would contain itself, or give the private keys to everybody."""
    if not source.is_dir():
        raise PublishError(f"{source} is not a directory")
    for inner, outer, what in (
        (repository, source, "the output {} lies in the source {}"),
        (keys, source, "the keys in {} would be published, as they lie in the source {}"),
        (keys, repository, "the keys in {} would be served, as they lie in the output {}"),
    ):
        if outer.resolve() in (inner.resolve(), *inner.resolve().parents):
            raise PublishError(what.format(inner, outer))


@contextmanager
def _locked(repository: Path) -> Iterator[None]:
    """One publisher at a time; the lock is on the directory itself, so nothing stays behind in it."""
    handle = os.open(repository, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(handle)
        raise PublishError(f"somebody else is publishing to {repository}") from error
    try:
        yield
    finally:
        os.close(handle)


def _publish_revision(
    source: Path, store: ObjectStore, work: Path, keys: RepositoryKeys, options: PublishOptions
) -> Published:
    previous = previous_revision(store, work, keys.fqrn)
    # Clients refuse a manifest that is older than the one they know, so a clock that went back must not show.
    now = max(_now(options), previous.timestamp if previous else 0)
    revision = _next_revision(previous, options)
    before = previous.tags() if previous else []
    if options.tag in [tag.name for tag in before]:
        raise PublishError(f"{keys.fqrn} has a tag {options.tag!r} already")
    builder = RevisionBuilder(store, work, options, previous, now)
    try:
        root, size = builder.build(os.fsencode(source), revision)
    finally:
        builder.close()
    head = history.Tag(options.tag or history.TRUNK, str(root), revision, now, 0, "", size)
    tags = history.history_bytes(
        work, keys.fqrn, history.advance_tags(before, head), previous.history if previous else None
    )
    names = {
        CATALOG: root,
        CERTIFICATE: store.put(keys.certificate, CERTIFICATE),
        HISTORY: store.put(tags, HISTORY),
        METAINFO: store.put(_meta_json(keys.fqrn, options), METAINFO),
    }
    expires = _write_whitelist(store.repository, keys, options, now)
    reflog = _write_reflog(store, work, keys.fqrn, names, now)
    manifest = _manifest(keys.fqrn, options, names, reflog, head)
    _write_manifest(store, manifest, keys, names)
    return Published(keys.fqrn, store.repository, keys.public_key_file, revision, root, len(store.written), expires)


def _manifest(
    fqrn: str, options: PublishOptions, names: Mapping[str, ContentHash], reflog: ContentHash, head: history.Tag
) -> ManifestFields:
    return ManifestFields(
        C=str(names[CATALOG]),
        B=str(head.size),
        D=str(options.ttl),
        S=str(head.revision),
        G="yes" if options.garbage_collectable else "no",
        A="yes" if options.alternative_paths else "no",
        N=fqrn,
        X=str(names[CERTIFICATE]),
        H=str(names[HISTORY]),
        T=str(head.timestamp),
        M=str(names[METAINFO]),
        Y=str(reflog),
    )


def _next_revision(previous: PreviousRevision | None, options: PublishOptions) -> int:
    last = previous.revision if previous else 0
    if options.revision is not None and options.revision <= last:
        raise PublishError(f"revision {options.revision} is not above the {last} in place: clients would not take it")
    return last + 1 if options.revision is None else options.revision


def _meta_json(fqrn: str, options: PublishOptions) -> bytes:
    meta = {"administrator": "", "email": "", "organisation": "", "description": fqrn, "url": "", **options.meta}
    return (json.dumps(meta, indent=2) + "\n").encode("ascii")


def _write_whitelist(repository: Path, keys: RepositoryKeys, options: PublishOptions, now: int) -> datetime:
    """A fresh whitelist where the master key is at hand; else the one in place must still be good."""
    place = repository / ".cvmfswhitelist"
    issued = datetime.fromtimestamp(now, timezone.utc)
    if keys.master is None and place.exists():
        expires = whitelist_expiry(place.read_bytes())
        if expires <= issued:
            raise PublishError(f"{place} has expired, and {keys.directory} has no master key to renew it with")
        return expires
    expires = issued + timedelta(days=options.whitelist_days)
    whitelist = WhitelistFields(keys.fqrn, issued, expires, [keys.fingerprint(options.algorithm)])
    write_atomically(place, sign_whitelist(whitelist, keys, options.algorithm))
    return expires


def _write_reflog(store: ObjectStore, work: Path, fqrn: str, names: Mapping[str, ContentHash], now: int) -> ContentHash:
    place = store.repository / ".cvmfsreflog"
    kinds = {
        CATALOG: history.REF_CATALOG,
        CERTIFICATE: history.REF_CERTIFICATE,
        HISTORY: history.REF_HISTORY,
        METAINFO: history.REF_METAINFO,
    }
    references = [history.Reference(str(name), kinds[letter], now) for letter, name in names.items()]
    try:
        data = history.reflog_bytes(work, fqrn, place, references)
    except sqlite3.Error as error:
        raise PublishError(f"{place} is damaged ({error}); remove it to begin a new one") from error
    write_atomically(place, data)
    return store.algorithm.hash(data)


def _write_manifest(
    store: ObjectStore, manifest: ManifestFields, keys: RepositoryKeys, names: Mapping[str, ContentHash]
) -> None:
    repository = store.repository
    if manifest.A == "yes":
        for letter, name in names.items():
            link = repository / f".cvmfsalt-{name}{letter}"
            if not link.is_symlink():
                link.symlink_to(f".{name.object_path(letter)}"[2:])
    write_atomically(repository / ".cvmfs_master_replica", _REPLICA_SENTINEL)
    write_atomically(repository / ".cvmfspublished", sign_manifest(manifest, keys, store.algorithm))

"""A repository while it is changed: one publisher at a time, scratch space, and the commit at the end.

Whatever changes a repository (a revision, a tag, a roll-back, a new certificate, garbage collection) adds objects
under new names, and at last replaces the manifest by rename.  Whoever is killed before that leaves the repository as it
was, plus objects that nobody names; garbage collection finds them.
"""

from __future__ import annotations

import errno
import fcntl
import os
import sqlite3
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from parrot_py import codes
from parrot_py.drivers.cvmfs.hashes import CATALOG, CERTIFICATE, HISTORY, METAINFO, Algorithm, ContentHash
from parrot_py.drivers.cvmfs.publish import history
from parrot_py.drivers.cvmfs.publish.keys import RepositoryKeys
from parrot_py.drivers.cvmfs.publish.letter import ManifestFields, sign_manifest
from parrot_py.drivers.cvmfs.publish.objects import ObjectStore, PublishError, write_atomically
from parrot_py.drivers.cvmfs.publish.options import PublishOptions
from parrot_py.drivers.cvmfs.publish.previous import PreviousRevision, previous_revision

MANIFEST, REFLOG = ".cvmfspublished", ".cvmfsreflog"
#: Which line of a manifest names an object of which kind, and what the reflog calls it
_NAMED = {
    CATALOG: history.REF_CATALOG,
    CERTIFICATE: history.REF_CERTIFICATE,
    HISTORY: history.REF_HISTORY,
    METAINFO: history.REF_METAINFO,
}
_REPLICA_SENTINEL = b"Other servers may replicate this repository.\n"
# What flock says where the file system has locks for files only, or (NFS) not for what is open for reading
_NO_DIRECTORY_LOCK = (errno.EBADF, errno.EINVAL, errno.EISDIR, errno.ENOLCK, errno.ENOTSUP, errno.EACCES)


@dataclass
class Site:
    """A locked repository.  *work* is for scratch files, *now* the time of the change (never before the last one)."""

    store: ObjectStore
    work: Path
    keys: RepositoryKeys
    options: PublishOptions
    previous: PreviousRevision | None
    now: int
    _signed: bytes | None = None
    _reflog: bytes | None = None

    @property
    def in_place(self) -> PreviousRevision:
        """The revision in place; PublishError when there is none."""
        if self.previous is None:
            raise PublishError(f"there is no repository in {self.store.repository}", codes.NO_REPOSITORY)
        return self.previous

    def put_history(self, tags: Iterable[history.Tag]) -> ContentHash:
        """Store a history database with *tags* that follows the one in place."""
        former = self.previous.history if self.previous else None
        return self.store.put(history.history_bytes(self.work, self.keys.fqrn, tags, former), HISTORY)

    def commit(self, manifest: ManifestFields, references: list[history.Reference] | None = None) -> ManifestFields:
        """Make *manifest* the one in place, signed by the keys at hand, with the reflog that belongs to it.

        The reflog gets what the manifest names in addition to *references* (default: what it had).  Answers what
        is in place now.
        """
        manifest = replace(manifest, X=str(self.store.put(self.keys.certificate, CERTIFICATE)))
        named = [history.Reference(getattr(manifest, letter), kind, self.now) for letter, kind in _NAMED.items()]
        known = self.references() if references is None else references
        data = history.reflog_bytes(self.work, self.keys.fqrn, [*known, *(one for one in named if one.name)])
        place = self.store.repository / REFLOG
        self._reflog = place.read_bytes() if place.exists() else b""
        write_atomically(place, data)
        manifest = replace(manifest, Y=str(self.store.algorithm.hash(data)))
        if manifest.A == "yes":
            self._link_alternatives(manifest)
        write_atomically(self.store.repository / ".cvmfs_master_replica", _REPLICA_SENTINEL)
        self._signed = sign_manifest(manifest, self.keys, self.store.algorithm)
        write_atomically(self.store.repository / MANIFEST, self._signed)
        return manifest

    def references(self) -> list[history.Reference]:
        """What the reflog in place has; PublishError when it is damaged."""
        place = self.store.repository / REFLOG
        try:
            found = history.read_references(place) if place.exists() else []
            for one in found:
                ContentHash.parse(one.name)
            return found
        except (sqlite3.Error, ValueError) as error:
            raise PublishError(
                f"{place} is damaged ({error}); remove it to begin a new one", codes.PUBLISH_DAMAGED
            ) from error

    def undo(self) -> None:
        """Take away what was added, unless the new manifest is in place already (a signal can come at any time)."""
        place = self.store.repository / MANIFEST
        if self._signed is not None and place.exists() and place.read_bytes() == self._signed:
            return
        reflog = self.store.repository / REFLOG
        if self._reflog:
            write_atomically(reflog, self._reflog)
        elif self._reflog is not None:
            reflog.unlink(missing_ok=True)
        self.store.roll_back()

    def _link_alternatives(self, manifest: ManifestFields) -> None:
        for letter in _NAMED:
            text = getattr(manifest, letter)
            link = self.store.repository / f".cvmfsalt-{text}{letter}"
            if text and not link.is_symlink():
                link.symlink_to(f"data/{text[:2]}/{text[2:]}{letter}")


@contextmanager
def opened_site(web: Path, keys: RepositoryKeys, options: PublishOptions, *, new: bool = False) -> Iterator[Site]:
    """The repository of *keys* below *web*, locked; it need not exist when it may be *new*.

    An error on the way out takes back what was added.  Raises PublishError for whatever cannot be read or written.
    """
    repository = web / keys.fqrn
    if not new and not repository.joinpath(MANIFEST).exists():
        raise PublishError(f"there is no repository in {repository}", codes.NO_REPOSITORY)
    try:
        store = ObjectStore(repository, options.algorithm or Algorithm.SHA1)
        with _locked(repository), tempfile.TemporaryDirectory(prefix="parrot-publish-") as scratch:
            site = _open(store, Path(scratch), keys, options)
            try:
                yield site
            except BaseException:
                site.undo()
                raise
    except OSError as error:
        raise PublishError(
            f"cannot write to {error.filename or repository}: {error.strerror}", codes.PUBLISH_OUTPUT
        ) from error
    except sqlite3.Error as error:
        raise PublishError(f"a database of {repository} cannot be made: {error}", codes.PUBLISH_OUTPUT) from error


def _open(store: ObjectStore, work: Path, keys: RepositoryKeys, options: PublishOptions) -> Site:
    store.remove_leftovers()
    previous = previous_revision(store, work, keys.fqrn)
    if previous is not None and options.algorithm is None:
        store.algorithm = previous.root.algorithm
    now = int(time.time()) if options.now is None else options.now
    # Clients refuse a manifest that is older than the one they know, so a clock that went back must not show.
    return Site(store, work, keys, options, previous, max(now, previous.timestamp if previous else 0))


@contextmanager
def _locked(repository: Path) -> Iterator[None]:
    """One publisher at a time; the kernel lets go of the lock of one that died."""
    handle = os.open(repository, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        handle = _lock(handle, repository)
        yield
    finally:
        os.close(handle)


def _lock(handle: int, repository: Path) -> int:
    """Lock the directory itself, so that nothing stays behind in it, or a file in it where that cannot be done."""
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return handle
    except BlockingIOError as error:
        raise PublishError(f"somebody else is publishing to {repository}", codes.PUBLISH_BUSY) from error
    except OSError as error:
        if error.errno not in _NO_DIRECTORY_LOCK:
            raise
    file = os.open(repository / ".publish.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    os.dup2(file, handle, inheritable=False)
    os.close(file)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise PublishError(f"somebody else is publishing to {repository}", codes.PUBLISH_BUSY) from error
    except OSError as error:
        raise PublishError(
            f"{repository} lies on a file system without locks ({error.strerror})", codes.PUBLISH_BUSY
        ) from error
    return handle

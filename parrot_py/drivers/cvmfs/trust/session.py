"""Which revision of a repository to show: the one that was asked for, or the newest that its servers prove.

A root hash, a tag or a date (in this order) fixes the revision.  Otherwise it is the newest, and
:meth:`Session.refresh` tells whether there is a newer one by now.  When no server answers, the last one that was
proven here is shown.
"""

from __future__ import annotations

import hashlib
from datetime import datetime, timezone
from typing import NamedTuple

from parrot_py import codes
from parrot_py.config.model import RepositoryConfig
from parrot_py.drivers.cvmfs.cache.local import Cache
from parrot_py.drivers.cvmfs.cache.store import Store
from parrot_py.drivers.cvmfs.catalogs.catalog import Catalog
from parrot_py.drivers.cvmfs.catalogs.history import History, Tag
from parrot_py.drivers.cvmfs.hashes import ContentHash
from parrot_py.drivers.cvmfs.net.fetch import Fetcher
from parrot_py.drivers.cvmfs.trouble import Failure, log
from parrot_py.drivers.cvmfs.trust.breadcrumb import Breadcrumb, CrumbFile, newest
from parrot_py.drivers.cvmfs.trust.letter import TrustError
from parrot_py.drivers.cvmfs.trust.manifest import Manifest
from parrot_py.drivers.cvmfs.trust.proof import Prover


class Opened(NamedTuple):
    """The revision that a session shows.

    ``manifest`` is None for a pinned root hash and when offline.  ``revision`` is 0 while it is unknown (an old
    breadcrumb, a pinned root hash: the root catalog knows).  ``tag`` is the tag that was asked for or that a date led
    to.  ``fixed``: it never changes (root hash, tag or date).
    """

    root: ContentHash
    manifest: Manifest | None = None
    offline: bool = False
    revision: int = 0
    tag: str = ""
    fixed: bool = False


class Revoked(Failure):
    """The revision that is shown was blacklisted by the site meanwhile, and there is none to replace it."""


class Session:
    """Chooses what to show of one repository.  Thread-safe; everything here may wait; raises Failure."""

    def __init__(self, config: RepositoryConfig, cache: Cache, fetcher: Fetcher, store: Store) -> None:
        self._config, self._cache, self._fetcher, self.store = config, cache, fetcher, store
        self._prover = Prover(config, cache, fetcher, store)

    def open(self) -> Opened:
        """The revision to begin with, trusted; its root catalog is in the cache."""
        if self._config.root_hash is not None:
            return self._pinned(self._config.root_hash)
        if self._config.tag is not None or self._config.date is not None:
            return self._tagged()
        crumbs = CrumbFile(self._cache, self._config.fqrn)
        try:
            manifest = self._newest(crumbs, None, with_root=True)
        except Failure as failure:
            return self._offline(crumbs.read(), failure)
        return self._show(manifest, crumbs)

    def refresh(self, current: Opened) -> Opened | None:
        """What to show instead of *current*, its root catalog being in the cache; None when there is nothing newer.

        The servers are asked, the whole chain of trust is checked and the blacklists are read again, even when the
        revision is the same.  A session that began offline gets its revision once more when it is proven: with a
        manifest, and the same root.  A failure leaves *current* as good as it was, except Revoked, after which it must
        not be shown any more.  Fixed sessions and those without ``auto_update`` have nothing newer, ever.
        """
        if current.fixed or not self._config.auto_update:
            return None
        crumbs = CrumbFile(self._cache, self._config.fqrn)
        now = Breadcrumb(current.root, current.manifest.timestamp if current.manifest else 0, current.revision)
        try:
            manifest = self._newest(crumbs, now, with_root=True)
        except Failure as failure:
            self._check_not_revoked(current, failure)
            raise
        if current.manifest is not None and not _replaces(manifest, current):
            self._check_not_revoked(current, None)
            return None
        return self._show(manifest, crumbs)

    def _show(self, manifest: Manifest, crumbs: CrumbFile) -> Opened:
        log.info("%s: revision %d, root catalog %s", self._config.fqrn, manifest.revision, manifest.root)
        crumbs.leave(Breadcrumb.of(manifest))
        return Opened(manifest.root, manifest, revision=manifest.revision)

    def _newest(self, crumbs: CrumbFile, shown: Breadcrumb | None, *, with_root: bool) -> Manifest:
        """The newest manifest, not older than what is *shown* or what we have seen before."""
        seen = crumbs.read_own() if self._config.alien or self._cache.private() else None
        return self._prover.newest(newest(seen, shown), crumbs.read(), with_root=with_root)

    def _offline(self, crumb: Breadcrumb | None, failure: Failure, tag: str = "", *, fixed: bool = False) -> Opened:
        """Go on with what the cache has if all that is wrong is that no server answers; else raise *failure*."""
        trusted = self._config.alien or self._cache.private()
        if not failure.unreachable or not trusted or crumb is None or not self.store.has_catalog(crumb.root):
            raise failure
        try:
            self._prover.blacklist().check_revision(self._config.fqrn, crumb.revision)
        except TrustError as error:
            raise Failure(f"cached revision: {error}", untrusted=True) from None
        log.warning(
            "%s: offline, showing revision %d from the cache (%s)",
            self._config.fqrn,
            crumb.revision,
            failure,
            extra=codes.OFFLINE.extra,
        )
        return Opened(crumb.root, offline=True, revision=crumb.revision, tag=tag, fixed=fixed)

    def _check_not_revoked(self, current: Opened, failure: Failure | None) -> None:
        """Raise Revoked when the blacklist forbids what is shown; *failure* is why there is nothing newer."""
        try:
            self._prover.blacklist().check_revision(self._config.fqrn, current.revision)
        except TrustError as error:
            raise Revoked(f"{error}{f'; {failure}' if failure else ''}", untrusted=True) from None

    def _pinned(self, text: str) -> Opened:
        """The root hash that was asked for: it is its own proof, and no document is asked for."""
        try:
            root = ContentHash.parse(text)
        except ValueError as error:
            raise Failure(f"configured root hash: {error}", about=codes.REVISION) from None
        if self._config.alt_root_path:
            self.store.use_alternative_names(root)
        self.store.catalog_file(root)
        revision = 0
        blacklist = self._prover.blacklist()
        if blacklist.least_revision(self._config.fqrn):
            catalog = Catalog(root, self.store)
            try:
                revision = catalog.facts.revision
                blacklist.check_revision(self._config.fqrn, revision)
            except TrustError as error:
                raise Failure(f"configured root hash: {error}", untrusted=True) from None
            finally:
                catalog.close()
        return Opened(root, revision=revision, fixed=True)

    def _tagged(self) -> Opened:
        """What the history of the newest revision says about the tag or date that was asked for."""
        config = self._config
        asked = f"tag:{config.tag}" if config.tag is not None else f"date:{config.date}"
        # Offline, the same question has the same answer.
        answer = CrumbFile(self._cache, config.fqrn, hashlib.sha1(asked.encode(errors="surrogateescape")).hexdigest())
        try:
            manifest = self._newest(CrumbFile(self._cache, config.fqrn), None, with_root=False)
            tag = self._look_up(manifest)
            root = tag.hash
            if config.alt_root_path:
                self.store.use_alternative_names(root)
            self.store.catalog_file(root)
        except Failure as failure:
            return self._offline(answer.read(), failure, config.tag or "", fixed=True)
        log.info("%s: %s is revision %d, root catalog %s", config.fqrn, _called(config), tag.revision, root)
        answer.leave(Breadcrumb(root, tag.timestamp, tag.revision), replace=True)
        return Opened(root, manifest, revision=tag.revision, tag=tag.name, fixed=True)

    def _look_up(self, manifest: Manifest) -> Tag:
        """The tag that was asked for, or the one that the date leads to; not blacklisted."""
        config, hash_ = self._config, manifest.history
        if hash_ is None:
            raise Failure(f"{_called(config)}: the repository has no history of former revisions", about=codes.REVISION)
        try:
            tag = self._find(History(self.store.history_file(hash_)))
        except Failure as failure:
            if failure.unreachable:
                raise
            # Perhaps only the copy in the cache is damaged.
            self.store.discard(hash_)
            tag = self._find(History(self.store.history_file(hash_)))
        if tag is None:
            raise Failure(
                f"{_called(config)}: not in the history of revision {manifest.revision}", about=codes.REVISION
            )
        try:
            self._prover.blacklist().check_revision(config.fqrn, tag.revision)
        except TrustError as error:
            raise Failure(f"{_called(config)}: {error}", untrusted=True) from None
        return tag

    def _find(self, history: History) -> Tag | None:
        if self._config.tag is not None:
            return history.named(self._config.tag)
        assert self._config.date is not None
        return history.at(self._config.date)


def _called(config: RepositoryConfig) -> str:
    """The tag or date that was asked for, for a log line."""
    if config.tag is not None:
        return f"tag {config.tag!r}"
    try:
        return f"date {datetime.fromtimestamp(config.date or 0, timezone.utc):%Y-%m-%dT%H:%M:%SZ}"
    except (ValueError, OverflowError, OSError):
        return f"date {config.date}"


def _replaces(manifest: Manifest, current: Opened) -> bool:
    """Whether *manifest* is newer; repositories that count no revisions tell by the root."""
    if manifest.revision == current.revision == 0:
        return manifest.root != current.root
    return manifest.revision > current.revision

"""Which revision of a repository to show: the newest that its servers prove, or the last one that was proven here."""

from __future__ import annotations

import re
from datetime import datetime, timezone
from pathlib import Path
from typing import NamedTuple

from parrot_py.config.model import RepositoryConfig
from parrot_py.drivers.cvmfs.cache import Cache
from parrot_py.drivers.cvmfs.errand import Errand
from parrot_py.drivers.cvmfs.fetch import Fetcher
from parrot_py.drivers.cvmfs.hashes import ContentHash
from parrot_py.drivers.cvmfs.sink import SMALL_LIMIT
from parrot_py.drivers.cvmfs.store import Store
from parrot_py.drivers.cvmfs.trouble import Failure, log
from parrot_py.drivers.cvmfs.trust import (
    Blacklist,
    Certificate,
    Letter,
    Manifest,
    TrustError,
    check_certificate,
    check_whitelist,
    load_public_keys,
    read_manifest,
)

MANIFEST, WHITELIST = ".cvmfspublished", ".cvmfswhitelist"
_CRUMB = re.compile(r"([0-9a-f]{40}[-a-z0-9]*)T(\d{1,19})(?:R(\d{1,19}))?")
_CRUMB_LIMIT = 164
_BLACKLIST_LIMIT = 1 << 20


class Breadcrumb(NamedTuple):
    """What a cache knows of a repository without a server: root, time of the manifest, revision (0: unknown)."""

    root: ContentHash
    timestamp: int
    revision: int

    def __str__(self) -> str:
        return f"{self.root}T{self.timestamp}R{self.revision}"

    @classmethod
    def parse(cls, data: bytes | None) -> Breadcrumb | None:
        """Read the text of a breadcrumb file; None for anything else."""
        match = _CRUMB.fullmatch(data.decode("ascii", "replace").rstrip("\n")) if data else None
        try:
            return cls(ContentHash.parse(match[1]), int(match[2]), int(match[3] or 0)) if match else None
        except ValueError:
            return None


class Opened(NamedTuple):
    """The revision that a session shows.  ``manifest`` is None for a pinned root and for one from a breadcrumb."""

    root: ContentHash
    manifest: Manifest | None
    offline: bool = False


class Session:
    """Opens one repository.  Not thread-safe; everything here may wait; raises Failure."""

    def __init__(self, config: RepositoryConfig, cache: Cache, fetcher: Fetcher, store: Store) -> None:
        self._config, self._cache, self._fetcher, self._store = config, cache, fetcher, store
        self._crumb_name = f"cvmfschecksum.{config.fqrn}"

    def open(self) -> Opened:
        """The root catalog's hash, trusted; and its file is in the cache."""
        if self._config.root_hash is not None:
            try:
                pinned = Opened(ContentHash.parse(self._config.root_hash), None)
            except ValueError as error:
                raise Failure(f"configured root hash: {error}") from None
            self._store.catalog_file(pinned.root)
            return pinned
        crumb = Breadcrumb.parse(self._cache.read(self._crumb_name, _CRUMB_LIMIT)) if self._cache.private() else None
        try:
            manifest = self._newest(crumb)
        except Failure as failure:
            return self._offline(crumb, failure)
        log.info("%s: revision %d, root catalog %s", self._config.fqrn, manifest.revision, manifest.root)
        self._leave_crumb(Breadcrumb(manifest.root, manifest.timestamp, manifest.revision))
        return Opened(manifest.root, manifest)

    def _offline(self, crumb: Breadcrumb | None, failure: Failure) -> Opened:
        """Go on with what the cache has if all that is wrong is that no server answers; else raise *failure*."""
        if not failure.unreachable or crumb is None or not self._store.has_catalog(crumb.root):
            raise failure
        try:
            self._blacklist().check_revision(self._config.fqrn, crumb.revision)
        except TrustError as error:
            raise Failure(f"cached revision: {error}", untrusted=True) from None
        log.warning("%s: offline, showing revision %d from the cache (%s)", self._config.fqrn, crumb.revision, failure)
        return Opened(crumb.root, None, offline=True)

    def _newest(self, crumb: Breadcrumb | None) -> Manifest:
        """The newest manifest that a server proves; its root catalog is in the cache.

        What one server gets wrong the next may have right.
        """
        complaints: list[Failure] = []
        for _ in self._config.urls or ("",):
            data, hop = self._fetcher.document(MANIFEST)
            try:
                return self._proven(data, crumb)
            except TrustError as error:
                complaints.append(Failure(f"{hop.url}: file {MANIFEST}: {error}"))
            except _Blamed as blamed:
                complaints.append(Failure(f"{hop.url}: {blamed.what}: {blamed}", unreachable=blamed.stale))
            self._fetcher.leave_host(hop)
        line = "; ".join(dict.fromkeys(str(c) for c in complaints))
        unreachable = all(c.unreachable for c in complaints)
        raise Failure(line, unreachable=unreachable, untrusted=not unreachable)

    def _proven(self, data: bytes, crumb: Breadcrumb | None) -> Manifest:
        """The manifest in *data* after the whole chain of trust was checked.

        After the manifest everything is asked for at the same time, so a cold start takes as long as two answers.
        """
        manifest, letter = read_manifest(data, self._config.fqrn)
        if crumb is not None and _older(manifest, crumb):
            known = f"revision {crumb.revision}" if crumb.revision else "a newer manifest"
            reason = f"shows revision {manifest.revision}, this cache has seen {known}"
            raise _Blamed(f"file {MANIFEST}", reason, stale=True)
        blacklist = self._blacklist()
        blacklist.check_revision(self._config.fqrn, manifest.revision)
        with self._store.catalog_ahead(manifest.root) as take:
            pem = self._check_signer(manifest, letter, blacklist)
            take()
        self._keep(manifest.certificate.cache_path(), pem)
        return manifest

    def _check_signer(self, manifest: Manifest, letter: Letter, blacklist: Blacklist) -> bytes:
        """The certificate that signed the manifest, as PEM text; raises unless the whitelist allows it."""
        document = Errand(lambda: self._fetcher.document(WHITELIST), "parrot-whitelist")
        # The import of cryptography takes long, too.
        keys = Errand(lambda: load_public_keys(self._config.public_keys), "parrot-keys")
        certificate, pem = self._signer(manifest, letter)
        whitelist, _ = document.result()
        try:
            allowed = check_whitelist(whitelist, keys.result(), self._config.fqrn, datetime.now(timezone.utc))
        except TrustError as error:
            raise _Blamed(f"file {WHITELIST}", str(error)) from None
        try:
            check_certificate(certificate, allowed, blacklist)
        except TrustError as error:
            self._store.discard(manifest.certificate)
            raise _Blamed(f"certificate {manifest.certificate}X", str(error)) from None
        return pem

    def _keep(self, name: str, data: bytes) -> None:
        """Store a small file unless it is there: a cache that cannot be written may be all that there is."""
        if self._cache.read(name, SMALL_LIMIT) != data:
            self._cache.put(name, data)

    def _signer(self, manifest: Manifest, letter: Letter) -> tuple[Certificate, bytes]:
        """The certificate that the manifest names, if it signed the manifest, and its PEM text."""
        unusable: TrustError | None = None
        for pem in self._store.certificates(manifest.certificate):
            try:
                certificate = Certificate.parse(pem)
            except TrustError as error:
                unusable = error
                continue
            if certificate.key.signed_sha1(letter.hash_text, letter.signature):
                return certificate, pem
            unusable = None
        if unusable is not None:
            raise _Blamed(f"certificate {manifest.certificate}X", str(unusable))
        raise TrustError("not signed by the repository's certificate")

    def _blacklist(self) -> Blacklist:
        """The site's blacklists, read anew each time; one that cannot be read must not be taken for empty."""
        texts = []
        for path in filter(Path.exists, self._config.blacklists):
            try:
                with path.open("rb") as file:
                    texts.append(file.read(_BLACKLIST_LIMIT).decode("utf-8", "replace"))
            except OSError as error:
                raise Failure(f"blacklist {path}: {error.strerror}") from None
        return Blacklist.parse("\n".join(texts))

    def _leave_crumb(self, ours: Breadcrumb) -> None:
        """Remember *ours* for a start without a server, unless another process has seen something newer meanwhile."""
        there = Breadcrumb.parse(self._cache.read(self._crumb_name, _CRUMB_LIMIT))
        if there is not None and (there == ours or (there.revision, there.timestamp) > (ours.revision, ours.timestamp)):
            return
        self._cache.put(self._crumb_name, str(ours).encode(), 0o600)


class _Blamed(Exception):
    """One of the documents is wrong: *what*.  ``stale``: it is right but older than what was seen before."""

    def __init__(self, what: str, reason: str, *, stale: bool = False) -> None:
        super().__init__(reason)
        self.what, self.stale = what, stale


def _older(manifest: Manifest, crumb: Breadcrumb) -> bool:
    """Whether *manifest* would take the cache back in time; breadcrumbs of old clients know only the time."""
    if crumb.revision:
        return manifest.revision < crumb.revision
    return manifest.timestamp < crumb.timestamp

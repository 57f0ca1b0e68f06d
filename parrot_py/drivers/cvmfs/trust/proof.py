"""Proving the newest revision of a repository: manifest, certificate, whitelist and blacklists.

What one server gets wrong the next may have right, and what a proxy keeps for too long is right at the server itself.
So after a bad or an old document the others are asked past all caches, until the configured patience ends.
"""

from __future__ import annotations

import time
from datetime import datetime, timezone

from parrot_py.config.model import RepositoryConfig
from parrot_py.drivers import deadline
from parrot_py.drivers.cvmfs.cache.local import Cache
from parrot_py.drivers.cvmfs.cache.sink import SMALL_LIMIT
from parrot_py.drivers.cvmfs.cache.store import Store
from parrot_py.drivers.cvmfs.errand import Errand
from parrot_py.drivers.cvmfs.net.fetch import Fetcher
from parrot_py.drivers.cvmfs.net.routes import Hop
from parrot_py.drivers.cvmfs.trouble import Failure
from parrot_py.drivers.cvmfs.trust.breadcrumb import Breadcrumb
from parrot_py.drivers.cvmfs.trust.letter import Letter, TrustError, load_public_keys
from parrot_py.drivers.cvmfs.trust.manifest import Manifest, read_manifest
from parrot_py.drivers.cvmfs.trust.records import certificates
from parrot_py.drivers.cvmfs.trust.whitelist import Blacklist, Certificate, check_certificate, check_whitelist

MANIFEST, WHITELIST = ".cvmfspublished", ".cvmfswhitelist"
_BLACKLIST_LIMIT = 1 << 20


class Prover:
    """Asks the servers of one repository for its newest revision.  Thread-safe; everything may wait; raises Failure."""

    def __init__(self, config: RepositoryConfig, cache: Cache, fetcher: Fetcher, store: Store) -> None:
        self._config, self._cache, self._fetcher, self._store = config, cache, fetcher, store

    def newest(self, floor: Breadcrumb | None, hint: Breadcrumb | None, *, with_root: bool) -> Manifest:
        """The newest manifest that a server proves; *with_root* its root catalog is in the cache afterwards.

        One older than *floor* is refused.  One older than *hint*, which may be a lie, is only taken when no server has
        a newer one.
        """
        end = time.monotonic() + deadline.seconds(self._config.deadline)
        effort = _Effort(self._fetcher, len(set(self._config.urls)), end)
        spare: list[tuple[Manifest, Letter, Hop]] = []
        while effort.goes_on():
            data, hop = effort.document(MANIFEST)
            try:
                manifest, letter = read_manifest(data, self._config.fqrn)
                _check_age(manifest, floor)
                if hint is not None and hint.newer_than(manifest):
                    spare.append((manifest, letter, hop))
                    _check_age(manifest, hint)
                return self._proven(manifest, letter, effort, with_root=with_root)
            except (TrustError, _Blamed) as error:
                effort.complain(hop, error)
        if spare:
            effort.accept_old()
        for manifest, letter, hop in sorted(spare, key=lambda found: -found[0].revision):
            try:
                return self._proven(manifest, letter, effort, with_root=with_root)
            except (TrustError, _Blamed) as error:
                effort.complain(hop, error)
        raise effort.failure()

    def blacklist(self) -> Blacklist:
        """The site's blacklists, read anew each time; one that cannot be read must not be taken for empty."""
        texts = []
        for path in self._config.blacklists:
            try:
                with path.open("rb") as file:
                    texts.append(file.read(_BLACKLIST_LIMIT + 1))
            except (FileNotFoundError, NotADirectoryError):
                continue
            except OSError as error:
                raise Failure(f"blacklist {path}: {error.strerror}") from None
            if len(texts[-1]) > _BLACKLIST_LIMIT:
                raise Failure(f"blacklist {path}: longer than {_BLACKLIST_LIMIT} bytes")
        return Blacklist.parse("\n".join(text.decode("utf-8", "replace") for text in texts))

    def _proven(self, manifest: Manifest, letter: Letter, effort: _Effort, *, with_root: bool) -> Manifest:
        """*manifest* after the whole chain of trust was checked."""
        try:
            return self._checked(manifest, letter, effort, with_root=with_root)
        except (TrustError, _Blamed):
            self._store.discard(manifest.certificate)  # it is put into the cache as soon as it has arrived
            raise

    def _checked(self, manifest: Manifest, letter: Letter, effort: _Effort, *, with_root: bool) -> Manifest:
        """Check everything.

        After the manifest everything is asked for at the same time, so a cold start takes as long as two answers.
        """
        blacklist = self.blacklist()
        blacklist.check_revision(self._config.fqrn, manifest.revision)
        if manifest.alternative:
            self._store.use_alternative_names(manifest.root, manifest.certificate)
        if with_root:
            with self._store.catalog_ahead(manifest.root) as take:
                pem = self._check_signer(manifest, letter, blacklist, effort)
                take()
        else:
            pem = self._check_signer(manifest, letter, blacklist, effort)
        self._keep(manifest.certificate.cache_path(), pem)
        return manifest

    def _check_signer(self, manifest: Manifest, letter: Letter, blacklist: Blacklist, effort: _Effort) -> bytes:
        """The certificate that signed the manifest, as PEM text; raises unless the whitelist allows it."""
        document = Errand(lambda: effort.document(WHITELIST), "parrot-whitelist")
        # The import of cryptography takes long, too.
        keys = Errand(lambda: load_public_keys(self._config.public_keys), "parrot-keys")
        certificate, pem = self._signer(manifest, letter)
        whitelist, hop = document.result()
        try:
            masters = keys.result()
        except TrustError as error:
            raise Failure(f"cannot check {WHITELIST}: {error}", untrusted=True) from None
        try:
            allowed = check_whitelist(whitelist, masters, self._config.fqrn, datetime.now(timezone.utc))
        except TrustError as error:
            raise _Blamed(f"file {WHITELIST}", str(error), hop=hop) from None
        try:
            check_certificate(certificate, allowed, blacklist)
        except TrustError as error:
            raise _Blamed(f"certificate {manifest.certificate}X", str(error)) from None
        return pem

    def _keep(self, name: str, data: bytes) -> None:
        """Store a small file unless it is there: a cache that cannot be written may be all that there is."""
        if self._cache.read(name, SMALL_LIMIT) != data:
            self._cache.put(name, data)

    def _signer(self, manifest: Manifest, letter: Letter) -> tuple[Certificate, bytes]:
        """The certificate that the manifest names, if it signed the manifest, and its PEM text."""
        unusable: TrustError | None = None
        for pem in certificates(self._store, manifest.certificate):
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


class _Blamed(Exception):
    """A document is wrong: *what*, from *hop*.  ``stale``: it is right but older than what was seen before."""

    def __init__(self, what: str, reason: str, *, stale: bool = False, hop: Hop | None = None) -> None:
        super().__init__(reason)
        self.what, self.stale, self.hop = what, stale, hop


class _Effort:
    """The state of finding a server that is right: how often to ask, what was wrong so far.

    The first answers may come out of caches.  After something wrong each server is asked once more, past the caches.
    """

    def __init__(self, fetcher: Fetcher, hosts: int, until: float) -> None:
        self._fetcher, self._left, self._until = fetcher, max(hosts, 1) + 1, until
        self._complaints: list[Failure] = []

    def goes_on(self) -> bool:
        """Whether to ask (once more)."""
        self._left -= 1
        return self._left >= 0 and (not self._complaints or time.monotonic() < self._until)

    def accept_old(self) -> None:
        """What is old is better than nothing: no complaint any more."""
        self._complaints = [complaint for complaint in self._complaints if not complaint.unreachable]

    def document(self, name: str) -> tuple[bytes, Hop]:
        """The document *name* from the server whose turn it is."""
        return self._fetcher.document(name, no_cache=bool(self._complaints))

    def complain(self, hop: Hop, error: TrustError | _Blamed) -> None:
        """What *hop* said is wrong: others come first from now on."""
        what, stale = f"file {MANIFEST}", False
        if isinstance(error, _Blamed):
            what, stale, hop = error.what, error.stale, error.hop or hop
        self._complaints.append(Failure(f"{hop.url}: {what}: {error}", unreachable=stale))
        self._fetcher.leave_host(hop)

    def failure(self) -> Failure:
        """The end: one line with everything that was wrong."""
        line = "; ".join(dict.fromkeys(str(complaint) for complaint in self._complaints))
        unreachable = all(complaint.unreachable for complaint in self._complaints)
        return Failure(line, unreachable=unreachable, untrusted=not unreachable)


def _check_age(manifest: Manifest, known: Breadcrumb | None) -> None:
    """Raise unless *manifest* is at least as new as *known*."""
    if known is not None and known.newer_than(manifest):
        seen = f"revision {known.revision}" if known.revision else "a newer manifest"
        reason = f"shows revision {manifest.revision}, this cache has seen {seen}"
        raise _Blamed(f"file {MANIFEST}", reason, stale=True)

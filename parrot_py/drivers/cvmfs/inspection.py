"""What stands between a client and a repository: the way to a server, its speed, and what proves the content.

Whether the proof holds is decided by the code that every session uses (proof.py); what is read here besides, unproven,
says when and why it will not hold any more.
"""

from __future__ import annotations

import hashlib
import time
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple

from parrot_py.drivers.cvmfs.cache.sink import ObjectSink
from parrot_py.drivers.cvmfs.catalogs.schema import COMPRESSION_ZLIB
from parrot_py.drivers.cvmfs.hashes import CATALOG
from parrot_py.drivers.cvmfs.heavy import import_cryptography, import_requests
from parrot_py.drivers.cvmfs.trouble import Failure
from parrot_py.drivers.cvmfs.trust.letter import TrustError, open_letter
from parrot_py.drivers.cvmfs.trust.manifest import Manifest, read_manifest
from parrot_py.drivers.cvmfs.trust.proof import MANIFEST, WHITELIST, Prover
from parrot_py.drivers.cvmfs.trust.records import certificates
from parrot_py.drivers.cvmfs.trust.whitelist import Whitelist

if TYPE_CHECKING:
    from parrot_py.drivers.cvmfs.driver import CvmfsDriver

ROOT_LIMIT = 32 << 20
"""Bytes: a larger root catalog is not fetched just to measure the speed."""


class Signer(NamedTuple):
    """A certificate: the SHA-1 fingerprint of whitelists (``AB:CD:…``), its subject, and its dates.

    The dates are not checked by any client; a certificate counts as long as a valid whitelist has its fingerprint.
    """

    fingerprint: str
    subject: str
    not_after: datetime


class Standing(NamedTuple):
    """How a repository is reached and whether it is to be trusted.

    ``host`` and ``proxy`` (None: directly) are those of the manifest.  ``latency`` is seconds for a small answer on an
    open connection, ``throughput`` bytes a second for the root catalog (None: not measured).  ``manifest``,
    ``whitelist`` and ``signer`` are as the server tells them, None when there are none or they make no sense; they are
    to be believed only when ``trouble`` is None.  ``trouble`` is what is wrong, in one line; ``reachable``: somebody
    answered; ``trusted``: the proof holds.
    """

    fqrn: str
    host: str | None = None
    proxy: str | None = None
    latency: float | None = None
    throughput: float | None = None
    manifest: Manifest | None = None
    whitelist: Whitelist | None = None
    signer: Signer | None = None
    trouble: str | None = None
    reachable: bool = False
    trusted: bool = False


def inspect(driver: CvmfsDriver, *, measure: bool = True) -> Standing:
    """Ask the servers of *driver* now; *measure* also fetches the root catalog, unless it is large.  Never raises."""
    # What is measured is the network, not the imports.
    import_requests()
    import_cryptography()
    standing = Standing(driver.fqrn)
    try:
        data, hop = driver.fetcher.document(MANIFEST)
        standing = standing._replace(host=hop.url, proxy=hop.proxy, reachable=True)
        began = time.monotonic()
        driver.fetcher.document(MANIFEST)
        standing = standing._replace(latency=time.monotonic() - began)
        standing = _told(driver, standing, data)
        Prover(driver.config, driver.cache, driver.fetcher, driver.store).newest(None, None, with_root=False)
        standing = standing._replace(trusted=True)
        if measure:
            standing = standing._replace(throughput=_throughput(driver, standing.manifest))
    except Failure as failure:
        return standing._replace(trouble=failure.reason, reachable=standing.reachable and not failure.unreachable)
    return standing


def _told(driver: CvmfsDriver, standing: Standing, data: bytes) -> Standing:
    """*standing* with what the documents say; Failure when one cannot be had."""
    try:
        manifest, _ = read_manifest(data, driver.fqrn)
        standing = standing._replace(manifest=manifest)
    except TrustError:
        return standing  # the prover will say why
    document, _ = driver.fetcher.document(WHITELIST)
    try:
        standing = standing._replace(whitelist=Whitelist.parse(open_letter(document).payload))
    except TrustError:
        pass  # the prover will say why
    for pem in certificates(driver.store, manifest.certificate):
        return standing._replace(signer=_signer(pem))
    return standing


def _signer(pem: bytes) -> Signer | None:
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import Encoding

    try:
        certificate = x509.load_pem_x509_certificate(pem)
        digest = hashlib.sha1(certificate.public_bytes(Encoding.DER), usedforsecurity=False).digest()
        subject = certificate.subject.rfc4514_string()
        # The property that knows its time zone is new in cryptography 42.
        expires = getattr(certificate, "not_valid_after_utc", None) or certificate.not_valid_after
        return Signer(digest.hex(":").upper(), subject, expires)
    except ValueError:
        return None


class _Nowhere:
    """An Output that keeps nothing."""

    def restart(self) -> None:
        """Begin again."""

    def write(self, data: bytes, /) -> None:
        """Take *data*."""


def _throughput(driver: CvmfsDriver, manifest: Manifest | None) -> float | None:
    """Bytes a second, as they are transferred, of the root catalog."""
    if manifest is None or manifest.root_size > ROOT_LIMIT:
        return None
    sink = ObjectSink(manifest.root, COMPRESSION_ZLIB, _Nowhere())
    before, began = driver.fetcher.received, time.monotonic()
    driver.fetcher.object(driver.store.remote_path(manifest.root, CATALOG), sink)
    return (driver.fetcher.received - before) / max(time.monotonic() - began, 1e-6)

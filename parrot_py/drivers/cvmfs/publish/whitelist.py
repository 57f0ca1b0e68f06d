"""Who may sign a repository: its whitelist in place, renewed, and with a new certificate beside the old one."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path

from parrot_py import codes
from parrot_py.drivers.cvmfs.hashes import ContentHash
from parrot_py.drivers.cvmfs.publish.keys import (
    RepositoryKeys,
    install_certificate,
    make_certificate,
    print_fingerprint,
)
from parrot_py.drivers.cvmfs.publish.letter import WhitelistFields, sign_whitelist
from parrot_py.drivers.cvmfs.publish.objects import PublishError, write_atomically
from parrot_py.drivers.cvmfs.publish.options import PublishOptions
from parrot_py.drivers.cvmfs.publish.site import Site, opened_site
from parrot_py.drivers.cvmfs.trust.letter import Letter, RsaKey, TrustError, open_letter
from parrot_py.drivers.cvmfs.trust.whitelist import Whitelist

WHITELIST = ".cvmfswhitelist"


def renew_whitelist(web: Path, keys: RepositoryKeys, options: PublishOptions | None = None) -> datetime:
    """Sign a new whitelist for the repository in place, without a new revision; answers its expiry.

    Raises PublishError without the master key.
    """
    with opened_site(web, keys, options or PublishOptions()) as site:
        return _sign(site, [])


def rotate_certificate(web: Path, keys: RepositoryKeys, options: PublishOptions | None = None) -> datetime:
    """Give the repository a new key and certificate; answers the expiry of the whitelist that names old and new.

    The old one stays on the whitelist until a renewal with ``drop_certificates``, for clients and caches that still
    have a manifest that it signed.  Files in the key directory: the old pair is kept as ``FQRN.key.old`` and
    ``FQRN.crt.old``.  An interruption leaves old keys that still work, or new keys that work.
    """
    keys.required_master()
    fresh = make_certificate(keys)
    with opened_site(web, fresh, options or PublishOptions()) as site:
        expires = _sign(site, [keys.fingerprint(site.store.algorithm)])
        site.commit(replace(site.in_place.manifest, T=str(site.now)))
    install_certificate(keys)
    return expires


def write_whitelist(site: Site) -> datetime:
    """A fresh whitelist where the master key is at hand; else the one in place must be good for the certificate."""
    place = site.store.repository / WHITELIST
    if site.keys.master is not None or not place.exists():
        return _sign(site, [])
    found = _read(place.read_bytes())[1]
    if found.expires <= datetime.fromtimestamp(site.now, timezone.utc):
        raise PublishError(
            f"{place} has expired, and {site.keys.directory} has no master key to renew it with",
            codes.PUBLISH_WHITELIST,
        )
    if not any(site.keys.fingerprint(known.algorithm) == print_fingerprint(known) for known in found.fingerprints):
        raise PublishError(
            f"{place} does not name the certificate in {site.keys.directory}: renew it where the master key is",
            codes.PUBLISH_WHITELIST,
        )
    return found.expires


def _sign(site: Site, more: Iterable[str]) -> datetime:
    keys, place = site.keys, site.store.repository / WHITELIST
    keys.required_master()
    issued = datetime.fromtimestamp(site.now, timezone.utc)
    expires = issued + timedelta(days=site.options.whitelist_days)
    former = _own_fingerprints(keys, place) if not site.options.drop_certificates and place.exists() else []
    names = dict.fromkeys([keys.fingerprint(site.store.algorithm), *more, *map(print_fingerprint, former)])
    whitelist = WhitelistFields(keys.fqrn, issued, expires, list(names))
    write_atomically(place, sign_whitelist(whitelist, keys, site.store.algorithm))
    return expires.replace(minute=0, second=0, microsecond=0)


def _own_fingerprints(keys: RepositoryKeys, place: Path) -> tuple[ContentHash, ...]:
    """The fingerprints in the whitelist in place if our master key signed it: others' words are not signed again."""
    numbers = keys.required_master().public_key().public_numbers()
    try:
        letter, whitelist = _read(place.read_bytes())
    except PublishError:
        return ()
    genuine = RsaKey(numbers.n, numbers.e).signed(letter.hash_text, letter.signature)
    return whitelist.fingerprints if genuine and whitelist.fqrn == keys.fqrn else ()


def _read(data: bytes) -> tuple[Letter, Whitelist]:
    try:
        letter = open_letter(data)
        return letter, Whitelist.parse(letter.payload)
    except TrustError as error:
        raise PublishError(f"the whitelist in place is damaged: {error}", codes.PUBLISH_DAMAGED) from error

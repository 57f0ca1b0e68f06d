"""Who may sign for a repository: certificates, the whitelist that names them, and the blacklist that overrules it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import datetime, timezone
from typing import NamedTuple

from parrot_py.drivers.cvmfs.hashes import ContentHash
from parrot_py.drivers.cvmfs.heavy import import_cryptography
from parrot_py.drivers.cvmfs.trust.letter import RsaKey, TrustError, open_letter, rsa_key

_RULE = re.compile(r"<\s*(\S+)\s+([0-9]{1,19})(?![^\s#])")


class Certificate(NamedTuple):
    """The repository's certificate: a holder of a key, trusted by its fingerprint; dates and issuer do not count."""

    der: bytes
    key: RsaKey

    @classmethod
    def parse(cls, pem: bytes) -> Certificate:
        """Read PEM text; raises TrustError."""
        import_cryptography()
        from cryptography import x509
        from cryptography.exceptions import UnsupportedAlgorithm
        from cryptography.hazmat.primitives.serialization import Encoding

        try:
            certificate = x509.load_pem_x509_certificate(pem)
            return cls(certificate.public_bytes(Encoding.DER), rsa_key(certificate.public_key(), "the key"))
        except (ValueError, TypeError, UnsupportedAlgorithm, x509.InvalidVersion) as error:
            raise TrustError(f"not a certificate: {' '.join(str(error).split())[:100]}") from None

    def matches(self, fingerprints: Iterable[ContentHash]) -> bool:
        """Whether one of *fingerprints* is that of this certificate."""
        return any(print_.algorithm.hash(self.der) == print_ for print_ in fingerprints)


def parse_fingerprint(line: str) -> ContentHash | None:
    """The fingerprint in a line of a whitelist or blacklist, None when there is none."""
    words = line.split("#", 1)[0].split()
    try:
        return ContentHash.parse(words[0].replace(":", "").lower()) if words and words[0][0] == line[0] else None
    except ValueError:
        return None


class Whitelist(NamedTuple):
    """Which certificates may sign for a repository, and until when."""

    fqrn: str
    expires: datetime
    fingerprints: tuple[ContentHash, ...]

    @classmethod
    def parse(cls, payload: bytes) -> Whitelist:
        """Read the payload of a whitelist letter; raises TrustError, also for the kinds that we cannot check."""
        lines = payload.decode("utf-8", "surrogateescape").split("\n")
        if len(lines) < 4 or len(lines[0]) != 14 or not lines[1].startswith("E") or not lines[2].startswith("N"):
            raise TrustError("malformed whitelist")
        if lines[3] == "Vpkcs7":
            raise TrustError(
                "signed as PKCS#7 (Vpkcs7), which is not supported: ask its operators for a whitelist signed by a "
                "master key, or pin a root hash (root_hash, CVMFS_ROOT_HASH)"
            )
        if lines[3] == "Wcachain":
            raise TrustError(
                "wants the certificate checked against certificate authorities (Wcachain), which is not supported: "
                "pin a root hash (root_hash, CVMFS_ROOT_HASH)"
            )
        prints = tuple(p for p in map(parse_fingerprint, lines[3:]) if p is not None)
        return cls(lines[2][1:], _hour(lines[1][1:]), prints)


def _hour(text: str) -> datetime:
    """The expiry: the format counts hours, minutes and seconds are written but ignored."""
    try:
        if len(text) != 14 or not (text.isascii() and text.isdigit()):
            raise ValueError
        return datetime.strptime(text[:10], "%Y%m%d%H").replace(tzinfo=timezone.utc)
    except ValueError:
        raise TrustError("malformed whitelist: no expiry date") from None


def check_whitelist(data: bytes, keys: Sequence[RsaKey], fqrn: str, now: datetime) -> Whitelist:
    """The whitelist in *data* if one of *keys* signed it for *fqrn* and it is still valid; else TrustError."""
    letter = open_letter(data)
    if not any(key.signed(letter.hash_text, letter.signature) for key in keys):
        raise TrustError("not signed by any of the configured public keys")
    whitelist = Whitelist.parse(letter.payload)
    if whitelist.fqrn != fqrn:
        raise TrustError(f"it is for the repository {whitelist.fqrn!r}")
    if now >= whitelist.expires:
        raise TrustError(f"expired on {whitelist.expires:%Y-%m-%d at %H} hours UTC")
    return whitelist


class Blacklist(NamedTuple):
    """Certificates and revisions that a site refuses."""

    fingerprints: tuple[ContentHash, ...] = ()
    least_revisions: tuple[tuple[str, int], ...] = ()

    @classmethod
    def parse(cls, text: str) -> Blacklist:
        """Read the lines of a blacklist file; what is neither a fingerprint nor a rule is a comment."""
        lines = [line.strip() for line in text.splitlines() if line.strip()]
        prints = [p for p in map(parse_fingerprint, lines) if p is not None]
        rules = [_RULE.match(line) for line in lines]
        return cls(tuple(prints), tuple((rule[1], int(rule[2])) for rule in rules if rule))

    def least_revision(self, fqrn: str) -> int:
        """The smallest revision of *fqrn* that may be shown; 0 when there is no rule."""
        return max((least for name, least in self.least_revisions if name == fqrn), default=0)

    def check_revision(self, fqrn: str, revision: int) -> None:
        """Raise TrustError when *revision* of *fqrn* is refused."""
        least = self.least_revision(fqrn)
        if revision < least:
            raise TrustError(f"revision {revision} is blacklisted, at least {least} is required")


def check_certificate(certificate: Certificate, whitelist: Whitelist, blacklist: Blacklist) -> None:
    """Raise TrustError unless *certificate* is whitelisted and not blacklisted."""
    if certificate.matches(blacklist.fingerprints):
        raise TrustError("it is blacklisted")
    if not certificate.matches(whitelist.fingerprints):
        raise TrustError("it is not on the whitelist")

"""The chain of trust: master key, whitelist, certificate, manifest.

Pure functions over bytes; who fetches them is session.py.  RSA is checked by hand (one ``pow`` and a comparison of the
whole block), because platforms whose policy forbids SHA-1 signatures refuse to verify any real repository.
Everything that is wrong raises :class:`TrustError` with one line that says what.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import NamedTuple

from parrot_py.drivers.cvmfs.hashes import ContentHash
from parrot_py.drivers.cvmfs.heavy import import_cryptography

_SHA1_DIGEST_INFO = bytes.fromhex("3021300906052b0e03021a05000414")
_ROOT_PATH_MD5 = hashlib.md5(b"", usedforsecurity=False).hexdigest()
_SMALLEST_MODULUS = 1024


class TrustError(Exception):
    """Something in the chain of trust is malformed, expired, for another repository, or not signed by the right key."""


class Letter(NamedTuple):
    """A signed document: payload, the text of its hash, and the signature over that text."""

    payload: bytes
    hash_text: bytes
    signature: bytes


def open_letter(data: bytes) -> Letter:
    """Split a letter and check the hash over its payload; the signature is for the caller to verify."""
    cut = data.find(b"\n--\n")
    if cut < 0:
        raise TrustError("malformed: no separator before the signature")
    payload, rest = data[: cut + 1], data[cut + 4 :]
    hash_text, newline, signature = rest.partition(b"\n")
    if not newline or not signature:
        raise TrustError("malformed: no signature")
    try:
        stated = ContentHash.parse(hash_text.decode("ascii"))
    except ValueError:
        raise TrustError("malformed: no hash before the signature") from None
    if stated.algorithm.hash(payload) != stated:
        raise TrustError("hash of the text does not match: it was changed or truncated")
    return Letter(payload, hash_text, signature)


class RsaKey(NamedTuple):
    """An RSA public key."""

    n: int
    e: int

    def _block(self, signature: bytes) -> bytes:
        """The padded block inside *signature*, empty when it cannot be one of this key."""
        length = (self.n.bit_length() + 7) // 8
        number = int.from_bytes(signature, "big")
        if len(signature) != length or number >= self.n:
            return b""
        return pow(number, self.e, self.n).to_bytes(length, "big")

    def signed(self, message: bytes, signature: bytes) -> bool:
        """Whether *signature* is *message* itself in PKCS#1 type 1 padding (how whitelists are signed)."""
        block = self._block(signature)
        padding = len(block) - 3 - len(message)
        return padding >= 8 and block == b"\x00\x01" + b"\xff" * padding + b"\x00" + message

    def signed_sha1(self, message: bytes, signature: bytes) -> bool:
        """Whether *signature* is RSASSA-PKCS1-v1_5 with SHA-1 over *message* (how manifests are signed)."""
        return self.signed(_SHA1_DIGEST_INFO + hashlib.sha1(message, usedforsecurity=False).digest(), signature)


def _rsa_key(key: object, what: str) -> RsaKey:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

    if not isinstance(key, RSAPublicKey):
        raise TrustError(f"{what} is not an RSA key")
    if key.key_size < _SMALLEST_MODULUS:
        raise TrustError(f"{what} has only {key.key_size} bits")
    numbers = key.public_numbers()
    return RsaKey(numbers.n, numbers.e)


def load_public_keys(paths: Iterable[Path]) -> list[RsaKey]:
    """The master keys in PEM files; a file that cannot be used is an error only when no other can."""
    import_cryptography()
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    keys, complaints = [], []
    for path in paths:
        try:
            keys.append(_rsa_key(load_pem_public_key(path.read_bytes()), "it"))
        except (OSError, ValueError, TrustError) as error:
            complaints.append(f"{path}: {getattr(error, 'strerror', None) or error}")
    if not keys:
        raise TrustError("no usable public key" + "".join(f"; {c}" for c in complaints))
    return keys


class Certificate(NamedTuple):
    """The repository's certificate: a holder of a key, trusted by its fingerprint; dates and issuer do not count."""

    der: bytes
    key: RsaKey

    @classmethod
    def parse(cls, pem: bytes) -> Certificate:
        """Read PEM text; raises TrustError."""
        import_cryptography()
        from cryptography import x509
        from cryptography.hazmat.primitives.serialization import Encoding

        try:
            certificate = x509.load_pem_x509_certificate(pem)
            return cls(certificate.public_bytes(Encoding.DER), _rsa_key(certificate.public_key(), "the key"))
        except ValueError as error:
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


class Manifest(NamedTuple):
    """The signed statement of what the newest revision of a repository is."""

    fqrn: str
    root: ContentHash
    revision: int
    timestamp: int
    certificate: ContentHash
    ttl: int = 0
    root_size: int = 0
    history: ContentHash | None = None
    metainfo: ContentHash | None = None

    @classmethod
    def parse(cls, payload: bytes) -> Manifest:
        """Read the payload of a manifest letter; a repeated letter overwrites, an unknown one is ignored."""
        text = payload.decode("utf-8", "surrogateescape")
        fields = {line[0]: line[1:] for line in text.split("\n")[:-1] if line}
        try:
            if fields["R"] != _ROOT_PATH_MD5:
                raise TrustError("malformed manifest: the root path is not the root")
            return cls(
                fqrn=fields["N"],
                root=ContentHash.parse(fields["C"]),
                revision=_decimal(fields["S"]),
                timestamp=_decimal(fields.get("T", "0")),
                certificate=ContentHash.parse(fields["X"]),
                ttl=_decimal(fields["D"]),
                root_size=_decimal(fields.get("B", "0")),
                history=_optional_hash(fields.get("H")),
                metainfo=_optional_hash(fields.get("M")),
            )
        except KeyError as error:
            raise TrustError(f"malformed manifest: no line {error.args[0]}") from None
        except ValueError as error:
            raise TrustError(f"malformed manifest: {error}") from None


def _decimal(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 20):
        raise ValueError(f"not a number: {text[:40]!r}")
    return int(text)


def _optional_hash(text: str | None) -> ContentHash | None:
    try:
        return ContentHash.parse(text) if text else None
    except ValueError:
        return None


class Whitelist(NamedTuple):
    """Which certificates may sign for a repository, and until when."""

    fqrn: str
    expires: datetime
    fingerprints: tuple[ContentHash, ...]

    @classmethod
    def parse(cls, payload: bytes) -> Whitelist:
        """Read the payload of a whitelist letter; raises TrustError, also for the PKCS#7 kind."""
        lines = payload.decode("utf-8", "surrogateescape").split("\n")
        if len(lines) < 3 or len(lines[0]) != 14 or not lines[1].startswith("E") or not lines[2].startswith("N"):
            raise TrustError("malformed whitelist")
        for special in ("Vpkcs7", "Wcachain"):
            if special in lines[3:5]:
                raise TrustError(f"whitelists of the kind {special} are not supported")
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


def read_manifest(data: bytes, fqrn: str) -> tuple[Manifest, Letter]:
    """The manifest in *data* if it is for *fqrn*, and its letter, whose signature is yet to be checked; TrustError."""
    letter = open_letter(data)
    manifest = Manifest.parse(letter.payload)
    if manifest.fqrn != fqrn:
        raise TrustError(f"it is for the repository {manifest.fqrn!r}")
    return manifest, letter


class Blacklist(NamedTuple):
    """Certificates and revisions that a site refuses."""

    fingerprints: tuple[ContentHash, ...] = ()
    least_revisions: tuple[tuple[str, int], ...] = ()

    @classmethod
    def parse(cls, text: str) -> Blacklist:
        """Read the lines of a blacklist file; what is neither a fingerprint nor a rule is a comment."""
        lines = [line.strip() for line in text.splitlines() if line.strip()]
        prints = [p for p in map(parse_fingerprint, lines) if p is not None]
        rules = [line[1:].split() for line in lines if line.startswith("<")]
        return cls(tuple(prints), tuple((r[0], int(r[1])) for r in rules if len(r) == 2 and r[1].isdecimal()))

    def check_revision(self, fqrn: str, revision: int) -> None:
        """Raise TrustError when *revision* of *fqrn* is refused."""
        for name, least in self.least_revisions:
            if name == fqrn and revision < least:
                raise TrustError(f"revision {revision} is blacklisted, at least {least} is required")


def check_certificate(certificate: Certificate, whitelist: Whitelist, blacklist: Blacklist) -> None:
    """Raise TrustError unless *certificate* is whitelisted and not blacklisted."""
    if certificate.matches(blacklist.fingerprints):
        raise TrustError("it is blacklisted")
    if not certificate.matches(whitelist.fingerprints):
        raise TrustError("it is not on the whitelist")

"""The keys of a repository: a master key that signs the whitelist, and a certified key that signs each revision.

Four files in one directory, named as the CernVM-FS server tools name them: ``FQRN.masterkey``, ``FQRN.pub``
(what a client needs), ``FQRN.key`` and ``FQRN.crt``.
"""

from __future__ import annotations

import datetime
import hashlib
import os
import ssl
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from parrot_py import codes
from parrot_py.drivers.cvmfs.hashes import Algorithm, ContentHash
from parrot_py.drivers.cvmfs.publish.objects import PublishError, write_atomically

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

_KEY_BITS = 2048
_CERTIFICATE_DAYS = 3650
# DER of the DigestInfo that precedes a SHA-1 digest in a PKCS#1 v1.5 signature (RFC 8017, section 9.2, note 1)
_SHA1_INFO = bytes.fromhex("3021300906052b0e03021a05000414")


@dataclass(frozen=True)
class RepositoryKeys:
    """What is needed to sign a repository.  *master* is None where the master key is kept elsewhere."""

    directory: Path
    fqrn: str
    private: RSAPrivateKey
    certificate: bytes
    master: RSAPrivateKey | None

    @property
    def public_key_file(self) -> Path:
        """The master public key, which clients are given."""
        return self.directory / f"{self.fqrn}.pub"

    def required_master(self) -> RSAPrivateKey:
        """The master key; PublishError when it is kept elsewhere."""
        if self.master is None:
            raise PublishError(
                f"a whitelist is signed with {self.fqrn}.masterkey, which {self.directory} lacks", codes.PUBLISH_KEYS
            )
        return self.master

    def fingerprint(self, algorithm: Algorithm) -> str:
        """The certificate's fingerprint as a whitelist prints it: upper-case pairs with ``:``, then the algorithm."""
        der = ssl.PEM_cert_to_DER_cert(self.certificate.decode("ascii"))
        return print_fingerprint(algorithm.hash(der))

    def certificate_matches(self) -> bool:
        """Whether the certificate is one for the private key."""
        from cryptography import x509

        return x509.load_pem_x509_certificate(self.certificate).public_key() == self.private.public_key()


def print_fingerprint(name: ContentHash) -> str:
    """The hash of a certificate as a whitelist prints it."""
    digits = name.digest.hex().upper()
    return ":".join(digits[at : at + 2] for at in range(0, len(digits), 2)) + name.algorithm.suffix.upper()


def sign_hash_text(key: RSAPrivateKey, text: str) -> bytes:
    """The signature under a manifest: PKCS#1 v1.5 over SHA-1 of the *printed* hash, whatever algorithm it names."""
    return _sign_block(key, _SHA1_INFO + hashlib.sha1(text.encode("ascii"), usedforsecurity=False).digest())


def sign_hash_text_raw(key: RSAPrivateKey, text: str) -> bytes:
    """The signature under a whitelist: PKCS#1 v1.5 padding around the printed hash itself, no digest."""
    return _sign_block(key, text.encode("ascii"))


def _sign_block(key: RSAPrivateKey, content: bytes) -> bytes:
    """RSA by hand: cryptography < 44 cannot sign without a digest, and some hosts forbid signing with SHA-1."""
    numbers = key.private_numbers()
    modulus = numbers.public_numbers.n
    length = (modulus.bit_length() + 7) // 8
    block = b"\x00\x01" + b"\xff" * (length - 3 - len(content)) + b"\x00" + content
    number = int.from_bytes(block, "big")
    # By the Chinese remainder theorem (RFC 8017, section 5.2.1, 2b), which takes a quarter of the time.
    first, second = pow(number, numbers.dmp1, numbers.p), pow(number, numbers.dmq1, numbers.q)
    signature = second + numbers.q * ((first - second) * numbers.iqmp % numbers.p)
    return signature.to_bytes(length, "big")


def _names(directory: Path, fqrn: str) -> dict[str, Path]:
    return {kind: directory / f"{fqrn}.{kind}" for kind in ("masterkey", "pub", "key", "crt")}


def open_keys(directory: Path, fqrn: str, *, create: bool = True) -> RepositoryKeys:
    """The keys of *fqrn* in *directory*; made there if none of them exists yet, unless *create* is False.

    Raises PublishError when some exist and a needed one does not, since making it anew would lock clients out.
    """
    names = _names(directory, fqrn)
    if not any(path.exists() for path in names.values()):
        if not create:
            raise PublishError(f"{directory} has no keys of {fqrn}", codes.PUBLISH_KEYS)
        return create_keys(directory, fqrn)
    missing = [names[kind].name for kind in ("pub", "key", "crt") if not names[kind].exists()]
    if missing:
        raise PublishError(
            f"{directory} has only some keys of {fqrn}: {', '.join(missing)} missing", codes.PUBLISH_KEYS
        )
    keys = RepositoryKeys(
        directory=directory,
        fqrn=fqrn,
        private=_load_private(names["key"]),
        certificate=_read(names["crt"]),
        master=_load_private(names["masterkey"]) if names["masterkey"].exists() else None,
    )
    if _matches(keys, names["crt"]):
        return keys
    fresh = _fresh(names["crt"])
    if fresh.exists():
        # A change of the certificate was interrupted between its two renames.
        keys = replace(keys, certificate=_read(fresh))
        if _matches(keys, fresh):
            _retire(names["crt"])
            return keys
    raise PublishError(f"{names['crt']} does not belong to {names['key']}", codes.PUBLISH_KEYS)


def _matches(keys: RepositoryKeys, file: Path) -> bool:
    try:
        return keys.certificate_matches()
    except ValueError as error:
        raise PublishError(f"{file} is not a PEM certificate", codes.PUBLISH_KEYS) from error


def make_certificate(keys: RepositoryKeys) -> RepositoryKeys:
    """*keys* with a new pair of key and certificate, stored as ``FQRN.key.new`` and ``FQRN.crt.new``."""
    from cryptography.hazmat.primitives.asymmetric import rsa

    names = _names(keys.directory, keys.fqrn)
    private = rsa.generate_private_key(public_exponent=65537, key_size=_KEY_BITS)
    certificate = _certify(private, keys.fqrn, datetime.datetime.now(datetime.timezone.utc))
    for place, data, mode in ((names["key"], _pem(private), 0o600), (names["crt"], certificate, 0o644)):
        _fresh(place).unlink(missing_ok=True)
        _write_new(_fresh(place), data, mode)
    return replace(keys, private=private, certificate=certificate)


def install_certificate(keys: RepositoryKeys) -> None:
    """Let the pair of :func:`make_certificate` take the place of the one of *keys*, which stays as ``….old``."""
    names = _names(keys.directory, keys.fqrn)
    for place in (names["key"], names["crt"]):
        _retire(place)


def _fresh(place: Path) -> Path:
    return place.with_name(f"{place.name}.new")


def _retire(place: Path) -> None:
    former = place.with_name(f"{place.name}.old")
    write_atomically(former, _read(place), place.stat().st_mode & 0o777)
    os.rename(_fresh(place), place)


def create_keys(directory: Path, fqrn: str, now: datetime.datetime | None = None) -> RepositoryKeys:
    """New keys in *directory* (mode 0600 for the private ones); raises PublishError if one of the files exists."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    names = _names(directory, fqrn)
    for path in names.values():
        if path.exists():
            raise PublishError(f"{path} exists; keys are never overwritten", codes.PUBLISH_KEYS)
    directory.mkdir(parents=True, exist_ok=True)
    master = rsa.generate_private_key(public_exponent=65537, key_size=_KEY_BITS)
    private = rsa.generate_private_key(public_exponent=65537, key_size=_KEY_BITS)
    certificate = _certify(private, fqrn, now or datetime.datetime.now(datetime.timezone.utc))
    public = master.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    for kind, data, mode in (
        ("masterkey", _pem(master), 0o600),
        ("pub", public, 0o644),
        ("key", _pem(private), 0o600),
        ("crt", certificate, 0o644),
    ):
        _write_new(names[kind], data, mode)
    return RepositoryKeys(directory, fqrn, private, certificate, master)


def _write_new(place: Path, data: bytes, mode: int) -> None:
    with os.fdopen(os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as sink:
        sink.write(data)


def _certify(key: RSAPrivateKey, fqrn: str, now: datetime.datetime) -> bytes:
    """A self-signed certificate.  Clients look at its key and fingerprint only, not at its dates or issuer."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization

    # ub-common-name of RFC 5280 is 64 characters, and a repository name may have 60
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, f"{fqrn} CernVM-FS Release Managers"[:64].rstrip())])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now)
        .not_valid_after(now + datetime.timedelta(days=_CERTIFICATE_DAYS))
        .sign(key, hashes.SHA256())
    )
    return certificate.public_bytes(serialization.Encoding.PEM)


def _pem(key: RSAPrivateKey) -> bytes:
    from cryptography.hazmat.primitives import serialization

    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise PublishError(f"cannot read {path}: {error.strerror}", codes.PUBLISH_KEYS) from error


def _load_private(path: Path) -> RSAPrivateKey:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        key = load_pem_private_key(_read(path), password=None)
    except (ValueError, TypeError) as error:
        raise PublishError(f"{path} is not an unencrypted PEM private key", codes.PUBLISH_KEYS) from error
    if not isinstance(key, RSAPrivateKey):
        raise PublishError(f"{path} is not an RSA key", codes.PUBLISH_KEYS)
    return key

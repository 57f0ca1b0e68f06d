"""Signed documents and the keys that sign them.

Pure functions over bytes.  RSA is checked by hand (one ``pow`` and a comparison of the whole block), because platforms
whose policy forbids SHA-1 signatures refuse to verify any real repository.  Everything that is wrong raises
:class:`TrustError` with one line that says what.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from parrot_py.drivers.cvmfs.hashes import ContentHash
from parrot_py.drivers.cvmfs.heavy import import_cryptography

_SHA1_DIGEST_INFO = bytes.fromhex("3021300906052b0e03021a05000414")
# Bits.  Certificates are parsed before they are trusted, and what a huge key asks for takes hours.
_SMALLEST_MODULUS, _LARGEST_MODULUS, _LARGEST_EXPONENT = 1024, 16384, 64


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


def rsa_key(key: object, what: str) -> RsaKey:
    """The numbers of a public key of the package cryptography; TrustError unless it is a sensible RSA key."""
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

    if not isinstance(key, RSAPublicKey):
        raise TrustError(f"{what} is not an RSA key")
    if key.key_size < _SMALLEST_MODULUS:
        raise TrustError(f"{what} has only {key.key_size} bits")
    numbers = key.public_numbers()
    if key.key_size > _LARGEST_MODULUS or numbers.e.bit_length() > _LARGEST_EXPONENT:
        raise TrustError(f"{what} is absurdly large")
    return RsaKey(numbers.n, numbers.e)


def load_public_keys(paths: Iterable[Path]) -> list[RsaKey]:
    """The master keys in PEM files; a file that cannot be used is an error only when no other can."""
    import_cryptography()
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    keys, complaints = [], []
    for path in paths:
        try:
            keys.append(rsa_key(load_pem_public_key(path.read_bytes()), "it"))
        except (OSError, ValueError, TrustError) as error:
            complaints.append(f"{path}: {getattr(error, 'strerror', None) or error}")
    if not keys:
        raise TrustError("no usable public key" + "".join(f"; {c}" for c in complaints))
    return keys

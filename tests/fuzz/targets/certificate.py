"""Certificates, which are read before anything says that they are to be trusted."""

from __future__ import annotations

import warnings
from contextlib import suppress

from parrot_py.drivers.cvmfs.trust.letter import TrustError
from parrot_py.drivers.cvmfs.trust.whitelist import Certificate
from tests.fuzz.target import Target

_BEGIN, _END = b"-----BEGIN CERTIFICATE-----\n", b"\n-----END CERTIFICATE-----\n"


def check(data: bytes) -> None:
    """As PEM text, and as the DER inside such a text.  A signature is checked with whatever key that gives."""
    import base64

    for pem in (data, _BEGIN + base64.encodebytes(data) + _END):
        with suppress(TrustError), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            certificate = Certificate.parse(pem)
            assert not certificate.key.signed_sha1(b"message", b"\x01" * ((certificate.key.n.bit_length() + 7) // 8))


TARGET = Target(check, 4096, (_BEGIN, _END, bytes.fromhex("300d06092a864886f70d010101"), b"\x02\x03\x01\x00\x01"))

"""Whitelists, blacklists and fingerprints."""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime, timezone

from parrot_py.drivers.cvmfs.hashes import Algorithm
from parrot_py.drivers.cvmfs.trust.letter import RsaKey, TrustError
from parrot_py.drivers.cvmfs.trust.whitelist import Blacklist, Whitelist, check_whitelist
from tests.fuzz.target import Target

NAME = "fuzz.parrot.test"
# With the exponent 1 the signature is the padded text itself: what anybody can sign.
_LENGTH = 128
_KEY = RsaKey((1 << 8 * _LENGTH) - 1, 1)
_NOW = datetime(2024, 6, 7, 12, tzinfo=timezone.utc)


def _signed(payload: bytes) -> bytes:
    text = str(Algorithm.SHA1.hash(payload)).encode()
    block = b"\x00\x01" + b"\xff" * (_LENGTH - 3 - len(text)) + b"\x00" + text
    return payload + b"--\n" + text + b"\n" + block


def check(data: bytes) -> None:
    """A signed letter of that text is refused or valid; as a blacklist it is one, whatever it says."""
    with suppress(TrustError):
        check_whitelist(data, [_KEY], NAME, _NOW)
    with suppress(TrustError):
        whitelist = Whitelist.parse(data)
        assert all(not print_.is_null for print_ in whitelist.fingerprints)
    with suppress(TrustError):
        payload = data if data.endswith(b"\n") else data + b"\n"
        allowed = check_whitelist(_signed(payload), [_KEY], NAME, _NOW)
        assert allowed.fqrn == NAME
        assert allowed.expires > _NOW
    blacklist = Blacklist.parse(data.decode("utf-8", "replace"))
    with suppress(TrustError):
        blacklist.check_revision(NAME, 5)
        assert blacklist.least_revision(NAME) <= 5


TARGET = Target(
    check, 2048, (b"\nE", b"\nN" + NAME.encode(), b"\nVpkcs7", b"\nWcachain", b"<", b"-SHAKE128", b"\n--\n", b"#")
)

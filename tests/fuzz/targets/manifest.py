"""Manifests, as a letter and as the text in one."""

from __future__ import annotations

from contextlib import suppress

from parrot_py.drivers.cvmfs.hashes import Algorithm
from parrot_py.drivers.cvmfs.trust.letter import TrustError, open_letter
from parrot_py.drivers.cvmfs.trust.manifest import Manifest, read_manifest
from tests.fuzz.target import Target

NAME = "fuzz.parrot.test"


def check(data: bytes) -> None:
    """A letter of that text is opened; what is read is for the right repository and names its objects."""
    with suppress(TrustError):
        read_manifest(data, NAME)
    payload = data if data.endswith(b"\n") else data + b"\n"
    letter = payload + b"--\n" + str(Algorithm.SHAKE128.hash(payload)).encode() + b"\nsignature"
    if b"\n--\n" not in payload:
        assert open_letter(letter).payload == payload
    with suppress(TrustError):
        Manifest.parse(payload)
    with suppress(TrustError):
        manifest, opened = read_manifest(letter, NAME)
        assert (manifest.fqrn, opened.signature[-9:]) == (NAME, b"signature")
        assert not manifest.root.is_null
        assert 0 <= manifest.revision < 10**19


TARGET = Target(
    check, 2048, (b"\n--\n", b"\nC", b"\nR", b"\nS", b"\nD", b"\nX", b"\nN", b"\nAyes", b"-shake128", b"-rmd160")
)

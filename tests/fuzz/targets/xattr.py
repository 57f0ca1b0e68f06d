"""The blob of extended attributes in a catalog."""

from __future__ import annotations

from parrot_py.drivers.cvmfs.catalogs.schema import unpack_xattrs
from tests.fuzz.target import Target


def check(data: bytes) -> None:
    """Whatever is in it came out of the blob."""
    attributes = unpack_xattrs(data)
    assert len(attributes) <= 255
    for name, value in attributes.items():
        assert 0 < len(name) <= 255
        assert len(value) <= 255
        assert name + value in data


TARGET = Target(check, 4096, (b"user.", b"security.capability"))

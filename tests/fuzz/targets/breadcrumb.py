"""The text of a breadcrumb file: anybody who may write to a cache directory may have written it."""

from __future__ import annotations

from parrot_py.drivers.cvmfs.trust.breadcrumb import Breadcrumb
from tests.fuzz.target import Target


def check(data: bytes) -> None:
    """What is read can be written and read again."""
    crumb = Breadcrumb.parse(data)
    if crumb is not None:
        assert Breadcrumb.parse(str(crumb).encode()) == crumb
        assert not crumb.root.is_null


TARGET = Target(check, 200, (b"T", b"R", b"-shake128", b"-rmd160", b"0" * 40))

"""What the C library does for us, apart from any engine."""

from __future__ import annotations

from parrot_py.engine._core import lib


def matches(pattern: bytes, name: bytes) -> bool:
    """Whether *name* matches *pattern* by fnmatch(3); a star crosses slashes."""
    return bool(lib.pp_matches(pattern, name))


def share_heap() -> None:
    """Make the threads of this process do with little address space."""
    lib.pp_share_heap()

"""CernVM-FS: signed, content-addressed repositories over HTTP.

``from parrot_py.drivers.cvmfs import Repository`` is the library's front door; it is imported only when asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from parrot_py.drivers.cvmfs.repository import Repository

__all__ = ["Repository"]


def __getattr__(name: str) -> Any:
    if name == "Repository":
        from parrot_py.drivers.cvmfs.repository import Repository

        return Repository
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

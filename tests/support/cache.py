"""Looking into the cache of a run: nothing in it may be other than its name says."""

from __future__ import annotations

import re
import zlib
from pathlib import Path

_OBJECT = re.compile("[0-9a-f]{2}/[0-9a-f]{38}")
_KINDS = ("", "C", "X", "P")


def objects(cache: Path) -> dict[str, Path]:
    """The named objects in *cache*: ``ab/cdef…`` and where they are."""
    found = {f"{path.parent.name}/{path.name}": path for path in cache.rglob("*") if path.is_file()}
    return {name: path for name, path in found.items() if _OBJECT.fullmatch(name)}


def bad_objects(cache: Path, repository: Path) -> list[str]:
    """Names of the objects in *cache* that differ from what the web directory *repository* has under that name.

    An object bears the hash of its stored form, a zlib stream for everything that the tests publish, and is cached
    unpacked.
    """
    bad = []
    for name, path in objects(cache).items():
        stored = [file for kind in _KINDS if (file := repository / "data" / f"{name}{kind}").exists()]
        if not any(zlib.decompress(file.read_bytes()) == path.read_bytes() for file in stored):
            bad.append(name)
    return bad

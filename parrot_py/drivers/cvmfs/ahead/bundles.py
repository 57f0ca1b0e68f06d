"""File bundles: opening one file announces others (CernVM-FS 2.14, ``CVMFS_PREFETCH_FILEBUNDLES``).

Next to a trigger file ``NAME`` lies ``.cvmfsbundle-NAME``, a JSON document::

    {"name": "CVMFS_BUNDLE", "version": "1.0.0", "encoding": "UTF-8", "dependencies": ["/a/lib.so", …]}

The paths are counted from the top of the repository.  A catalog of 2.14 marks the trigger with a flag; here the
document alone is enough, so bundles work where the publisher is older, too.
"""

from __future__ import annotations

import os
from typing import Any

PREFIX = b".cvmfsbundle-"
MOST_BYTES = 4 << 20
"""A longer document is not looked at."""
MOST_FILES = 20_000
"""What a document lists beyond this is ignored."""

_NAME = "CVMFS_BUNDLE"


class NoBundle(Exception):
    """A document is not a bundle that can be used; the text says why."""


def document_of(trigger: bytes) -> bytes:
    """The path of the document that would belong to the file *trigger*."""
    directory, _, name = trigger.rpartition(b"/")
    return directory + b"/" + PREFIX + name


def dependencies(document: bytes) -> list[bytes]:
    """The paths (``b"/a/b"``) that a bundle's *document* lists, each once, in order; raises NoBundle.

    Entries that are no absolute paths are left out: one mistake must not spoil the rest.
    """
    import json

    try:
        read: Any = json.loads(document)
    except (ValueError, RecursionError) as error:
        raise NoBundle(f"not JSON: {error}") from None
    if not isinstance(read, dict) or read.get("name", _NAME) != _NAME:
        raise NoBundle(f"no {_NAME} document")
    version = str(read.get("version", "1"))
    if version.partition(".")[0] != "1":
        raise NoBundle(f"version {version[:20]} is not known")
    listed = read.get("dependencies")
    if not isinstance(listed, list):
        raise NoBundle("no list of dependencies")
    paths = (_path(entry) for entry in listed[:MOST_FILES])
    return list(dict.fromkeys(path for path in paths if path))


def _path(entry: Any) -> bytes | None:
    """An entry as a path without dots and doubled slashes, None when it is none."""
    if not isinstance(entry, str) or not entry.startswith("/") or "\0" in entry:
        return None
    try:
        path = os.path.normpath(entry.encode("utf-8", "surrogateescape"))
    except UnicodeEncodeError:
        return None
    return b"/" + path.lstrip(b"/") if path.strip(b"/") else None

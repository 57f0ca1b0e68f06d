"""The record of an access: what a job touched of repositories, one JSON object in a line, in the order of first touch.

Every line has ``path`` (``/cvmfs/NAME/…``, as the job sees it) and ``kind``:

``catalog``
    a catalog was needed whose top is at ``path``; ``hash`` is that of the object
``dir``
    the directory was listed
``file``
    the file was opened or started; ``size`` in bytes, ``hash`` and ``compression`` of its object where it is one
    (a chunked file and one on external servers is found by its path alone)

``hash`` is hexadecimal with the suffix of its algorithm, ``compression`` is ``zlib`` or ``none``.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from parrot_py.drivers.cvmfs.catalogs.schema import COMPRESSION_NONE, COMPRESSION_ZLIB

CATALOG, DIRECTORY, FILE = "catalog", "dir", "file"
_KINDS = (CATALOG, DIRECTORY, FILE)
_ROOT = "/cvmfs/"
_COMPRESSIONS = {"zlib": COMPRESSION_ZLIB, "none": COMPRESSION_NONE}
_NAMES = {number: name for name, number in _COMPRESSIONS.items()}
_LONGEST_LINE = 64 << 10


class Touch(NamedTuple):
    """One thing of a repository that was touched, or is wanted.  ``path`` is counted from what shows as its top.

    ``kind`` is None when it is not known: a path that somebody wrote down.
    """

    path: bytes
    kind: str | None = None
    hash: str | None = None
    size: int = -1
    compression: int = COMPRESSION_ZLIB


def line_of(name: str, touch: Touch) -> str:
    """The line for *touch* of the repository that shows as ``/cvmfs/<name>``."""
    import json

    fields: dict[str, Any] = {"kind": touch.kind, "path": f"{_ROOT}{name}{os.fsdecode(touch.path)}"}
    if touch.kind == FILE:
        fields["size"] = touch.size
    if touch.hash is not None:
        fields["hash"] = touch.hash
        if touch.kind == FILE:
            fields["compression"] = _NAMES.get(touch.compression, "zlib")
    return json.dumps(fields) + "\n"


def read(lines: Iterable[str]) -> Iterator[tuple[str, Touch]]:
    """Name of the repository and touch for each line of a record, or of a plain list of ``/cvmfs`` paths.

    What makes no sense is passed over: the last line of a run that was killed, comments, paths elsewhere.
    """
    for line in lines:
        text = line.rstrip("\r\n")
        if len(text) > _LONGEST_LINE:
            continue
        found = _object(text) if text.startswith("{") else _named(text, Touch(b""))
        if found is not None:
            yield found


def read_file(path: Path) -> dict[str, list[Touch]]:
    """The touches in the file *path* by repository, in order.  Raises OSError."""
    table: dict[str, list[Touch]] = {}
    with path.open(encoding="utf-8", errors="surrogateescape") as file:
        for name, touch in read(file):
            table.setdefault(name, []).append(touch)
    return table


def _object(text: str) -> tuple[str, Touch] | None:
    import json

    try:
        fields = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(fields, dict) or fields.get("kind") not in _KINDS or not isinstance(fields.get("path"), str):
        return None
    hash_, size = fields.get("hash"), fields.get("size", -1)
    touch = Touch(
        b"",
        fields["kind"],
        hash_ if isinstance(hash_, str) else None,
        size if type(size) is int else -1,
        _COMPRESSIONS.get(str(fields.get("compression", "zlib")), -1),
    )
    return _named(fields["path"], touch)


def _named(text: str, touch: Touch) -> tuple[str, Touch] | None:
    """The repository that the path *text* lies in, and *touch* with the rest of the path."""
    if not text.startswith(_ROOT) or "\0" in text:
        return None
    try:
        path = os.fsencode(os.path.normpath(text))
    except UnicodeEncodeError:
        return None
    if not path.startswith(b"/cvmfs/"):
        return None
    name, slash, rest = path[len(_ROOT) :].partition(b"/")
    return os.fsdecode(name), touch._replace(path=slash + rest)

"""The objects that catalogs speak of, and whether they are what the catalogs say: collected first, then read."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from parrot_py.drivers.cvmfs.hashes import DIGEST_BYTES, Algorithm, ContentHash
from parrot_py.drivers.cvmfs.publish.place import Place, Wrong, unpacked


class Expected(NamedTuple):
    """An object that must be there: unpacked it has *size* bytes; *path* is one of the files that need it."""

    name: ContentHash
    letter: str
    size: int
    packed: bool
    path: bytes


class Expectations:
    """A set of expected objects, on disk, so that memory does not grow with the repository."""

    def __init__(self, file: Path) -> None:
        self._database = sqlite3.connect(str(file), isolation_level=None)
        self._database.executescript("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; BEGIN;")
        self._database.execute(
            "CREATE TABLE expected (name BLOB, letter TEXT, algorithm INTEGER, size INTEGER, packed INTEGER, "
            "path BLOB, PRIMARY KEY (name, letter, algorithm, size, packed)) WITHOUT ROWID"
        )

    def add(self, objects: Iterable[Expected]) -> None:
        """Expect *objects*."""
        rows = ((e.name.digest, e.letter, e.name.algorithm.value, e.size, e.packed, e.path) for e in objects)
        self._database.executemany("INSERT OR IGNORE INTO expected VALUES (?, ?, ?, ?, ?, ?)", rows)

    def knows(self, name: ContentHash, letter: str) -> bool:
        """Whether the object is expected, with any size."""
        return bool(
            self._database.execute(
                "SELECT 1 FROM expected WHERE name = ? AND letter = ? AND algorithm = ?",
                (name.digest, letter, name.algorithm.value),
            ).fetchone()
        )

    def contents(self) -> Iterator[Expected]:
        """Those that are content of files, in the order of their names."""
        for row in self._database.execute("SELECT * FROM expected WHERE letter IN ('', 'P')"):
            digest, letter, algorithm, size, packed, path = row
            yield Expected(ContentHash(Algorithm(algorithm), digest), letter, size, bool(packed), path)

    def close(self) -> None:
        """Forget them."""
        self._database.close()


def check_contents(place: Place, expectations: Expectations, workers: int) -> Iterator[tuple[int, str | None]]:
    """Read every expected content; yields its bytes unpacked and, when something is wrong, a line that says what."""

    def check(expected: Expected) -> tuple[int, str | None]:
        size = 0
        try:
            for block in unpacked(place, expected.name, expected.letter, expected.packed):
                size += len(block)
                if size > expected.size:
                    break
        except Wrong as error:
            return size, f"{os.fsdecode(expected.path)}: {error}"
        if size != expected.size:
            than = "more" if size > expected.size else "fewer"
            text = f"object {expected.name}{expected.letter}: {than} than the {expected.size} bytes of its catalog"
            return size, f"{os.fsdecode(expected.path)}: {text}"
        return size, None

    with ThreadPoolExecutor(workers, "parrot-verify") as pool:
        waiting = expectations.contents()
        # In portions, so that neither all tasks nor all answers are held at once.
        while portion := list(islice(waiting, 64 * workers)):
            yield from pool.map(check, portion)


def is_object(directory: str, file: str) -> tuple[ContentHash, str] | None:
    """The object that ``data/<directory>/<file>`` is by its name, None for what is no object."""
    letter = file[-1:] if file[-1:].isupper() else ""
    text = directory + (file[:-1] if letter else file)
    try:
        digest = bytes.fromhex(text[: 2 * DIGEST_BYTES])
        algorithm = {a.suffix: a for a in Algorithm}[text[2 * DIGEST_BYTES :]]
    except (ValueError, KeyError):
        return None
    return (ContentHash(algorithm, digest), letter) if len(digest) == DIGEST_BYTES else None

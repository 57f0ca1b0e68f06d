"""Where the chunks of assembled files are: a chunk that several files have, or one file twice, is fetched once.

The cache keeps whole files, and not their chunks.  So the directory ``chunks`` in its books notes for each chunk which
file has it, and where in it: one file of lines for the chunks whose names begin with the same two digits.  A line names
the file in ``txn/``, too, and is written as soon as the chunk is complete there: others copy it before its file is.

What a line says stays true for ever, since both names come from hashes; but the file may be gone.  Lines are a help
only: what cannot be read is fetched.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import NamedTuple

from parrot_py.drivers.cvmfs.cache.audit import is_chunk
from parrot_py.drivers.cvmfs.cache.local import BOOKS, Cache
from parrot_py.drivers.cvmfs.cache.pieces import Pieces
from parrot_py.drivers.cvmfs.cache.stored import Stored, plain_name
from parrot_py.drivers.cvmfs.hashes import ContentHash
from parrot_py.drivers.cvmfs.net.patience import LEAST_RATE, Patience
from parrot_py.drivers.cvmfs.trouble import log

FOLDER = f"{BOOKS}/chunks"
"""The directory of the lines, below the cache."""
_NAME = r"([0-9a-f]{2}/[0-9a-f]{38}[a-z0-9-]*)"
_LINE = re.compile(rf"{_NAME} {_NAME} ([0-9]{{1,18}}) ([0-9]{{1,18}}) ([0-9]{{1,18}}) ([^/\s]+)")
# Whenever a file of lines has grown by so many bytes, lines about files that are gone are removed.
_TIDY_EVERY = 1 << 16
_LOCK_PATIENCE = 1.0
_BLOCK = 1 << 18


class Place(NamedTuple):
    """Where a chunk is: in the object *name* of *length* bytes, or in *temporary* in ``txn/`` before that exists."""

    chunk: str
    name: str
    length: int
    offset: int
    size: int
    temporary: str

    def line(self) -> str:
        """As it is written down."""
        return " ".join(map(str, self)) + "\n"


class Whereabouts:
    """What is known about the chunks in *cache*.  Thread-safe; methods may wait, for the disk.

    *doubtful*: what is copied is hashed first, and what is not proven right that way is not used.
    """

    def __init__(self, cache: Cache, *, doubtful: bool = False) -> None:
        self._cache, self._doubtful = cache, doubtful

    def turn(self, chunk: str, size: int, patience: Patience) -> AbstractContextManager[None]:
        """Nobody else on this machine fetches *chunk* meanwhile.  Waiting costs no patience while others get on."""
        seen: list[object] = []

        def progress() -> object:
            seen.append(self._cache.activity())
            if len(seen) > 1 and seen.pop(0) != seen[0]:
                patience.gain(LEAST_RATE)  # locks look once a second
            return seen[0]

        return self._cache.turn(chunk, patience.left(), lambda: self._cache.find(chunk, size) is not None, progress)

    def copy(self, hash_: ContentHash, stored: Stored, size: int, region: Pieces) -> bool:
        """Write the chunk *hash_* of *size* bytes into *region*, from a file that has it; False when none has."""
        for place in self._places(plain_name(hash_, stored)):
            fd = self._open(place) if place.size == size else None
            if fd is None:
                continue
            try:
                if self._doubtful and not is_chunk(fd, place.offset, size, hash_, stored.compression):
                    continue
                if _copied(fd, place.offset, size, region):
                    return True
            except OSError as error:
                log.debug("chunk %s in %s: %s", place.chunk, place.name, error)
            finally:
                os.close(fd)
            region.restart()
        return False

    def note(self, place: Place) -> None:
        """Write down that a chunk is there, unless that is known.  A failure is a log line."""
        if any((known.name, known.temporary) == (place.name, place.temporary) for known in self._places(place.chunk)):
            return
        prefix = place.chunk[:2]
        try:
            self._cache.make_directory(f"{self._cache.root}/{FOLDER}")
            with self._cache.turn(f"{FOLDER}/{prefix}", _LOCK_PATIENCE, bool):
                self._append(prefix, place.line().encode())
        except OSError as error:
            log.debug("chunk %s in %s: not noted: %s", place.chunk, place.name, error)

    def _append(self, prefix: str, line: bytes) -> None:
        path = f"{self._cache.root}/{FOLDER}/{prefix}"
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
        try:
            os.write(fd, line)
            size = os.fstat(fd).st_size
        finally:
            os.close(fd)
        if size // _TIDY_EVERY > (size - len(line)) // _TIDY_EVERY:
            self._tidy(path, prefix)

    def _tidy(self, path: str, prefix: str) -> None:
        """Keep only the newest line about each place that still is one."""
        places = {(each.chunk, each.name, each.offset): each for each in self._places(prefix) if self._is_there(each)}
        fd, new = self._cache.temporary("chunks")
        with open(fd, "w", encoding="ascii") as file:
            os.fchmod(fd, 0o644)
            file.writelines(each.line() for each in places.values())
        os.rename(new, path)

    def _is_there(self, place: Place) -> bool:
        root = self._cache.root
        return os.path.exists(f"{root}/{place.name}") or os.path.exists(f"{root}/txn/{place.temporary}")

    def _places(self, begin: str) -> Iterator[Place]:
        """What is known about chunks whose names begin with *begin*, at least two digits."""
        try:
            with open(f"{self._cache.root}/{FOLDER}/{begin[:2]}", encoding="ascii", errors="replace") as file:
                lines = [line for line in file if line.startswith(begin)]
        except OSError:
            return
        for line in lines:
            match = _LINE.fullmatch(line.rstrip("\n"))
            if match and (len(begin) == 2 or match[1] == begin):
                yield Place(match[1], match[2], int(match[3]), int(match[4]), int(match[5]), match[6])

    def _open(self, place: Place) -> int | None:
        """A descriptor of the file that has the chunk."""
        for path in self._paths(place):
            try:
                return os.open(path, os.O_RDONLY | os.O_CLOEXEC)
            except OSError:
                continue
        return None

    def _paths(self, place: Place) -> Iterator[str]:
        """Where the file may be, in the order in which it moves on; committed meanwhile, it is at the last one."""
        found = self._cache.find(place.name, place.length)
        if found is None:
            yield from self._cache.places(f"txn/{place.temporary}")
            found = self._cache.find(place.name, place.length)
        if found is not None:
            yield found


def _copied(fd: int, offset: int, size: int, region: Pieces) -> bool:
    """Write a part of a file into *region*; whether it was all there."""
    end = offset + size
    while offset < end:
        block = os.pread(fd, min(_BLOCK, end - offset), offset)
        if not block:
            return False
        region.write(block)
        offset += len(block)
    region.flush()
    return True

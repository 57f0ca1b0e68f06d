"""Looking into files of the cache, and not into the same one twice."""

from __future__ import annotations

import os

from parrot_py.drivers.cvmfs.cache.pieces import PIECE
from parrot_py.drivers.cvmfs.hashes import ContentHash


class Remembered:
    """Files that were looked at, as long as they stay what they were."""

    def __init__(self) -> None:
        self._seen: dict[str, tuple[int, int, int]] = {}

    def add(self, path: str) -> None:
        """The file at *path* is good."""
        state = self._state(path)
        if state is not None:
            self._seen[path] = state

    def has(self, path: str) -> bool:
        """Whether the file at *path* is one that was found good."""
        return path in self._seen and self._seen[path] == self._state(path)

    @staticmethod
    def _state(path: str) -> tuple[int, int, int] | None:
        try:
            status = os.stat(path)
        except OSError:
            return None
        return status.st_ino, status.st_size, status.st_mtime_ns


def is_itself(path: str, hash_: ContentHash) -> bool:
    """Whether the file at *path* is the stored object, byte by byte."""
    hasher = hash_.algorithm.new()
    try:
        with open(path, "rb") as file:
            for block in iter(lambda: file.read(PIECE), b""):
                hasher.update(block)
    except OSError:
        return False
    return hasher.digest() == hash_.digest

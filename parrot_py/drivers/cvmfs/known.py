"""Answers of look-ups that were given already, in bounded memory."""

from __future__ import annotations

from typing import Generic, TypeVar

V = TypeVar("V")


class Known(Generic[V]):
    """A bounded map from path to answer, in two generations: what is used moves to the young one, the old is dropped.

    Reads and writes from several threads need no lock: each step is one dict operation, and the worst that a race
    can do is to forget an answer.  The default limit is some 16 MB of inodes.
    """

    def __init__(self, limit: int = 30_000, longest: int = 512) -> None:
        self._half, self._longest = limit // 2, longest
        self._young: dict[bytes, V] = {}
        self._old: dict[bytes, V] = {}

    def get(self, path: bytes) -> V | None:
        """The answer for *path*, None when it is not known."""
        answer = self._young.get(path)
        if answer is None:
            answer = self._old.get(path)
            if answer is not None:
                self.put(path, answer)
        return answer

    def put(self, path: bytes, answer: V) -> None:
        """Remember *answer*; absurdly long paths are not worth the memory."""
        if len(path) > self._longest:
            return
        if len(self._young) >= self._half:
            self._old, self._young = self._young, {}
        self._young[path] = answer

    def __len__(self) -> int:
        return len(self._young) + len(self._old)

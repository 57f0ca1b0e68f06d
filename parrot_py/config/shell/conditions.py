"""``test`` and ``[ … ]``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from parrot_py.config.shell.arithmetic import integer


class Files(Protocol):
    """The files that scripts may ask about and include.  No method raises anything but OSError."""

    def read(self, path: str) -> bytes:
        """The content of the file at *path*."""
        ...

    def kind(self, path: str) -> str:
        """``file``, ``directory``, ``other``, or ``""`` where there is nothing; links are followed."""
        ...

    def size(self, path: str) -> int:
        """The size of the file at *path* in bytes; 0 where there is nothing."""
        ...

    def may(self, path: str, mode: int) -> bool:
        """Whether *path* may be used as *mode* says (``os.R_OK`` …)."""
        ...

    def glob(self, pattern: str) -> list[str]:
        """The paths that match *pattern*, sorted."""
        ...


_NUMBERS: dict[str, Callable[[int, int], bool]] = {
    "-eq": lambda a, b: a == b,
    "-ne": lambda a, b: a != b,
    "-lt": lambda a, b: a < b,
    "-le": lambda a, b: a <= b,
    "-gt": lambda a, b: a > b,
    "-ge": lambda a, b: a >= b,
}
_TEXTS: dict[str, Callable[[str, str], bool]] = {
    "=": lambda a, b: a == b,
    "==": lambda a, b: a == b,
    "!=": lambda a, b: a != b,
    "<": lambda a, b: a < b,
    ">": lambda a, b: a > b,
}
_READ, _WRITE, _EXECUTE = 4, 2, 1
_UNARY: dict[str, Callable[[Files, str], bool]] = {
    "-n": lambda _, text: bool(text),
    "-z": lambda _, text: not text,
    "-e": lambda files, path: bool(files.kind(path)),
    "-a": lambda files, path: bool(files.kind(path)),
    "-f": lambda files, path: files.kind(path) == "file",
    "-d": lambda files, path: files.kind(path) == "directory",
    "-s": lambda files, path: files.size(path) > 0,
    "-r": lambda files, path: files.may(path, _READ),
    "-w": lambda files, path: files.may(path, _WRITE),
    "-x": lambda files, path: files.may(path, _EXECUTE),
    "-h": lambda files, path: bool(files.kind(path)),
    "-L": lambda files, path: bool(files.kind(path)),
}
_DEPTH = 20


def check(words: Sequence[str], files: Files) -> bool:
    """Whether the condition *words* (without the brackets) holds.  Raises ValueError for what is no condition."""
    return _few(list(words), files, 0)


def _few(words: list[str], files: Files, depth: int) -> bool:
    """The rules of POSIX for up to four words, which tell operators from operands by their number."""
    if depth > _DEPTH:
        raise ValueError("nested too deeply")
    if not words:
        return False
    if len(words) == 1:
        return bool(words[0])
    if len(words) == 3 and _is_binary(words[1]):
        return _binary(*words)
    if len(words) == 3 and words[1] in ("-a", "-o"):
        left, right = bool(words[0]), bool(words[2])
        return (left and right) if words[1] == "-a" else (left or right)
    if words[0] == "!" and len(words) <= 4:
        return not _few(words[1:], files, depth + 1)
    if len(words) == 2:
        return _unary(words[0], words[1], files)
    if len(words) <= 4 and words[0] == "(" and words[-1] == ")":
        return _few(words[1:-1], files, depth + 1)
    return _Long(words, files).value()


def _is_binary(word: str) -> bool:
    return word in _NUMBERS or word in _TEXTS


def _binary(left: str, operator: str, right: str) -> bool:
    if operator in _TEXTS:
        return _TEXTS[operator](left, right)
    return _NUMBERS[operator](integer(left), integer(right))


def _unary(operator: str, word: str, files: Files) -> bool:
    if operator not in _UNARY:
        raise ValueError(f"not a condition: {operator!r}")
    return _UNARY[operator](files, word)


class _Long:
    """More than four words: ``-o`` binds least, then ``-a``, then ``!``."""

    def __init__(self, words: list[str], files: Files) -> None:
        self._words, self._files = words, files
        self._depth = 0

    def value(self) -> bool:
        result = self._either()
        if self._words:
            raise ValueError(f"not a condition: {self._words[0]!r}")
        return result

    def _take(self) -> str:
        if not self._words:
            raise ValueError("the condition is not complete")
        return self._words.pop(0)

    def _either(self) -> bool:
        result = self._both()
        while self._words[:1] == ["-o"]:
            self._take()
            result = self._both() or result
        return result

    def _both(self) -> bool:
        result = self._one()
        while self._words[:1] == ["-a"]:
            self._take()
            result = self._one() and result
        return result

    def _one(self) -> bool:
        negated = False
        while self._words[:1] == ["!"]:
            self._take()
            negated = not negated
        return self._primary() != negated

    def _primary(self) -> bool:
        words = self._words
        if len(words) >= 3 and _is_binary(words[1]):
            left, operator, right = self._take(), self._take(), self._take()
            return _binary(left, operator, right)
        word = self._take()
        if word == "(":
            self._depth += 1
            if self._depth > _DEPTH:
                raise ValueError("nested too deeply")
            result = self._either()
            if self._take() != ")":
                raise ValueError("')' is missing")
            return result
        if word in _UNARY and words:
            return _unary(word, self._take(), self._files)
        return bool(word)

"""What becomes of a word: variables replaced, quotes taken away, fields split, patterns matched."""

from __future__ import annotations

import fnmatch
import os
import random
import re
from collections.abc import Callable, Mapping

from parrot_py.config.shell import arithmetic
from parrot_py.config.shell.conditions import Files
from parrot_py.config.shell.syntax import Arithmetic, Command, Part, Text, Variable, Word

# What a look into directories costs, in characters.
_GLOB = 10_000
_MAGIC = re.compile(r"([*?\[])")
# A piece of an expanded word: its text, whether it is quoted, whether it came from a variable.
_Piece = tuple[str, bool, bool]


class LeftOut(Exception):
    """Something that is not done; ``str()`` says what."""


class Expander:
    """Expands words with one state of the variables.  Raises LeftOut for what is not supported."""

    def __init__(
        self,
        variables: Mapping[str, str],
        status: int,
        files: Files,
        assign: Callable[[str, str], None],
        spend: Callable[[int], None],
    ) -> None:
        """*status* is ``$?``; *assign* does what ``${name:=word}`` asks for; *spend* is told about work, in characters
        that were looked at, and ends the script when it was too much.
        """
        self._variables, self._status, self._files, self._assign = variables, status, files, assign
        self._spend = spend

    def text(self, word: Word) -> str:
        """The word as one text."""
        return "".join(piece for piece, _, _ in self._pieces(word))

    def value(self, word: Word) -> str:
        """The word as the right side of an assignment."""
        return self.text(self._home(word))

    def fields(self, word: Word, *, paths: bool = False) -> list[str]:
        """The words of a command that *word* becomes; with *paths* unquoted patterns become names of files."""
        found: list[list[tuple[str, bool]]] = []
        open_ = False
        for text, quoted, expanded in self._pieces(self._home(word)):
            if quoted or not expanded:
                if not open_:
                    found.append([])
                found[-1].append((text, quoted))
                open_ = True
                continue
            for number, part in enumerate(re.split(r"[ \t\n]+", text)):
                if number:
                    open_ = False
                if part:
                    if not open_:
                        found.append([])
                    found[-1].append((part, False))
                    open_ = True
        return [name for field in found for name in self._names(field, paths)]

    def matches(self, word: Word, subject: str) -> bool:
        """Whether the pattern *word* (of ``case``) fits all of *subject*."""
        pattern = self._pattern(word)
        self._spend(len(subject) * (1 + pattern.count("*")))
        return fnmatch.fnmatchcase(subject, pattern)

    def _pattern(self, word: Word) -> str:
        pieces = self._pieces(word)
        return "".join(_MAGIC.sub(r"[\1]", text) if quoted else text for text, quoted, _ in pieces)

    def _names(self, field: list[tuple[str, bool]], paths: bool) -> list[str]:
        whole = "".join(text for text, _ in field)
        if not paths or not any(_MAGIC.search(text) for text, quoted in field if not quoted):
            return [whole]
        pattern = "".join(_MAGIC.sub(r"[\1]", text) if quoted else text for text, quoted in field)
        self._spend(_GLOB)
        return self._files.glob(pattern) or [whole]

    def _home(self, word: Word) -> Word:
        first = word[0] if word else None
        home = self._variables.get("HOME", "")
        if home and isinstance(first, Text) and not first.quoted and re.match(r"~(/|$)", first.text):
            return (Text(home + first.text[1:], False), *word[1:])
        return word

    def _pieces(self, word: Word) -> list[_Piece]:
        pieces: list[_Piece] = []
        for part in word:
            pieces += self._part(part)
        self._spend(sum(len(text) for text, _, _ in pieces))
        return pieces

    def _part(self, part: Part) -> list[_Piece]:
        if isinstance(part, Text):
            return [(part.text, part.quoted, False)]
        if isinstance(part, Command):
            raise LeftOut(f"the command {part.text[:60]!r} is not run")
        if isinstance(part, Arithmetic):
            try:
                return [(str(arithmetic.evaluate(self.text(part.word), self._variables)), part.quoted, True)]
            except ValueError as error:
                raise LeftOut(str(error)) from None
        return self._variable(part)

    def _special(self, name: str) -> str | None:
        if name == "?":
            return str(self._status)
        if name == "$":
            return str(os.getpid())
        if name == "#":
            return "0"
        if name == "RANDOM" and name not in self._variables:
            return str(random.randrange(32768))
        return self._variables.get(name)

    def _variable(self, part: Variable) -> list[_Piece]:
        value = self._special(part.name)
        operator = part.operator
        if operator == "length":
            return [(str(len(value or "")), part.quoted, True)]
        if operator[:1] in ("%", "#"):
            self._spend(len(value or "") ** 2)
            return [(_trimmed(value or "", operator, self._pattern(part.word)), part.quoted, True)]
        if operator:
            missing = value is None or (operator[0] == ":" and not value)
            return self._otherwise(part, operator[-1], value, missing=missing)
        return [(value or "", part.quoted, True)]

    def _otherwise(self, part: Variable, operator: str, value: str | None, *, missing: bool) -> list[_Piece]:
        """``${name:-word}`` and its like, by their last character."""
        if operator == "+":
            return [] if missing else self._inner(part)
        if not missing:
            return [(value or "", part.quoted, True)]
        if operator == "?":
            raise LeftOut(f"{part.name}: {self.text(part.word) or 'not set'}")
        if operator == "=":
            self._assign(part.name, self.value(part.word))
        return self._inner(part)

    def _inner(self, part: Variable) -> list[_Piece]:
        """The word of ``${name:-word}``: split like a variable where it is not quoted."""
        return [(text, quoted or part.quoted, True) for text, quoted, _ in self._pieces(self._home(part.word))]


def _trimmed(text: str, operator: str, pattern: str) -> str:
    """*text* without the shortest or longest (doubled operator) end or beginning that fits *pattern*."""
    fits = re.compile(fnmatch.translate(pattern)).match
    longest = len(operator) == 2
    if operator[0] == "%":
        starts = range(len(text) + 1) if longest else range(len(text), -1, -1)
        return next((text[:at] for at in starts if fits(text[at:])), text)
    ends = range(len(text), -1, -1) if longest else range(len(text) + 1)
    return next((text[at:] for at in ends if fits(text[:at])), text)

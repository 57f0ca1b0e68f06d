"""The pieces that a script of the shell language consists of."""

from __future__ import annotations

from typing import NamedTuple, Union

from parrot_py import codes
from parrot_py.errors import ConfigError


class ShellError(ConfigError):
    """A script that cannot be understood from ``line`` on."""

    def __init__(self, line: int, reason: str) -> None:
        super().__init__(reason, codes.CONFIG_SCRIPT)
        self.line, self.reason = line, reason


class Text(NamedTuple):
    """Characters that stand for themselves; quoted ones are neither split nor patterns."""

    text: str
    quoted: bool


class Variable(NamedTuple):
    """``$name``, ``${name}``, ``${name<operator>word}``; ``${#name}`` has the operator ``length``."""

    name: str
    quoted: bool
    operator: str = ""
    word: Word = ()


class Arithmetic(NamedTuple):
    """``$((…))``: the expression, in which variables are still to be replaced."""

    word: Word
    quoted: bool


class Command(NamedTuple):
    """``$(…)`` or backquotes: what is never run."""

    text: str
    quoted: bool


Part = Union[Text, Variable, Arithmetic, Command]
Word = tuple[Part, ...]


class Simple(NamedTuple):
    """Assignments (name, whether it appends, value) and the words of a command."""

    line: int
    assignments: tuple[tuple[str, bool, Word], ...]
    words: tuple[Word, ...]


class Pipeline(NamedTuple):
    """Commands joined by ``|``; with a single one this is only there for ``!``."""

    line: int
    commands: tuple[Node, ...]
    negated: bool


class AndOr(NamedTuple):
    """``a && b || c``: the first command, then operators and commands."""

    first: Node
    rest: tuple[tuple[str, Node], ...]


class If(NamedTuple):
    """Conditions with what to do, and the else branch."""

    branches: tuple[tuple[Block, Block], ...]
    otherwise: Block


class Case(NamedTuple):
    """A word and branches of patterns with what to do."""

    line: int
    subject: Word
    branches: tuple[tuple[tuple[Word, ...], Block], ...]


class For(NamedTuple):
    """``for name in words``."""

    line: int
    name: str
    words: tuple[Word, ...]
    body: Block


class While(NamedTuple):
    """``while`` and ``until`` (negated)."""

    line: int
    condition: Block
    body: Block
    negated: bool


class Group(NamedTuple):
    """``{ … }`` and ``( … )``, which keeps its changes to itself."""

    body: Block
    apart: bool


class Function(NamedTuple):
    """A definition of a function, which is left out."""

    line: int
    name: str


Node = Union[Simple, Pipeline, AndOr, If, Case, For, While, Group, Function]
Block = tuple[Node, ...]

"""From the text of a script to tokens: words, operators, line ends."""

from __future__ import annotations

import re
from typing import NamedTuple

from parrot_py.config.shell.syntax import Arithmetic, Command, Part, ShellError, Text, Variable, Word

NEWLINE, WORD, OPERATOR, END = "newline", "word", "operator", "end"

_OPERATORS = ("&&", "||", ";;", "<<-", "<<", ">>", "<&", ">&", "<>", ">|", "&>", ";", "&", "|", "(", ")", "<", ">")
_META = " \t\n;&|()<>"
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
_DESCRIPTOR = re.compile(r"\d+(?=[<>])", re.ASCII)
_SPECIAL = "?$#@*!-0123456789"
_EXPANSION = re.compile(r":[-=+?]|[-=+?]|%%?|##?")
_DEPTH = 15


class Token(NamedTuple):
    """One token: its kind, the line it begins in, an operator's text, a word's parts."""

    kind: str
    line: int
    text: str = ""
    word: Word = ()

    @property
    def plain(self) -> str:
        """The text of a word without any quotes or expansions; ``""`` for everything else."""
        if self.kind == WORD and len(self.word) == 1 and isinstance(self.word[0], Text) and not self.word[0].quoted:
            return self.word[0].text
        return ""


class Lexer:
    """Cuts *text* into tokens, one at each :meth:`next`.  Raises ShellError."""

    def __init__(self, text: str, line: int = 1, depth: int = 0) -> None:
        self._text, self._at, self._line, self._depth = text, 0, line, depth
        if depth > _DEPTH:
            raise ShellError(line, "nested too deeply")

    def next(self) -> Token:
        """The next token; END for ever at the end."""
        self._skip()
        line = self._line
        if self._at >= len(self._text):
            return Token(END, line)
        if self._text[self._at] == "\n":
            self._at += 1
            self._line += 1
            return Token(NEWLINE, line)
        descriptor = _DESCRIPTOR.match(self._text, self._at)
        if descriptor:
            self._at = descriptor.end()
        for operator in _OPERATORS:
            if self._text.startswith(operator, self._at):
                self._at += len(operator)
                if operator.startswith("<<"):
                    raise ShellError(line, "here-documents are not supported")
                return Token(OPERATOR, line, operator)
        return Token(WORD, line, word=self._word(_META))

    def _peek(self, ahead: int = 0) -> str:
        return self._text[self._at + ahead : self._at + ahead + 1]

    def _take(self) -> str:
        char = self._peek()
        self._at += 1
        if char == "\n":
            self._line += 1
        return char

    def _skip(self) -> None:
        """Blanks, continued lines, comments."""
        while True:
            char = self._peek()
            if char in (" ", "\t", "\r") and char:
                self._at += 1
            elif char == "\\" and self._peek(1) == "\n":
                self._take()
                self._take()
            elif char == "#":
                while self._peek() not in ("\n", ""):
                    self._at += 1
            else:
                return

    def _word(self, ends: str, quoted: bool = False) -> Word:
        """Parts up to one of *ends*, which is not taken; inside double quotes when *quoted*."""
        parts: list[Part] = []
        plain: list[str] = []

        def flush() -> None:
            if plain:
                parts.append(Text("".join(plain), quoted))
                plain.clear()

        while self._peek() and self._peek() not in ends:
            char = self._peek()
            if char == "\\":
                escaped = self._escape(quoted)
                flush()
                parts += [Text(escaped, True)] if escaped else []
            elif char == "$":
                found = self._dollar(quoted)
                if isinstance(found, str):
                    plain.append(found)
                else:
                    flush()
                    parts.append(found)
            elif char == "`":
                flush()
                parts.append(Command(self._backquotes(), quoted))
            elif char == '"' and not quoted:
                flush()
                parts += self._double()
            elif char == "'" and not quoted:
                flush()
                parts.append(Text(self._single(), True))
            else:
                plain.append(self._take())
        flush()
        return tuple(parts)

    def _escape(self, quoted: bool) -> str:
        r"""A backslash and what it makes literal; inside double quotes only ``$ ` " \`` and a line end."""
        self._take()
        char = self._take()
        if char == "\n":
            return ""
        return char if not quoted or char in '$`"\\' or not char else "\\" + char

    def _single(self) -> str:
        line = self._line
        end = self._text.find("'", self._at + 1)
        if end < 0:
            raise ShellError(line, "a single quote is not closed")
        text = self._text[self._at + 1 : end]
        self._at = end + 1
        self._line += text.count("\n")
        return text

    def _double(self) -> list[Part]:
        line = self._line
        self._take()
        parts = list(self._word('"', quoted=True))
        if self._take() != '"':
            raise ShellError(line, "a double quote is not closed")
        return parts or [Text("", True)]

    def _backquotes(self) -> str:
        line = self._line
        self._take()
        text = []
        while self._peek() not in ("`", ""):
            if self._peek() == "\\":
                self._take()
            text.append(self._take())
        if self._take() != "`":
            raise ShellError(line, "a backquote is not closed")
        return "".join(text)

    def _dollar(self, quoted: bool) -> Part | str:
        """What a ``$`` begins; the ``$`` itself when that is nothing."""
        self._take()
        if self._text.startswith("((", self._at):
            return Arithmetic(self._arithmetic(), quoted)
        if self._peek() == "(":
            return Command(self._enclosed(), quoted)
        if self._peek() == "{":
            return self._braces(quoted)
        match = _NAME.match(self._text, self._at)
        name = match[0] if match else self._peek() if self._peek() and self._peek() in _SPECIAL else ""
        self._at += len(name)
        return Variable(name, quoted) if name else "$"

    def _enclosed(self) -> str:
        """The text up to the parenthesis that closes the one here, quotes respected."""
        line, depth, start = self._line, 0, self._at
        while True:
            char = self._take()
            if char == "(":
                depth += 1
            elif char == ")":
                depth -= 1
                if not depth:
                    return self._text[start + 1 : self._at - 1]
            elif char == "\\":
                self._take()
            elif char and char in "'\"":
                while self._peek() not in (char, ""):
                    self._take()
                self._take()
            elif not char:
                raise ShellError(line, "'$(' is not closed")

    def _arithmetic(self) -> Word:
        line = self._line
        text = self._enclosed()
        if not text.endswith(")"):
            raise ShellError(line, "'$((' is not closed")
        return Lexer(text[1:-1], line, self._depth + 1)._word("", quoted=True)

    def _braces(self, quoted: bool) -> Variable:
        line = self._line
        self._take()
        length = self._peek() == "#" and self._peek(1) not in ("}", "")
        if length:
            self._take()
        match = _NAME.match(self._text, self._at)
        name = match[0] if match else self._peek() if self._peek() and self._peek() in _SPECIAL else ""
        self._at += len(name)
        if name and self._peek() == "}":
            self._take()
            return Variable(name, quoted, "length" if length else "")
        found = _EXPANSION.match(self._text, self._at)
        if not name or not found or length:
            raise ShellError(line, "this kind of ${…} is not supported")
        self._at += len(found[0])
        word = self._inner(line, quoted)
        return Variable(name, quoted, found[0], word)

    def _inner(self, line: int, quoted: bool) -> Word:
        """The word inside ``${name:-word}``."""
        self._depth += 1
        if self._depth > _DEPTH:
            raise ShellError(line, "nested too deeply")
        parts: list[Part] = []
        while self._peek() not in ("}", ""):
            # Inside double quotes the word is quoted, too, and may contain quotes of its own.
            parts += self._double() if self._peek() == '"' else self._word('}"' if quoted else "}", quoted)
        self._depth -= 1
        if self._take() != "}":
            raise ShellError(line, "'${' is not closed")
        return tuple(parts)

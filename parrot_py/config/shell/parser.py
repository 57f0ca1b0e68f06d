"""From tokens to the commands of a script."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple

from parrot_py.config.shell.lexer import END, NEWLINE, OPERATOR, WORD, Lexer, Token
from parrot_py.config.shell.syntax import (
    AndOr,
    Block,
    Case,
    For,
    Function,
    Group,
    If,
    Node,
    Pipeline,
    ShellError,
    Simple,
    Text,
    While,
    Word,
)

_ASSIGNMENT = re.compile(r"([A-Za-z_][A-Za-z0-9_]*)(\+?)=", re.ASCII)
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
_CLOSING = ("then", "elif", "else", "fi", "do", "done", "esac", "}")
_REDIRECTIONS = ("<", ">", ">>", "<&", ">&", "<>", ">|", "&>")
_DEPTH = 25


class Script(NamedTuple):
    """The commands of a script up to the first one that cannot be understood, and what is wrong with that."""

    commands: Block
    error: ShellError | None = None


def parse(text: str, line: int = 1) -> Script:
    """The commands of *text*, whose first line has the number *line*."""
    commands: list[Node] = []
    try:
        parser = _Parser(Lexer(text, line))
        while parser.skip_ends().kind != END:
            commands.append(parser.and_or())
            parser.end_of_command()
    except ShellError as error:
        return Script(tuple(commands), error)
    return Script(tuple(commands))


def assignment(word: Word) -> tuple[str, bool, Word] | None:
    """Name, whether it appends, and value when *word* is ``name=value``; else None."""
    if not word or not isinstance(word[0], Text) or word[0].quoted:
        return None
    match = _ASSIGNMENT.match(word[0].text)
    if not match:
        return None
    rest = word[0].text[match.end() :]
    return match[1], bool(match[2]), ((Text(rest, False),) if rest else ()) + word[1:]


class _Parser:
    def __init__(self, lexer: Lexer) -> None:
        self._lexer = lexer
        self._depth = 0
        self._token = lexer.next()

    def _next(self) -> Token:
        token, self._token = self._token, self._lexer.next()
        return token

    def _is(self, *texts: str) -> bool:
        """Whether the token is one of these operators or reserved words."""
        token = self._token
        return (token.text if token.kind == OPERATOR else token.plain) in texts

    def _expect(self, text: str) -> None:
        if not self._is(text):
            raise ShellError(self._token.line, f"{text!r} is missing")
        self._next()

    def skip_ends(self) -> Token:
        """Skip line ends and semicolons; the token behind them."""
        while self._token.kind == NEWLINE or self._is(";"):
            self._next()
        return self._token

    def end_of_command(self) -> None:
        """What must stand behind a command."""
        if self._is(";", "&"):
            self._next()
        elif self._token.kind not in (NEWLINE, END):
            shown = self._token.text or self._token.plain or "a word"
            raise ShellError(self._token.line, f"not understood: {shown!r}")

    def _newlines(self) -> None:
        while self._token.kind == NEWLINE:
            self._next()

    def _block(self, *ends: str) -> Block:
        """Commands up to one of the words *ends*, which is not taken."""
        commands: list[Node] = []
        while not (self.skip_ends().kind == END or self._is(*ends)):
            commands.append(self.and_or())
            if not self._is(*ends):
                self.end_of_command()
        if self._token.kind == END:
            raise ShellError(self._token.line, f"{' or '.join(ends)} is missing")
        return tuple(commands)

    def and_or(self) -> Node:
        """``a && b || c``."""
        first = self._pipeline()
        rest: list[tuple[str, Node]] = []
        while self._is("&&", "||"):
            operator = self._next().text
            self._newlines()
            rest.append((operator, self._pipeline()))
        return AndOr(first, tuple(rest)) if rest else first

    def _pipeline(self) -> Node:
        line, negated = self._token.line, False
        while self._is("!"):
            self._next()
            negated = not negated
        commands = [self._command()]
        while self._is("|"):
            self._next()
            self._newlines()
            commands.append(self._command())
        return Pipeline(line, tuple(commands), negated) if negated or len(commands) > 1 else commands[0]

    def _command(self) -> Node:
        kinds: dict[str, Callable[[], Node]] = {
            "if": self._if,
            "case": self._case,
            "for": self._for,
            "while": self._while,
            "until": self._while,
        }
        word = self._token.plain
        self._depth += 1
        if self._depth > _DEPTH:
            raise ShellError(self._token.line, "nested too deeply")
        if word in kinds:
            node = kinds[word]()
        elif self._is("{", "("):
            node = self._group()
        elif word in _CLOSING:
            raise ShellError(self._token.line, f"not expected: {word!r}")
        else:
            node = self._simple()
        self._redirections()
        self._depth -= 1
        return node

    def _if(self) -> If:
        branches = []
        otherwise: Block = ()
        while self._is("if", "elif"):
            self._next()
            condition = self._block("then")
            self._next()
            branches.append((condition, self._block("elif", "else", "fi")))
        if self._is("else"):
            self._next()
            otherwise = self._block("fi")
        self._expect("fi")
        return If(tuple(branches), otherwise)

    def _case(self) -> Case:
        line = self._next().line
        subject = self._word()
        self._newlines()
        self._expect("in")
        branches: list[tuple[tuple[Word, ...], Block]] = []
        while not (self.skip_ends().kind == END or self._is("esac")):
            branches.append((self._patterns(), self._block(";;", "esac")))
            if self._is(";;"):
                self._next()
        self._expect("esac")
        return Case(line, subject, tuple(branches))

    def _patterns(self) -> tuple[Word, ...]:
        if self._is("("):
            self._next()
        patterns = [self._word()]
        while self._is("|"):
            self._next()
            patterns.append(self._word())
        self._expect(")")
        return tuple(patterns)

    def _for(self) -> For:
        line = self._next().line
        name = self._next()
        if not _NAME.fullmatch(name.plain):
            raise ShellError(line, "the name behind 'for' is missing")
        self._newlines()
        words = []
        if self._is("in"):
            self._next()
            while self._token.kind == WORD:
                words.append(self._next().word)
        return For(line, name.plain, tuple(words), self._loop())

    def _while(self) -> While:
        token = self._next()
        return While(token.line, self._block("do"), self._loop(), token.plain == "until")

    def _loop(self) -> Block:
        self.skip_ends()
        self._expect("do")
        body = self._block("done")
        self._next()
        return body

    def _group(self) -> Group:
        apart = self._is("(")
        self._next()
        body = self._block(")" if apart else "}")
        self._next()
        return Group(body, apart)

    def _word(self) -> Word:
        if self._token.kind != WORD:
            raise ShellError(self._token.line, "a word is missing")
        return self._next().word

    def _redirections(self) -> bool:
        """Skip one or more of ``> file``: nothing is written anywhere."""
        found = False
        while self._is(*_REDIRECTIONS) and self._token.kind == OPERATOR:
            self._next()
            self._word()
            found = True
        return found

    def _simple(self) -> Node:
        line = self._token.line
        assignments: list[tuple[str, bool, Word]] = []
        words: list[Word] = []
        while True:
            if self._redirections():
                continue
            if self._token.kind != WORD:
                break
            found = assignment(self._token.word) if not words else None
            plain, word = self._token.plain, self._next().word
            if found:
                assignments.append(found)
            elif self._is("(") and not words and plain:
                return self._function(line, plain)
            else:
                words.append(word)
        if not assignments and not words:
            raise ShellError(line, f"not understood: {self._token.text!r}")
        return Simple(line, tuple(assignments), tuple(words))

    def _function(self, line: int, name: str) -> Function:
        self._next()
        self._expect(")")
        self._newlines()
        self._command()
        return Function(line, name)

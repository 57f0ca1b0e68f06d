"""The commands of the shell language that are carried out: all others are left out."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from typing import TYPE_CHECKING

from parrot_py.config.shell import conditions, parser
from parrot_py.config.shell.expansion import LeftOut
from parrot_py.config.shell.parser import parse
from parrot_py.config.shell.syntax import Simple

if TYPE_CHECKING:
    from parrot_py.config.shell.interpreter import Shell

_INCLUDES = 10


class Leave(Exception):
    """``return``, ``exit``, ``break`` and ``continue`` on their way out."""

    def __init__(self, what: str) -> None:
        super().__init__(what)
        self.what = what


def run(shell: Shell, name: str, words: list[str]) -> int:
    """The exit status of the command *name* with the arguments *words*.  Raises LeftOut for what is not carried out."""
    if name in ("[", "[[", "test"):
        return _test(shell, name, words)
    if name in _BUILTINS:
        return _BUILTINS[name](shell, words)
    if name in _QUIET:
        return 0
    raise LeftOut(f"the command {name!r} is not run")


def _test(shell: Shell, name: str, words: list[str]) -> int:
    close = {"[": "]", "[[": "]]"}.get(name)
    if close and (not words or words.pop() != close):
        raise LeftOut(f"{close!r} is missing")
    return int(not conditions.check(words, shell.files))


def declare(shell: Shell, name: str, node: Simple) -> int:
    """``export``, ``readonly`` and their like: the words of *node* behind the first are names and assignments."""
    expander = shell.expander()
    for word in node.words[1:]:
        found = parser.assignment(word)
        if found:
            before = shell.variables.get(found[0], "") if found[1] else ""
            shell.set(found[0], before + expander.value(found[2]), node.line)
        if name == "readonly":
            shell.readonly.add(found[0] if found else expander.text(word))
    return 0


def _source(shell: Shell, words: list[str]) -> int:
    if not words:
        raise LeftOut("the name of a file is missing")
    path = os.path.normpath(os.path.join(os.path.dirname(shell.path), words[0]))
    if shell.depth > _INCLUDES:
        raise LeftOut(f"files include each other more than {_INCLUDES} deep")
    try:
        shell.include(path)
    except OSError as error:
        if error.errno == errno.EIO:
            raise  # it may be there, and nobody knows what it says
        raise LeftOut(f"cannot read {path!r}: {error.strerror}") from None
    return shell.status


def _eval(shell: Shell, words: list[str]) -> int:
    if shell.depth > _INCLUDES:
        raise LeftOut(f"more than {_INCLUDES} deep")
    text = " ".join(words)
    shell.spend(10 * len(text))
    script = parse(text, shell.line)
    if script.error is not None:
        raise LeftOut(script.error.reason)
    shell.depth += 1
    try:
        shell.status = 0
        shell.block(script.commands)
    finally:
        shell.depth -= 1
    return shell.status


def _unset(shell: Shell, words: list[str]) -> int:
    for name in words:
        if name in shell.readonly:
            raise LeftOut(f"{name} is read-only")
        shell.variables.pop(name, None)
    return 0


def _leave(shell: Shell, what: str, words: list[str]) -> int:
    shell.status = int(words[0]) % 256 if words and words[0].isascii() and words[0].isdigit() else shell.status
    raise Leave(what)


_QUIET = ("echo", "printf", "set", "umask", "ulimit", "shift", "shopt", "hash")
_BUILTINS: dict[str, Callable[[Shell, list[str]], int]] = {
    ":": lambda *_: 0,
    "true": lambda *_: 0,
    "false": lambda *_: 1,
    ".": _source,
    "source": _source,
    "eval": _eval,
    "unset": _unset,
    "return": lambda shell, words: _leave(shell, "return", words),
    "exit": lambda shell, words: _leave(shell, "exit", words),
    "break": lambda shell, words: _leave(shell, "break", words),
    "continue": lambda shell, words: _leave(shell, "continue", words),
}

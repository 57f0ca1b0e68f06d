"""Runs configuration files that are written in the language of the shell.  No command is ever run.

Understood are assignments, quotes, ``${X:-d}`` and its like, ``$((…))``, ``if``, ``case``, ``for``, ``while``, ``&&``,
``||``, ``!``, ``[ … ]``, ``. file``, ``export``, ``readonly``, ``unset``, ``eval``.  Anything else, above all ``$(…)``
and commands like ``grep``, is left out with a warning that names file and line; in a condition it is false.  Work is
bounded, so the most twisted file ends soon.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from parrot_py.config.shell import commands
from parrot_py.config.shell.commands import Leave
from parrot_py.config.shell.conditions import Files
from parrot_py.config.shell.expansion import Expander, LeftOut
from parrot_py.config.shell.parser import Script, parse
from parrot_py.config.shell.syntax import AndOr, Block, Case, For, Function, Group, If, Node, Pipeline, Simple, While

_SIZE = 1 << 20
_STEPS = 20_000
_WARNINGS, _REASON = 100, 500
_WORK = 20_000_000
_NESTING = 60
_VALUE = 64 << 10


class Value(NamedTuple):
    """What a variable is after a script, and where that was said."""

    text: str
    path: str
    line: int


class _Stop(Exception):
    """The script goes on no further."""


class Shell:
    """Runs one script after the other; *warn* gets one line for each thing that was left out.

    Parsed scripts are kept by their path in *scripts*: one mapping may serve any number of shells.
    """

    def __init__(self, files: Files, warn: Callable[[str], None], scripts: dict[str, Script] | None = None) -> None:
        self.files, self._warn = files, warn
        self._scripts: dict[str, Script] = {} if scripts is None else scripts
        self.variables: dict[str, str] = {}
        self._origins: dict[str, tuple[str, int]] = {}
        self._told: set[str] = set()
        self.readonly: set[str] = set()
        self.path = ""
        self.depth = self._steps = self._work = self.status = self.line = self._nesting = 0

    def run(self, path: str, environ: Mapping[str, str]) -> dict[str, Value]:
        """Every variable that the script at *path* sets when it begins with *environ*.

        A script that cannot be understood counts up to where that is.  Raises OSError if it cannot be read.
        """
        self.variables, self._origins, self.readonly = dict(environ), {}, set()
        self._told = set()
        self.depth = self._steps = self._work = self.status = self._nesting = 0
        try:
            self.include(path)
        except (_Stop, Leave):
            self.path = ""
        set_ = {name: self._origins[name] for name in self.variables if name in self._origins}
        return {name: Value(self.variables[name], *origin) for name, origin in set_.items()}

    # -- scripts

    def include(self, path: str) -> None:
        """Run the script at *path* within this one.  Raises OSError if it cannot be read."""
        script = self._script(path)
        outer, self.path = self.path, path
        self.depth += 1
        try:
            self.block(script.commands)
        except Leave as leave:
            if leave.what != "return":
                raise
        finally:
            self.depth -= 1
            self.path = outer
        if script.error is not None:
            self._warn(f"{path}:{script.error.line}: {script.error.reason[:_REASON]}; the rest of the file is left out")

    def _script(self, path: str) -> Script:
        found = self._scripts.get(path)
        if found is None:
            data = self.files.read(path)
            if len(data) > _SIZE:
                data = b""
                self._warn(f"{path}: larger than a megabyte, left out")
            found = self._scripts[path] = parse(data.decode("utf-8", "surrogateescape"))
        return found

    # -- commands

    def _left_out(self, line: int, reason: str) -> None:
        told = f"{self.path}:{line}: left out: {reason[:_REASON]}"
        if told not in self._told and len(self._told) < _WARNINGS:
            self._told.add(told)
            self._warn(told)

    def block(self, block: Block) -> None:
        """Run the commands of *block*; the exit status of the last one is in ``status``."""
        for node in block:
            self._node(node)

    def _node(self, node: Node) -> None:
        """Run *node*; its exit status is in ``_status``."""
        self._steps += 1
        self._nesting += 1
        if self._steps > _STEPS or self._nesting > _NESTING:
            done = f"after {_STEPS} commands" if self._steps > _STEPS else f"{_NESTING} commands inside each other"
            self._warn(f"{self.path}: still not at its end {done}: stopped")
            raise _Stop
        try:
            _RUN[type(node)](self, node)
        finally:
            self._nesting -= 1

    def _holds(self, block: Block) -> bool:
        self.block(block)
        return self.status == 0

    def _if(self, node: If) -> None:
        for condition, body in node.branches:
            if self._holds(condition):
                self.status = 0
                self.block(body)
                return
        self.status = 0
        self.block(node.otherwise)

    def _and_or(self, node: AndOr) -> None:
        self._node(node.first)
        for operator, command in node.rest:
            if (self.status == 0) == (operator == "&&"):
                self._node(command)

    def _pipeline(self, node: Pipeline) -> None:
        if len(node.commands) > 1:
            self._left_out(node.line, "commands are not run")
            self.status = 1
        else:
            self._node(node.commands[0])
        if node.negated:
            self.status = int(not self.status)

    def _group(self, node: Group) -> None:
        if not node.apart:
            self.block(node.body)
            return
        before = dict(self.variables), dict(self._origins), set(self.readonly)
        try:
            self.block(node.body)
        except Leave as leave:
            if leave.what != "exit":
                raise
        self.variables, self._origins, self.readonly = before

    def _function(self, node: Function) -> None:
        self._left_out(node.line, f"the function {node.name!r}")
        self.status = 0

    def _case(self, node: Case) -> None:
        expander = self.expander()
        self.status = 0
        try:
            subject = expander.text(node.subject)
            for patterns, body in node.branches:
                if any(expander.matches(pattern, subject) for pattern in patterns):
                    self.block(body)
                    return
        except LeftOut as reason:
            self._left_out(node.line, str(reason))

    def _for(self, node: For) -> None:
        try:
            fields = [each for word in node.words for each in self.expander().fields(word, paths=True)]
        except LeftOut as reason:
            self._left_out(node.line, str(reason))
            fields = []
        self.status = 0
        for field in fields:
            self.set(node.name, field, node.line)
            if not self._once(node.body):
                break

    def _while(self, node: While) -> None:
        status = 0
        while self._holds(node.condition) != node.negated:
            if not self._once(node.body):
                break
            status = self.status
        self.status = status

    def _once(self, body: Block) -> bool:
        """One round of a loop; False when it was the last one."""
        self._steps += 1
        try:
            self.block(body)
        except Leave as leave:
            if leave.what not in ("break", "continue"):
                raise
            return leave.what == "continue"
        return True

    # -- simple commands

    def _simple(self, node: Simple) -> None:
        self.line = node.line
        try:
            if node.words:
                self.status = self._command(node)
            else:
                # All or nothing, like a line with a command that was not run.
                expander = self.expander()
                for name, appends, word in node.assignments:
                    before = self.variables.get(name, "") if appends else ""
                    self.set(name, before + expander.value(word), node.line)
                self.status = 0
        except (LeftOut, ValueError) as reason:
            self._left_out(node.line, str(reason))
            self.status = 1

    def _command(self, node: Simple) -> int:
        """The exit status of a command with words."""
        expander = self.expander()
        first = expander.fields(node.words[0])
        rest = node.words[1:]
        name = first[0] if first else ""
        if name in ("export", "readonly", "local", "declare", "typeset"):
            return commands.declare(self, name, node)
        words = first[1:] + [each for word in rest for each in expander.fields(word)]
        return commands.run(self, name, words) if name or words else 0

    def set(self, name: str, value: str, line: int) -> None:
        """Assign *value* to the variable *name*.  Raises LeftOut for one that is read-only, or too long."""
        if name in self.readonly:
            raise LeftOut(f"{name} is read-only")
        if len(value) > _VALUE:
            raise LeftOut(f"{name} would be longer than {_VALUE} characters")
        self.variables[name] = value
        self._origins[name] = (self.path, line)

    def expander(self) -> Expander:
        """What expands words with the variables as they are now."""
        return Expander(self.variables, self.status, self.files, self._assign_default, self.spend)

    def spend(self, work: int) -> None:
        """Count *work*, in characters that were looked at; ends the script when it was too much."""
        self._work += work
        if self._work > _WORK:
            self._warn(f"{self.path}: too much work: stopped")
            raise _Stop

    def _assign_default(self, name: str, value: str) -> None:
        """``${name:=value}``."""
        self.set(name, value, self.line)


_RUN: dict[type, Callable[[Shell, Any], None]] = {
    Simple: Shell._simple,
    Pipeline: Shell._pipeline,
    AndOr: Shell._and_or,
    If: Shell._if,
    Case: Shell._case,
    For: Shell._for,
    While: Shell._while,
    Group: Shell._group,
    Function: Shell._function,
}

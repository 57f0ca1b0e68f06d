"""What the subcommands show: tables and progress for people, JSON for machines.

On a terminal ``rich`` does the work (colours unless NO_COLOR is set, tables that fit the window).  Into a pipe goes
plain text, whole lines without padding; with ``--json`` nothing but JSON.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Protocol

from parrot_py.codes import Code, tagged
from parrot_py.telling import size as size
from parrot_py.tools.status import printable

_COMPLAINTS = 20


class Meter(Protocol):
    """Counts what is done."""

    def expect(self, items: int, amount: int) -> None:
        """So much more is to be done: *items* of *amount* bytes in all."""

    def done(self, items: int, amount: int) -> None:
        """So much is done now."""


class _Silent:
    def expect(self, items: int, amount: int) -> None:
        pass

    def done(self, items: int, amount: int) -> None:
        pass


class Output:
    """Standard output, and the progress on standard error.  Use it from one thread; meters may be used by any."""

    def __init__(self, *, as_json: bool = False, quiet: bool = False) -> None:
        self.json, self._quiet = as_json, quiet
        self._rich: Any = None
        self._complaints = 0

    def document(self, value: Any) -> None:
        """The whole answer, in JSON."""
        self.text(json.dumps(value, indent=2 if sys.stdout.isatty() else None) + "\n")

    def record(self, value: Any) -> None:
        """One line of an answer in JSON lines."""
        self.text(json.dumps(value) + "\n")

    def text(self, text: str) -> None:
        """*text* as it is; undecodable bytes of names go out as they came in."""
        self.raw(text.encode("utf-8", "surrogateescape"))

    def raw(self, data: bytes) -> None:
        """*data* as it is."""
        sys.stdout.flush()
        sys.stdout.buffer.write(data)

    def names(self, names: Sequence[bytes]) -> None:
        """A line each; escaped on a terminal, the very bytes otherwise."""
        for name in names:
            self.raw((shown(name).encode() if sys.stdout.isatty() else name) + b"\n")

    def fields(self, title: str, fields: Sequence[tuple[str, str]]) -> None:
        """Names and values under a *title*."""
        if not sys.stdout.isatty():
            self.text("".join(f"{name}: {value}\n" for name, value in fields if value))
            return
        from rich.table import Table
        from rich.text import Text

        table = Table(show_header=False, box=None, pad_edge=False, title=Text(printable(title), "bold"))
        table.title_justify = "left"
        for name, value in fields:
            if value:
                table.add_row(Text(name, "dim"), Text(printable(value), overflow="fold"))
        self._console().print(table)

    def table(self, columns: Sequence[str], rows: Sequence[Sequence[str]], *, right: Sequence[str] = ()) -> None:
        """A table; the columns in *right* are adjusted to the right.  In a pipe: tabs between the values."""
        if not sys.stdout.isatty():
            self.text("".join("\t".join(row) + "\n" for row in [columns, *rows]))
            return
        from rich import box
        from rich.table import Table
        from rich.text import Text

        table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
        for column in columns:
            table.add_column(column, justify="right" if column in right else "left", overflow="fold")
        for row in rows:
            table.add_row(*(Text(printable(value)) for value in row))
        self._console().print(table)

    def coloured(self, text: str, colour: str) -> None:
        """A line on a terminal."""
        self._console().print(text, style=colour, soft_wrap=True)

    def _console(self) -> Any:
        if self._rich is None:
            from rich.console import Console

            self._rich = Console(highlight=False, markup=False, emoji=False)
        return self._rich

    @contextmanager
    def meter(self, what: str) -> Iterator[Meter]:
        """A progress bar on standard error, if that is a terminal and nobody asked for quiet."""
        if self._quiet or not sys.stderr.isatty():
            yield _Silent()
            return
        from parrot_py.tools.meter import Bar

        with Bar(what) as bar:
            yield bar

    def complain(self, text: str, code: Code) -> None:
        """A line about trouble with one of many things, on standard error; only the first ones are told."""
        self._complaints += 1
        if self._complaints <= _COMPLAINTS:
            sys.stderr.write(f"parrot_cvmfs: {tagged(printable(text), code)}\n")
        elif self._complaints == _COMPLAINTS + 1:
            sys.stderr.write("parrot_cvmfs: more of the same is not shown (--json tells all)\n")

    def note(self, text: str) -> None:
        """A line on standard error, unless nobody wants to know."""
        if not self._quiet:
            sys.stderr.write(printable(text) + "\n")


def shown(name: bytes) -> str:
    """A name for a terminal."""
    return printable(os.fsdecode(name))


def span(seconds: float) -> str:
    """A length of time for people: ``3 d 4 h``, ``2 min 5 s``, ``12 ms``."""
    if seconds < 0:
        return f"-{span(-seconds)}"
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    days, rest = divmod(int(seconds), 86400)
    hours, rest = divmod(rest, 3600)
    parts = [(days, "d"), (hours, "h"), (rest // 60, "min"), (rest % 60, "s")]
    first = next((at for at, (number, _) in enumerate(parts) if number), 3)
    return " ".join(f"{number} {unit}" for number, unit in parts[first : first + 2] if number)

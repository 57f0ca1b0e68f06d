"""How a command ended and what it said."""

from __future__ import annotations

import difflib
from itertools import islice
from typing import NamedTuple

_TAIL = 4000


class Outcome(NamedTuple):
    """*status* is that of ``subprocess`` (negative: a signal), None when the command had to be ended by us.

    *log* is parrot_run's log.
    """

    status: int | None
    stdout: bytes
    stderr: bytes
    log: bytes

    def __str__(self) -> str:
        return "\n".join(
            [f"status {self.status}"]
            + [
                f"--- {name} ({len(data)} bytes) ---\n{data[-_TAIL:].decode('utf-8', 'backslashreplace')}"
                for name, data in (("stdout", self.stdout), ("stderr", self.stderr), ("log", self.log))
                if data
            ]
        )

    def text(self) -> str:
        """stdout as text."""
        return self.stdout.decode("utf-8", "surrogateescape")

    def expect(self, status: int = 0, stdout: bytes | None = None) -> Outcome:
        """Itself, if it ended with *status*, said *stdout* (None: anything) and nothing on stderr."""
        fits = self.status == status and (stdout is None or self.stdout == stdout) and not self.stderr
        if not fits:
            wanted = "" if stdout is None else f" and stdout {stdout!r}"
            raise AssertionError(f"expected status {status}{wanted} and a silent stderr, got\n{self}")
        return self


def _lines(data: bytes) -> list[str]:
    return data.decode("utf-8", "backslashreplace").splitlines()


def difference(native: Outcome, parrot: Outcome) -> str:
    """What a reader needs to see when two twins differ; empty when they are equal."""
    if (native.status, native.stdout, native.stderr) == (parrot.status, parrot.stdout, parrot.stderr):
        return ""
    parts = []
    if native.status != parrot.status:
        parts.append(f"native status {native.status}, under parrot_run {parrot.status}")
    for name in ("stdout", "stderr"):
        before, after = (_lines(getattr(each, name)) for each in (native, parrot))
        parts += islice(difflib.unified_diff(before, after, f"native {name}", f"parrot_run {name}", "", "", 2, ""), 200)
    if parrot.log:
        parts.append(f"--- log ---\n{parrot.log[-_TAIL:].decode('utf-8', 'backslashreplace')}")
    return "\n".join(parts)

"""The page ``docs/syscalls.md``, made from the table: ``python -m parrot_py.syscalls.docs >docs/syscalls.md``."""

from __future__ import annotations

import sys

from parrot_py.engine.kinds import Kind
from parrot_py.syscalls.passed import FULL, GROUPS, Group
from parrot_py.syscalls.table import ROWS, Row

_HEAD = """\
# The system calls

Every call of x86_64 and of i386 (in 32-bit programs, and by `int 0x80` in any): first those that are stopped, then
those that the kernel runs untouched, with the reason.

## Stopped

This page is made from `parrot_py/syscalls/table.py` by `python -m parrot_py.syscalls.docs >docs/syscalls.md`;
`tests/unit/test_docs.py` compares the two.
Of the calls listed, those that turn out not to concern /cvmfs are sent on by the engine without entering Python.

* **x86_64**, **i386**: its number in programs of 64 and of 32 bits; – where they have no such call.
* **class**: what the call takes, and so how the engine tells whether it can concern us. "two paths" and "path" are
  names, "one argument" is looked at by the filter itself, "descriptor" is an open file that may be ours, "listing"
  the same and also a listing of `/`, "working directory" tells it, "program" starts one, "socket address" may hold a
  path, "none" is refused without a stop.
* **support**: *full* (as on a read-only mount; a call that would change a repository fails as it does there),
  *partial* or *refused* (for names of ours, as the note says). What else differs is in [limits.md](limits.md).

| name | x86_64 | i386 | class | support | note |
|---|---|---|---|---|---|
"""

_NATIVE = """
## Native

Never stopped. A number that is in neither table is that of a call newer than this list, and native, too.

| calls of x86_64 | calls of i386 | support | why |
|---|---|---|---|
"""

_CLASSES = {
    Kind.PATH: "path",
    Kind.FD: "descriptor",
    Kind.DIRENTS: "listing",
    Kind.CWD: "working directory",
    Kind.EXEC: "program",
    Kind.SOCKADDR: "socket address",
    Kind.PRCTL: "some of its operations",
    Kind.SECCOMP: "filters of the job's own",
    Kind.PTRACE: "another thread",
    Kind.UNTRACED: "one argument",
    Kind.SENDTO: "socket address",
    Kind.SENDMSG: "socket address",
    Kind.SOCKETCALL: "socket address",
    Kind.CLONE3: "one argument",
    Kind.REFUSE: "none",
}


def page() -> str:
    """The whole page."""
    return _HEAD + "".join(_line(row) for row in ROWS) + _NATIVE + "".join(_native(group) for group in GROUPS)


def _native(group: Group) -> str:
    names = [", ".join(f"{name} {number}" for number, name in sorted(calls.items())) for calls in group.calls]
    return f"| {names[0]} | {names[1] or '–'} | {_level(group.support)} | {group.reason} |\n"


def _level(support: str) -> str:
    return support if support == FULL else f"**{support}**"


def _line(row: Row) -> str:
    kind = "two paths" if len(row.path) > 1 else _CLASSES[row.kind]
    numbers = " | ".join("–" if number is None else str(number) for number in row.numbers)
    return f"| {row.name} | {numbers} | {kind} | {_level(row.support)} | {row.note} |\n"


if __name__ == "__main__":
    sys.stdout.write(page())

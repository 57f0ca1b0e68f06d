"""The line of ``-d syscall``: what the job asked and what it was told, in the notation of strace.

Names and types of arguments come from python-ptrace (GPL-2.0-only), which is imported here and in tests only.  Without
it a line has the paths alone.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Sequence

from parrot_py.engine.core import Stop
from parrot_py.syscalls.call import PASS, Answer, Redirect, Rewrite
from parrot_py.syscalls.table import Row


def describe(stop: Stop, row: Row, answer: Answer) -> str:
    """``name(argument, …) = result`` for a stop that was answered."""
    return f"{row.name}({', '.join(_arguments(stop, row))}) = {_result(answer)}"


def _arguments(stop: Stop, row: Row) -> list[str]:
    prototype = _prototype(row.name)
    paths = dict(zip(row.path, stop.path))
    texts = []
    for position, (kind, label) in enumerate(prototype):
        text = paths.get(position)
        if text is not None:
            texts.append(f'{label}="{os.fsdecode(text)}"')
        elif "*" in kind:
            texts.append(f"{label}={stop.args[position]:#x}")
        else:
            value = stop.args[position] & 0xFFFFFFFF
            texts.append(f"{label}={value - (1 << 32) if value >> 31 else value}")
    return texts or [os.fsdecode(p) for p in stop.path if p is not None]


def _prototype(name: str) -> Sequence[tuple[str, str]]:
    """Type and name of each argument; empty where python-ptrace does not know the call, or is not installed."""
    try:
        from ptrace.syscall.prototypes import SYSCALL_PROTOTYPES
    except ImportError:
        return ()
    found: Sequence[tuple[str, str]] = SYSCALL_PROTOTYPES.get(name, ("long", ()))[1]
    return found


def _result(answer: Answer) -> str:
    if isinstance(answer, int):
        return str(answer) if answer >= 0 else f"-1 {errno.errorcode.get(-answer, answer)}"
    if answer is PASS:
        return "(native)"
    if isinstance(answer, Redirect):
        return f"(native: {os.fsdecode(answer.path)})"
    assert isinstance(answer, Rewrite)
    return f"(native: {[os.fsdecode(a) for a in answer.args if isinstance(a, bytes)]})"

"""Standard output of the commands: closed, without room, or with nobody who reads it."""

from __future__ import annotations

import os
import signal
import sys
from contextlib import suppress
from functools import wraps
from typing import Any, Callable, NoReturn, TypeVar, cast

from parrot_py import codes
from parrot_py.codes import tagged

_Command = TypeVar("_Command", bound=Callable[..., int])


def told(text: str) -> None:
    """Print *text*, in which names are as ``os.fsdecode`` makes them."""
    sys.stdout.buffer.write(os.fsencode(text) + b"\n")


def tells(name: str, trouble: int) -> Callable[[_Command], _Command]:
    """For the main function of the command *name*: it ends as any program does where nobody reads what it writes.

    Where that cannot be written for another reason a line on stderr says so, and the exit status is *trouble*; other
    OSErrors are the function's own to catch.
    """

    def around(command: _Command) -> _Command:
        @wraps(command)
        def run(*words: Any) -> int:
            if sys.stdout is None:  # Python's view of a closed descriptor; who writes shall find that out
                sys.stdout = open(os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC), "w")  # noqa: SIM115
            try:
                try:
                    return command(*words)
                finally:
                    sys.stdout.flush()
            except BrokenPipeError:
                die_of_pipe()
            except OSError as error:
                why = f"cannot write to stdout: {error.strerror}"
                with suppress(OSError):
                    os.write(2, f"{name}: {tagged(why, codes.NO_STDOUT)}\n".encode())
                sys.stdout = None  # or Python would try and complain once more at the end
                return trouble

        return cast(_Command, run)

    return around


def die_of_pipe() -> NoReturn:
    """End as any program does when nobody reads what it writes; Python ignores the signal that says so."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    os.kill(os.getpid(), signal.SIGPIPE)
    os._exit(128 + signal.SIGPIPE)  # it is blocked

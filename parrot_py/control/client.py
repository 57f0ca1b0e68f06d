"""The client's end, for companion commands: they run in the job."""

from __future__ import annotations

import errno
import json
import os
import socket
import sys
from typing import Any

from parrot_py import codes
from parrot_py.codes import tagged
from parrot_py.control import LONGEST, NAME, VERSION
from parrot_py.errors import code_of, labelled

MISUSE = 2
"""Exit status for a command line that is none, and where nothing can be written."""


class Refused(Exception):
    """The run said no; the text is its reason, *name* the errno."""

    def __init__(self, name: str, why: str) -> None:
        super().__init__(why)
        self.name = name


def ask(command: str, **fields: Any) -> dict[str, Any]:
    """Send one request and answer what came back.  Raises Refused, and OSError when this is not inside a run."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        try:
            connection.connect(NAME)
        except OSError as error:
            why = "not inside parrot_run (or inside one that does not answer)"
            raise labelled(OSError(error.errno, why), codes.NOT_INSIDE) from None
        connection.sendall(json.dumps({"version": VERSION, "command": command, **fields}).encode() + b"\n")
        told = b""
        while not told.endswith(b"\n"):
            data = connection.recv(LONGEST)
            if not data:
                why = "this process is not heard (of another user, or not of this run)"
                raise labelled(OSError(errno.EACCES, why), codes.NOT_HEARD)
            told += data
    answer: dict[str, Any] = json.loads(told)
    if not answer.get("ok"):
        name = str(answer.get("errno", "EIO"))
        raise Refused(name, str(answer.get("error") or os.strerror(getattr(errno, name, errno.EIO))))
    return answer


def complain(command: str, what: str, error: OSError | Refused) -> None:
    """Say on stderr what was refused to *command*, and why; *what* it was about may be empty."""
    if isinstance(error, Refused):
        why, code = str(error), codes.NOT_FOUND if error.name in ("ENOENT", "ENOTDIR") else codes.REFUSED
    else:
        why, code = error.strerror or os.strerror(error.errno or errno.EIO), code_of(error)
    sys.stderr.write(f"{command}: {what}{': ' if what else ''}{tagged(why, code)}\n")


def misuse(command: str, why: str, usage: str) -> int:
    """Say on stderr what is wrong with the command line, and how it is; the exit status."""
    sys.stderr.write(f"{command}: {tagged(why, codes.USAGE)}\n{usage}")
    return MISUSE

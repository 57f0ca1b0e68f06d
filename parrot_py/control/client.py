"""The client's end, for companion commands: they run in the job."""

from __future__ import annotations

import errno
import json
import os
import socket
from typing import Any

from parrot_py.control import LONGEST, NAME, VERSION


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
            raise OSError(error.errno, "not inside parrot_run (or inside one that does not answer)") from None
        connection.sendall(json.dumps({"version": VERSION, "command": command, **fields}).encode() + b"\n")
        told = b""
        while not told.endswith(b"\n"):
            data = connection.recv(LONGEST)
            if not data:
                raise OSError(errno.EACCES, "this process is not heard (of another user, or not of this run)")
            told += data
    answer: dict[str, Any] = json.loads(told)
    if not answer.get("ok"):
        name = str(answer.get("errno", "EIO"))
        raise Refused(name, str(answer.get("error") or os.strerror(getattr(errno, name, errno.EIO))))
    return answer

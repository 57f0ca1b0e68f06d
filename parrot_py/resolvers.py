"""Commands that tell what a name stands for (``resolver:COMMAND`` in a mountlist).

A command is run by the shell, outside the job, with the rest of the name as its argument; the first line that it
writes is the place.  Answers hold until the table of mounts changes.
"""

from __future__ import annotations

import errno
import logging
import os
import shlex
import signal
from contextlib import suppress
from typing import NoReturn

from parrot_py import codes
from parrot_py.drivers.base import may_block
from parrot_py.errors import Told

SECONDS = 60.0
_KEPT = 10_000
_LONGEST = 4096

log = logging.getLogger("parrot_py.resolve")
trouble = logging.getLogger("parrot_py.error")


class Resolvers:
    """Asks commands, and remembers what they said."""

    def __init__(self, seconds: float = SECONDS) -> None:
        self._seconds = seconds
        self._known: dict[tuple[bytes, bytes], bytes] = {}
        self._told: set[str] = set()

    def forget(self) -> None:
        """Ask again."""
        self._known.clear()

    def place(self, command: bytes, rest: bytes) -> bytes:
        """The absolute path that *command* tells for *rest* (``b""`` or ``b"/a/b"``).  May block.

        Raises EIO, with a line in the log, when it fails, says nothing that could be a path, or takes too long.
        """
        found = self._known.get((command, rest))
        if found is not None:
            return found
        may_block()
        found = self._ask(command, rest)
        if len(self._known) >= _KEPT:
            self._known.clear()
        self._known[command, rest] = found
        return found

    def _ask(self, command: bytes, rest: bytes) -> bytes:
        text = os.fsdecode(command) + " " + shlex.quote(os.fsdecode(rest))
        told, status = self._run(text)
        line = told.split(b"\n", 1)[0].rstrip()
        if status:
            self._fail(text, f"failed with status {status}")
        if not line.startswith(b"/") or len(line) >= _LONGEST or b"\0" in line:
            self._fail(text, f"told no absolute path: {os.fsdecode(line[:100])!r}")
        log.info("%s: %s", text, os.fsdecode(line))
        return os.fsencode(os.path.normpath(os.fsdecode(line)))

    def _run(self, text: str) -> tuple[bytes, int]:
        """What the command wrote, and its exit status."""
        import subprocess  # which most runs have no need of

        process = subprocess.Popen(
            ["/bin/sh", "-c", text],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            told, _ = process.communicate(timeout=self._seconds)
        except subprocess.TimeoutExpired:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
            self._fail(text, f"gave no answer within {self._seconds:g} seconds")
        return told, process.returncode

    def _fail(self, text: str, why: str) -> NoReturn:
        line = f"resolver {text!r} {why}"
        if line not in self._told:
            if len(self._told) >= _KEPT:
                self._told.clear()
            self._told.add(line)
            trouble.error("%s", line, extra=codes.SERVICE.extra)
        raise Told(errno.EIO, os.strerror(errno.EIO))

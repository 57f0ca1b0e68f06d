"""A terminal of our own, to type into and to read from."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any


class Terminal:
    """Runs a command as the leader of a session on a new pseudo-terminal.  Use it in a ``with`` statement."""

    def __init__(self, command: Sequence[str | bytes], env: Mapping[str, str], cwd: Path, **user: Any) -> None:
        self.seen = ""
        self._master, slave = pty.openpty()
        os.chmod(os.ttyname(slave), 0o666)  # the job's user opens it again by its name
        # The controlling terminal is taken by a shell between, since subprocess has no argument for that.
        taking = ["setsid", "--ctty", "--wait", *command]
        self.process = subprocess.Popen(taking, stdin=slave, stdout=slave, stderr=slave, env=dict(env), cwd=cwd, **user)
        os.close(slave)

    def __enter__(self) -> Terminal:
        return self

    def __exit__(self, *_: object) -> None:
        self.hang_up()
        try:
            self.process.wait(60)
        except subprocess.TimeoutExpired:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait(60)

    def hang_up(self) -> None:
        """The terminal goes away, as when its window is closed."""
        if self._master >= 0:
            os.close(self._master)
            self._master = -1

    def foreground(self) -> list[int]:
        """The processes of the foreground group."""
        group = os.tcgetpgrp(self._master)
        return [int(name) for name in os.listdir("/proc") if name.isdigit() and _group(int(name)) == group]

    def resize(self, rows: int, columns: int) -> None:
        """The window gets another size; the kernel tells the foreground group (SIGWINCH)."""
        fcntl.ioctl(self._master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def type(self, text: str) -> None:
        """Send *text* as typed; ``\\x03`` is Ctrl-C, ``\\x1a`` Ctrl-Z, ``\\x04`` Ctrl-D."""
        os.write(self._master, text.encode())

    def read_until(self, pattern: str, seconds: float = 60) -> str:
        """Everything up to and including the first match of *pattern*; AssertionError when it does not come."""
        end = time.monotonic() + seconds
        while not (match := re.search(pattern, self.seen)):
            ready, _, _ = select.select([self._master], [], [], max(0.0, end - time.monotonic()))
            if not ready:
                raise AssertionError(f"no {pattern!r} within {seconds} s; the terminal shows:\n{self.seen}")
            try:
                self.seen += os.read(self._master, 65536).decode("utf-8", "replace")
            except OSError as error:  # EIO: nobody holds the other end any more
                raise AssertionError(f"no {pattern!r} before the end; the terminal shows:\n{self.seen}") from error
        told, self.seen = self.seen[: match.end()], self.seen[match.end() :]
        return told

    def rest(self, seconds: float = 60) -> str:
        """Everything until nobody holds the other end any more."""
        end = time.monotonic() + seconds
        while select.select([self._master], [], [], max(0.0, end - time.monotonic()))[0]:
            try:
                self.seen += os.read(self._master, 65536).decode("utf-8", "replace")
            except OSError:
                return self.seen
        raise AssertionError(f"no end within {seconds} s; the terminal shows:\n{self.seen}")

    def wait(self) -> int:
        """The exit status of the command, which must be about to end."""
        return self.process.wait(60)


def _group(pid: int) -> int:
    try:
        return os.getpgid(pid)
    except ProcessLookupError:
        return 0

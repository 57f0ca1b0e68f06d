"""A command in a window of a tmux of its own, as somebody at the keyboard sees it."""

from __future__ import annotations

import shlex
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from tests.support import places
from tests.support.parrot import environment
from tests.support.processes import eventually

REST = 0.4
"""Seconds without a change after which a screen is taken to be finished."""


class Screen:
    """A command in a window of 80 by 24.  Use it in a ``with`` statement."""

    def __init__(self, home: Path, command: Sequence[str | bytes], top: str) -> None:
        places.fresh(home)
        self.env = environment(home, {"TERM": "xterm", "SHELL": "/bin/sh", "R": top, "LESSHISTFILE": "-"})
        self.home = home
        words = " ".join(shlex.quote(word if isinstance(word, str) else word.decode()) for word in command)
        line = f"trap : INT; {words}; echo ended $? >told; cat"
        self.tmux("-f/dev/null", "new-session", "-d", "-x", "80", "-y", "24", line)

    def __enter__(self) -> Screen:
        return self

    def __exit__(self, *_: object) -> None:
        self.tmux("kill-server")

    def tmux(self, *words: str) -> str:
        """Talk to the tmux that holds the window."""
        command = ["tmux", "-S", str(self.home / "tmux"), *words]
        done = subprocess.run(
            command, env=self.env, cwd=self.home, capture_output=True, text=True, timeout=60, check=True,
            **places.as_job(),
        )  # fmt: skip
        return str(done.stdout)

    def shown(self) -> str:
        """What is on the screen."""
        return self.tmux("capture-pane", "-p").rstrip("\n")

    def wait(self, text: str) -> str:
        """Wait until *text* is on the screen; what is there then."""
        eventually(lambda: text in self.shown(), what=f"{text!r} on the screen")
        return self.shown()

    def at_rest(self) -> str:
        """What is on the screen once that has not changed for a while: programs draw in several steps."""
        before, since = self.shown(), time.monotonic()
        while time.monotonic() - since < REST:
            if (now := self.shown()) != before:
                before, since = now, time.monotonic()
        return before

    def becomes(self, form: Callable[[str], str], wanted: str | None) -> str:
        """The *form* of what is on the screen as soon as it is *wanted*; else what it is when it seems to stay so."""
        end = time.monotonic() + 30
        while (shown := form(self.shown())) != wanted and time.monotonic() < end:
            time.sleep(0.02)
        return shown

    def type(self, *keys: str) -> None:
        """Keys by tmux's names; other words as they are."""
        self.tmux("send-keys", *keys)

    def ended(self) -> str:
        """The line with the exit status, once the command has ended."""
        told = self.home / "told"
        eventually(lambda: told.exists() and bool(told.read_text()), what="the command to end")
        return told.read_text().strip()

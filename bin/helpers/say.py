"""Progress lines, the one exception of the set-up, and running other programs."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

TAIL_LINES = 15


class SetupError(Exception):
    """The set-up cannot go on this way; the text is one line (or a line and a program's output) for the user."""


def say(text: str) -> None:
    """One progress line on stderr; stdout belongs to the answer."""
    print(f"parrot_py: {text}", file=sys.stderr, flush=True)


def clean_environment() -> dict[str, str]:
    """The caller's environment without what would send pip or Python elsewhere.

    Index, proxy and certificate settings (PIP_INDEX_URL, PIP_CERT, https_proxy, ...) stay: a site needs them.
    """
    redirecting = {"PIP_USER", "PIP_TARGET", "PIP_PREFIX", "PIP_ROOT", "PIP_REQUIRE_VIRTUALENV", "PIP_PYTHON"}
    kept = {
        name: value
        for name, value in os.environ.items()
        if name not in redirecting and not name.startswith("PYTHON") and name != "VIRTUAL_ENV"
    }
    # Without a PATH a shell still finds programs, but gcc does not find its own parts.
    kept.setdefault("PATH", "/usr/local/bin:/usr/bin:/bin")
    return kept | {"PIP_USER": "0", "PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_NO_INPUT": "1"}


def run(what: str, command: Sequence[str], *, cwd: Path, extra: Mapping[str, str] | None = None) -> str:
    """Run *command* quietly and return its output; on failure raise SetupError(*what* and the output's end)."""
    environment = clean_environment() | dict(extra or {})
    try:
        done = subprocess.run(
            command,
            cwd=cwd,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            check=False,
        )
    except OSError as error:
        raise SetupError(f"{what} failed: {command[0]}: {error.strerror}") from error
    if done.returncode:
        told = [line for line in done.stdout.splitlines() if not line.startswith("WARNING:")]
        tail = "\n".join("    " + line for line in told[-TAIL_LINES:])
        raise SetupError(f"{what} failed (status {done.returncode}):\n{tail}")
    return done.stdout

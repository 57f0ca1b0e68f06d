"""What the head is told about commands and options, as text (head.h)."""

from __future__ import annotations

import re
from pathlib import Path

from helpers.say import SetupError

_SCRIPTS = re.compile(r"^\[project\.scripts\]\n((?:[^\[\n].*\n|\n)+)", re.MULTILINE)
_SCRIPT = re.compile(r'^([A-Za-z0-9_]+) = "([A-Za-z0-9_.]+:[A-Za-z0-9_]+)"$', re.MULTILINE)


def text_for_head(root: Path) -> str:
    """Short options of parrot_run as for getopt(3); the commands with what they start; its long options, one a line."""
    from parrot_py.config import command_line

    lines = [command_line.short_options(), " ".join(f"{name}={place}" for name, place in commands(root))]
    return "\n".join([*lines, *command_line.long_options()]) + "\n"


def commands(root: Path) -> list[tuple[str, str]]:
    """The commands that pyproject.toml states: name, and ``module:function``."""
    match = _SCRIPTS.search((root / "pyproject.toml").read_text())
    found = _SCRIPT.findall(match[1]) if match else []
    if not any(name == "parrot_run" for name, _ in found):
        raise SetupError("pyproject.toml: no command parrot_run under [project.scripts]")
    return found

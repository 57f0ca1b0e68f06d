"""Completion for bash, zsh and fish, made from the argument parsers and the option table.

    python -m parrot_py.completion bash parrot_run      print one file
    python -m parrot_py.completion --install PREFIX     write all of them to their places below PREFIX

A wheel brings the same files along (setup.py); shells find them by the name of the command.
"""

from __future__ import annotations

from collections.abc import Iterator

from parrot_py.completion import bash, fish, zsh
from parrot_py.completion.commands import Command, commands

SHELLS = {"bash": bash.script, "zsh": zsh.script, "fish": fish.script}

_PLACES = {
    "bash": "share/bash-completion/completions/{}",
    "zsh": "share/zsh/site-functions/_{}",
    "fish": "share/fish/vendor_completions.d/{}.fish",
}

__all__ = ["SHELLS", "Command", "commands", "files"]


def files() -> Iterator[tuple[str, str]]:
    """Every file: where it belongs below a prefix such as /usr/local, and its text."""
    for command in commands():
        for shell, make in SHELLS.items():
            yield _PLACES[shell].format(command.name), make(command)

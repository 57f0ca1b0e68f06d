"""Compiling the C programs of ``tests/programs``, once per run of the tests."""

from __future__ import annotations

import subprocess
from pathlib import Path

from tests.support import places

SOURCES = places.CHECKOUT / "tests" / "programs"
FLAGS = ("-O1", "-Wall", "-Wextra", "-Werror", "-pthread")


def compile_c(source: Path, output: Path, *more: str) -> None:
    """Compile and link *source*; a warning is an error."""
    command = ["gcc", *FLAGS, "-o", str(output), str(source), *more]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command)}\n{done.stderr}")
    output.chmod(0o755)


def program(name: str) -> Path:
    """The compiled ``tests/programs/<name>.c``."""
    return places.once(f"program-{name}", lambda output: compile_c(SOURCES / f"{name}.c", output))

"""C programs for the engine's tests."""

from __future__ import annotations

from pathlib import Path

from tests.support import places
from tests.support.programs import SOURCES, compile_c

HERE = Path(__file__).parent


def engine_program(name: str, *more: str) -> Path:
    """The compiled ``<name>.c`` of this directory; *more* are options of the compiler."""
    label = "-".join(("engine", name, *more))
    return places.once(label, lambda output: compile_c(HERE / f"{name}.c", output, f"-I{SOURCES}", *more))

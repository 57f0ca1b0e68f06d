"""Compile the head: a static program for Linux on this processor, of whatever C library can be linked statically.

What it says ends in the codes [PP221] (no place) and [PP222] (damaged), or [PP102] for a wrong --as.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from helpers.say import SetupError, run

SOURCES = Path(__file__).resolve().parent / "head"
FLAGS = ("-std=gnu11", "-D_GNU_SOURCE", "-O2", "-static", "-s", "-Wall", "-Wextra")
COMPILERS = ("musl-gcc", "cc", "gcc", "clang")
"""musl makes the smallest one; a C library without its static half (glibc-static on Fedora) is passed over."""


def build(scratch: Path) -> bytes:
    """The compiled head.  Raises SetupError with what each compiler said."""
    out = scratch / "head"
    named = os.environ.get("CC")
    compilers = [named] if named else [name for name in COMPILERS if shutil.which(name)]
    reasons = []
    for compiler in compilers:
        sources = [str(path) for path in sorted(SOURCES.glob("*.c"))]
        command = [*compiler.split(), *FLAGS, *sources, "-o", str(out)]
        try:
            run(f"compiling the head with {compiler}", command, cwd=SOURCES)
        except SetupError as error:
            reasons.append(str(error))
            continue
        return out.read_bytes()
    raise SetupError("\n".join(reasons) or "no C compiler found (musl-gcc, cc, gcc or clang)")

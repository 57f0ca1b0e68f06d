"""Compiling the C programs of ``tests/programs``, once per run of the tests."""

from __future__ import annotations

import functools
import subprocess
import tempfile
from pathlib import Path

from tests.support import places

SOURCES = places.CHECKOUT / "tests" / "programs"
FLAGS = ("-O1", "-Wall", "-Wextra", "-Werror", "-pthread")

I386 = ("-m32", "-D_FILE_OFFSET_BITS=64")
"""Options for 32-bit programs; with 64-bit sizes, or else the C library hides its own calls behind other structures."""


def compile_c(source: Path, output: Path, *more: str) -> None:
    """Compile and link *source*; a warning is an error."""
    command = ["gcc", *FLAGS, "-o", str(output), str(source), *more]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command)}\n{done.stderr}")
    output.chmod(0o755)


def program(name: str, *more: str) -> Path:
    """The compiled ``tests/programs/<name>.c``; *more* are options of the compiler."""
    label = "".join((name, *more))
    return places.once(f"program-{label}", lambda output: compile_c(SOURCES / f"{name}.c", output, *more))


@functools.cache
def cannot_run(*options: str) -> str:
    """Why programs that are compiled with *options* do not run here; empty if they do."""
    with tempfile.TemporaryDirectory() as scratch:
        source, probe = Path(scratch) / "probe.c", Path(scratch) / "probe"
        source.write_text('#include <stdio.h>\nint main(void) { return puts("runs") < 0; }')
        try:
            compile_c(source, probe, *options)
            subprocess.run([str(probe)], check=True, stdout=subprocess.DEVNULL)
        except (RuntimeError, OSError, subprocess.CalledProcessError) as error:
            return f"no programs of i386 here (gcc-multilib? CONFIG_IA32_EMULATION?): {str(error).splitlines()[-1]}"
    return ""

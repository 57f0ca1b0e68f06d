"""The engine compiled with AddressSanitizer and UndefinedBehaviorSanitizer, for tests that have it in their process."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from helpers.headers import include_settings
from helpers.pythons import candidates, probe
from helpers.say import SetupError, run

FLAGS = "-O1 -g -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer"
OPTIONS = {
    # Python keeps what it has at its end, and leaks cannot be looked for in tracers; memory is measured by the tests.
    "ASAN_OPTIONS": "detect_leaks=0:detect_stack_use_after_return=1:quarantine_size_mb=1",
    "UBSAN_OPTIONS": "print_stacktrace=1",
}
# A thread that is being started when a test forks its tracer holds the sanitizer's own lock, in the tracer for ever.
PYTEST = ("-n", "0", "-p", "tests.support.sanitized", "-o", "faulthandler_timeout=0")


def environment(root: Path, setup: Path, scratch: Path) -> dict[str, str]:
    """Compile the engine of the checkout *root* below *scratch*; the environment in which pytest uses that.

    Raises SetupError when the compiler cannot do it.
    """
    compiler = os.environ.get("CC", "gcc")
    runtime = [_runtime(compiler, name) for name in ("libasan.so", "libubsan.so")]
    python = probe(sys.executable)
    if python is None:
        raise SetupError(f"{sys.executable} does not start")
    # As the set-up found them, if Python came without headers.
    include = include_settings(python, candidates(), setup.with_name(f"{setup.name}-headers")).get("CFLAGS", "")
    built = [f"--build-lib={scratch}/lib", f"--build-temp={scratch}/temp"]
    command = [sys.executable, "-I", "setup.py", "-q", "build_ext", *built]
    settings = {"CC": compiler, "CFLAGS": f"{FLAGS} {include}"}
    run("compiling the engine for the sanitizers", command, cwd=root, extra=settings)
    core = next((scratch / "lib" / "parrot_py" / "engine").glob("_core*.so"))
    return {"LD_PRELOAD": " ".join(runtime), "PARROT_TESTS_CORE": str(core), **OPTIONS}


def _runtime(compiler: str, name: str) -> str:
    """The sanitizer's library, which has to be there before Python is."""
    command = [compiler, f"-print-file-name={name}"]
    found = subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
    if not os.path.isabs(found):
        raise SetupError(f"{compiler} has no {name} (Debian: it comes with gcc)")
    return found

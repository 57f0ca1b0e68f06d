"""Find the Pythons of this machine and put the best one for a set-up first.

A name on PATH says little: it may be a shim in somebody's home that other users cannot enter, too old, or stripped of
its headers.  So every candidate is started and asked.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from helpers.say import clean_environment

MINOR_VERSIONS = range(30, 8, -1)
SYSTEM_DIRECTORIES = ("/usr/bin", "/usr/local/bin", "/opt/python/bin")

PROBE = """
import importlib.util, json, os, sys, sysconfig
print(json.dumps({
    "version": sys.version_info[:3],
    "executable": os.path.realpath(getattr(sys, "_base_executable", None) or sys.executable),
    "library": os.path.dirname(os.__file__),
    "include": sysconfig.get_path("include"),
    "compiler": sysconfig.get_config_var("CC") or "cc",
    "plain": sys.implementation.name == "cpython" and not sysconfig.get_config_var("Py_GIL_DISABLED"),
    "missing": [m for m in ("ssl", "sqlite3", "venv", "zlib", "ctypes") if importlib.util.find_spec(m) is None],
}))
"""


@dataclass(frozen=True)
class Python:
    """One Python as it describes itself; *shared* says that every user of the machine can start it."""

    executable: str
    version: tuple[int, int, int]
    library: str
    include: str
    compiler: str
    missing: tuple[str, ...]
    shared: bool

    @property
    def has_headers(self) -> bool:
        """True when extension modules can be compiled for it without help."""
        return Path(self.include, "Python.h").is_file()

    def __str__(self) -> str:
        return f"{self.executable} ({'.'.join(map(str, self.version))})"


def everybody_can_enter(path: str) -> bool:
    """True when every directory above *path* lets other users pass, and *path* itself is readable to them."""
    target = Path(os.path.realpath(path))
    return all(parent.stat().st_mode & 0o001 for parent in target.parents) and bool(target.stat().st_mode & 0o004)


def _names() -> Iterator[str]:
    """Candidates in order of preference: what the caller's PATH says first, then the system's directories."""
    path = [entry for entry in os.environ.get("PATH", "").split(os.pathsep) if entry.startswith("/")]
    directories = list(dict.fromkeys([*path, *SYSTEM_DIRECTORIES]))
    for directory in directories:
        yield f"{directory}/python3"
    for directory in directories:
        for minor in MINOR_VERSIONS:
            yield f"{directory}/python3.{minor}"


def probe(name: str) -> Python | None:
    """Start *name* and let it describe itself; None when it does not start or is no CPython 3.9 or newer."""
    try:
        done = subprocess.run(
            [name, "-I", "-c", PROBE],
            env=clean_environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        told = json.loads(done.stdout) if done.returncode == 0 else {}
    except (OSError, subprocess.TimeoutExpired, ValueError):
        return None  # a shim without its Python, a Python without json: not a Python for us, and no news to the user
    if not told or tuple(told["version"]) < (3, 9) or not told["plain"]:
        return None
    executable, library = told["executable"], told["library"]
    return Python(
        executable=executable,
        version=(told["version"][0], told["version"][1], told["version"][2]),
        library=library,
        include=told["include"],
        compiler=told["compiler"],
        missing=tuple(told["missing"]),
        shared=everybody_can_enter(executable) and everybody_can_enter(f"{library}/os.py"),
    )


def candidates() -> list[Python]:
    """All usable Pythons of this machine, each once, the best first.

    Root's set-up is used by other users too, so for root a Python that all can start comes before everything else.
    Then one that has its headers before one whose headers would have to be fetched.
    """
    found: dict[str, Python] = {}
    for name in _names():
        if not os.access(name, os.X_OK) or os.path.realpath(name) in found:
            continue
        python = probe(name)
        if python is not None and not python.missing:
            found.setdefault(python.executable, python)
    as_root = os.geteuid() == 0
    return sorted(found.values(), key=lambda python: (as_root and not python.shared, not python.has_headers))

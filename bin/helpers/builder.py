"""Make one set-up directory: a virtual environment, the dependencies in it, the compiled engine beside them.

    DIR/bin/python            the environment's Python
    DIR/parrot/core-KEY/      the compiled engine for the sources with the checksum KEY (the last few are kept)
    DIR/parrot/core           -> core-KEY, what the hook in site-packages loads
    DIR/parrot/run-KEY        an empty file: this set-up is finished and can run parrot_run
    DIR/parrot/test-KEY       the same with the tools of bin/test
    DIR/parrot/unfinished     the environment is being changed; found by the next set-up, it means: begin anew

The parrot_py package itself stays in the checkout, which may be read-only; only its extension module is found here.
"""

from __future__ import annotations

import ast
import os
import re
import shutil
from collections.abc import Sequence
from pathlib import Path

from helpers.headers import compiler_settings, include_settings
from helpers.pips import install_pip
from helpers.pythons import Python
from helpers.say import SetupError, run, say

CORES_KEPT = 3
EXTRAS: dict[str, tuple[str, ...]] = {"run": (), "test": ("test", "lint")}
WELCOME: dict[str, tuple[str, ...]] = {"run": (), "test": ("servers", "docs")}
"""Extras whose packages are installed one by one, as far as they can be: tests that need them are skipped otherwise."""
BUILD_TOOLS = ("setuptools>=77",)

HOOK = '''\
"""Written by parrot_py's set-up: the checkout's compiled engine lies beside this environment, not in the checkout."""

import importlib.machinery
import importlib.util
import os
import sys

CORE = os.path.join(sys.prefix, "parrot", "core", "parrot_py", "engine", "_core.abi3.so")


class EngineFinder:
    @staticmethod
    def find_spec(name, path=None, target=None):
        if name != "parrot_py.engine._core" or not os.path.exists(CORE):
            return None
        return importlib.util.spec_from_file_location(name, CORE)


sys.meta_path.insert(0, EngineFinder)
'''


class Builder:
    """Brings the set-up *directory* of the checkout *root* to the state *key*; the caller holds the lock."""

    def __init__(self, root: Path, directory: Path, key: str) -> None:
        self.root = root
        self.directory = directory
        self.key = key
        self.state = directory / "parrot"
        self.python = str(directory / "bin" / "python")
        self.settings: dict[str, str] = {}

    def finished(self, want: str) -> bool:
        """True when nothing is left to do for *want*."""
        return (self.state / f"{want}-{self.key}").exists() and os.access(self.python, os.X_OK)

    def prepare(self, base: Python, others: Sequence[Python]) -> None:
        """Have an environment with pip, and a way to compile for it.  SetupError: another Python may do better."""
        self.settings = compiler_settings(base)
        if not self._core_directory().exists():
            headers = self.directory.with_name(f"{self.directory.name}-headers")
            self.settings |= include_settings(base, others, headers)
        self._environment(base)

    def complete(self, want: str) -> None:
        """Do what is still missing, and only that.  What a SetupError leaves behind is never taken for finished."""
        self._dependencies(want)
        self._core()
        for stale in [*self.state.glob("run-*"), *self.state.glob("test-*")]:
            if not stale.name.endswith("-" + self.key):
                stale.unlink()
        for level in ("run", want):
            (self.state / f"{level}-{self.key}").touch()

    def reusable(self) -> bool:
        """True when the environment found in the directory is whole and its Python starts."""
        return (
            os.access(self.python, os.X_OK)
            and (self.state / "environment").exists()
            and not (self.state / "unfinished").exists()
        )

    def _environment(self, base: Python) -> None:
        if self.reusable():
            return
        say(f"setting up {self.directory} with {base} (once)")
        if self.directory.is_symlink() or self.directory.is_file():
            raise SetupError(f"{self.directory} is in the way: not a directory")
        shutil.rmtree(self.directory, ignore_errors=True)
        # The real, versioned executable: when the system moves to another Python the link dies, and we notice.
        command = [base.executable, "-I", "-m", "venv", "--without-pip", "--symlinks", str(self.directory)]
        run("making a virtual environment", command, cwd=self.root)
        self.state.mkdir()
        install_pip(base.executable, self.directory)
        self._hook()
        (self.state / "environment").write_text(f"{base}\n")

    def _hook(self) -> None:
        packages = next((self.directory / "lib").glob("python3*/site-packages"))
        (packages / "_parrot_py_checkout.py").write_text(HOOK)
        inside = self.directory.parent == self.root
        # Relative where it can be: a checkout that is moved as a whole goes on working.
        root = os.path.relpath(self.root, packages) if inside else str(self.root)
        (packages / "_parrot_py_checkout.pth").write_text(f"{root}\nimport _parrot_py_checkout\n")

    def _dependencies(self, want: str) -> None:
        pyproject = (self.root / "pyproject.toml").read_text()
        wanted = requirements(pyproject, EXTRAS[want])
        installed = self.state / f"installed-{want}"
        welcome = requirements(pyproject, WELCOME[want], needed=False)
        listing = "\n".join([*wanted, *welcome]) + "\n"
        if installed.exists() and installed.read_text() == listing:
            return
        say("installing " + ("the dependencies" if want == "run" else "the dependencies and the tools of bin/test"))
        unfinished = self.state / "unfinished"
        unfinished.touch()
        pip = [self.python, "-I", "-m", "pip", "install", "-q", "--prefer-binary", "--no-warn-script-location"]
        try:
            run("pip install", [*pip, *wanted], cwd=self.root)
        except SetupError as error:
            hint = "no way to the package index? see pip's settings for index and proxy (PIP_INDEX_URL, https_proxy)"
            raise SetupError(f"{error}\n    {hint}") from error
        for package in welcome:
            try:
                run("pip install", [*pip, package], cwd=self.root)
            except SetupError:
                say(f"{package} cannot be installed here: tests that need it are skipped")
        installed.write_text(listing)
        unfinished.unlink()

    def _core_directory(self) -> Path:
        return self.state / f"core-{self.key}"

    def _core(self) -> None:
        core = self._core_directory()
        if not core.exists():
            if not (self.root / "parrot_py/engine/_build.py").exists():
                raise SetupError(f"{self.root}/parrot_py/engine/_build.py is missing: not a whole checkout")
            say("compiling the engine")
            scratch = self.state / "compiling"
            shutil.rmtree(scratch, ignore_errors=True)
            built = [f"--build-lib={scratch}/lib", f"--build-temp={scratch}/temp"]
            command = [self.python, "-I", "setup.py", "-q", "build_ext", *built]
            run("compiling the engine", command, cwd=self.root, extra=self.settings)
            (scratch / "lib").rename(core)
            shutil.rmtree(scratch)
        link = self.state / "core.new"
        link.unlink(missing_ok=True)
        link.symlink_to(core.name)
        link.rename(self.state / "core")
        self._forget_old_cores(core)

    def _forget_old_cores(self, current: Path) -> None:
        os.utime(current)
        cores = sorted(self.state.glob("core-*"), key=lambda path: path.stat().st_mtime, reverse=True)
        for old in cores[CORES_KEPT:]:
            shutil.rmtree(old)


def requirements(pyproject: str, extras: Sequence[str], *, needed: bool = True) -> list[str]:
    """The dependencies that pyproject.toml states, with those of *extras*; only the latter where *needed* is False.

    Python 3.9 and 3.10 have no TOML reader; an array of plain strings reads the same as a Python list.
    """
    found: list[str] = []
    for name in (*(["dependencies"] if needed else []), *extras):
        array = re.search(rf"^{name} = (\[(?:\n.*?\n|[^\n]*)\])$", pyproject, re.MULTILINE | re.DOTALL)
        if array is None:
            raise SetupError(f"pyproject.toml: no array {name!r}")
        found += ast.literal_eval(array[1])
    return [*found, *BUILD_TOOLS] if needed else found

"""The finished file is tried: whatever parrot_py imports anywhere, at its start or later, is there."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from pathlib import Path

from helpers.say import SetupError, run
from helpers.single.packages import BUILDER, LEFT_OUT

_IMPORTS = """
import importlib, sys
failed = []
for name in sys.argv[1:]:
    try:
        importlib.import_module(name)
    except Exception as error:
        failed.append(f"{name} ({error})")
print(", ".join(failed))
"""
_LEFT_OUT_MODULES = {"python-ptrace": "ptrace"}


def run_everything(root: Path, file: Path, scratch: Path, missing: Sequence[str]) -> None:
    """Unpack *file* below *scratch* and import there all that parrot_py wants; *missing* packages are not looked for.

    Raises SetupError, and a file that does not work is gone then.
    """
    try:
        _try(root, file, scratch, missing)
    except SetupError:
        file.unlink(missing_ok=True)
        raise


def _try(root: Path, file: Path, scratch: Path, missing: Sequence[str]) -> None:
    without = {*missing, *(_LEFT_OUT_MODULES[name] for name in LEFT_OUT)}
    without.add("parrot_py")
    names = {name for path in _sources(root) for name in imports(path)}
    wanted = sorted(name for name in names if name.partition(".")[0] not in without)
    place = scratch / "tried"
    told = run("trying the file", [str(file), "--version"], cwd=scratch, extra={"PARROT_DIST_DIR": str(place)})
    if not told.startswith("parrot_run"):
        raise SetupError(f"{file} does not work: {told}")
    python = next(place.glob("*/bin/python"))
    failed = run("trying the file", [str(python), "-I", "-S", "-c", _IMPORTS, *wanted], cwd=scratch).strip()
    if failed:
        raise SetupError(f"these modules are missing in the file: {failed}")


def _sources(root: Path) -> Iterator[Path]:
    paths = (root / "parrot_py").rglob("*.py")
    return (path for path in paths if not str(path.relative_to(root)).startswith(BUILDER))


def imports(path: Path) -> Iterator[str]:
    """The modules that the Python file *path* imports, in functions, too."""
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module

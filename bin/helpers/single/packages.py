"""The Python packages that the single file carries: parrot_py from the checkout, and what it needs, as installed."""

from __future__ import annotations

import re
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path

from helpers.say import SetupError
from helpers.single.interpreter import LIBRARY, compiled
from helpers.single.payload import Payload

LEFT_OUT = ("python-ptrace",)
"""GPL-2.0-only, and used for one kind of log only: without it the file as a whole stays under permissive licences."""

NOT_NEEDED = ("pygments", "markdown-it-py", "mdurl", "setuptools", "pycparser")
"""Wanted by packages that we use, for what we don't use of them."""

PRUNED = re.compile(
    r"cffi/|dukpy/(jsmodules|jscore)/|urllib3/contrib/emscripten/"
    r"|Crypto/(Cipher|IO|Math|Protocol|PublicKey|Signature|SelfTest)/|.*/(__pycache__|tests)/|.*\.(pyi|c|h)$"
)
"""Parts that nothing of ours uses.  Of cffi the backend is enough: the engine is compiled, and pycryptodome has another
way (ctypes), which spares it the parser for C."""

BUILDER = ("parrot_py/engine/src/", "parrot_py/engine/_build.py")
CORE = "_core.abi3.so"
"""The file of the compiled engine."""

_NAME = re.compile(r"[A-Za-z0-9._-]+")
_PYTHON = (".py", ".pyi", ".typed")


def closure(wanted: Sequence[str]) -> list[metadata.Distribution]:
    """The installed distributions *wanted* (requirements), and what they need in turn.  Raises SetupError."""
    found: dict[str, metadata.Distribution] = {}
    waiting = [(text, False) for text in wanted]
    while waiting:
        text, optional = waiting.pop()
        match = _NAME.match(text)
        name = _plain(match[0]) if match else text
        if name in found or name in LEFT_OUT + NOT_NEEDED:
            continue
        try:
            found[name] = metadata.distribution(name)
        except metadata.PackageNotFoundError:
            if optional:
                continue
            raise SetupError(f"{name} is not installed in the set-up of this checkout") from None
        # With a marker it may be for other Pythons or for an extra: what is installed is taken.
        waiting += [(text, ";" in text) for text in found[name].requires or () if "extra ==" not in text]
    return [found[name] for name in sorted(found)]


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def add(payload: Payload, distributions: Sequence[metadata.Distribution]) -> dict[str, Path]:
    """Add the files of *distributions*, but for the modules of packages that are Python alone: those are answered."""
    zipped: dict[str, Path] = {}
    for distribution in distributions:
        files = _files(distribution)
        plain = {name.partition("/")[0] for name in files if not name.endswith(_PYTHON)}
        for name, path in files.items():
            if not name.endswith(".py"):
                if not name.endswith(_PYTHON):
                    payload.file(f"{LIBRARY}/{name}", path, 0o755 if name.endswith(".so") else 0o644)
            elif name.partition("/")[0] in plain:
                payload.file(f"{LIBRARY}/{name}c", compiled(name, path))
            else:
                zipped[name] = path
        _add_licences(payload, distribution)
    return zipped


def _files(distribution: metadata.Distribution) -> dict[str, Path]:
    """Name and path of what *distribution* installed to be imported."""
    found = {}
    for each in distribution.files or ():
        name = str(each)
        if name.startswith("..") or ".dist-info/" in name or PRUNED.match(name):
            continue
        path = Path(str(distribution.locate_file(each)))
        if path.is_file():
            found[name] = path
    return found


def _add_licences(payload: Payload, distribution: metadata.Distribution) -> None:
    name = _plain(distribution.metadata["Name"])
    for each in distribution.files or ():
        parts = each.parts
        if parts[0].endswith(".dist-info") and re.match(r"(?i)(licen[cs]e|copying|notice|authors)", parts[-1]):
            path = Path(str(distribution.locate_file(each)))
            if path.is_file():
                payload.file(f"licences/{name}/{'/'.join(parts[1:])}", path)


def add_own(payload: Payload, root: Path, core: Path) -> None:
    """Add parrot_py of the checkout *root* with the compiled engine *core*."""
    for path in sorted((root / "parrot_py").rglob("*")):
        name = str(path.relative_to(root))
        if not path.is_file() or "__pycache__" in path.parts or name.startswith(BUILDER) or path.suffix == ".so":
            continue
        if path.suffix == ".py" and not name.startswith("parrot_py/data/"):
            payload.file(f"{LIBRARY}/{name}c", compiled(name, path))
        elif path.suffix != ".pyi":
            payload.file(f"{LIBRARY}/{name}", path, (path.stat().st_mode & 0o755) | 0o444)
    payload.file(f"{LIBRARY}/parrot_py/engine/{CORE}", core, 0o755)
    payload.file("licences/parrot_py/LICENSE", root / "LICENSE")

"""The Python that makes the single file, in the shape in which it finds itself wherever it is unpacked.

bin/python             the head once more: starts what follows (sys.executable)
lib/parrot_run         the loader of the C library, by the name that ps shows
lib/python             the interpreter
lib/*.so.*             the libraries of both and of all modules
lib/python3XY.zip      modules that are nothing but Python, compiled, not packed
lib/python3.XY/        the others, and what has data beside it
"""

from __future__ import annotations

import importlib.util
import io
import marshal
import os
import sys
import sysconfig
import zipfile
from collections.abc import Iterator
from pathlib import Path

from helpers.say import SetupError
from helpers.single import libraries
from helpers.single.payload import Payload

VERSION = f"{sys.version_info[0]}.{sys.version_info[1]}"
ZIP = f"lib/python{VERSION.replace('.', '')}.zip"
LIBRARY = f"lib/python{VERSION}"

# Tests, what wants a screen, and what installs.  Little else: packages import more of it than they use.
LEFT_OUT = {
    *("__pycache__", "site-packages", "dist-packages", "test", "tests", "pydoc_data", "ensurepip", "venv", "lib2to3"),
    *("idlelib", "tkinter", "turtledemo", "turtle", "curses", "dbm"),
}
LEFT_OUT_MODULES = {"_tkinter", "_curses", "_curses_panel", "_dbm", "_gdbm", "readline", "nis", "ossaudiodev"}


def executable() -> Path:
    """The Python that runs this, outside of its virtual environment."""
    return Path(os.path.realpath(getattr(sys, "_base_executable", None) or sys.executable))


def add(payload: Payload, head: bytes, scratch: Path) -> None:
    """Add interpreter and standard library.  Raises SetupError."""
    program = executable()
    loader = libraries.loader(program)
    payload.file("bin/python", head, 0o755)
    payload.file("lib/parrot_run", loader, 0o755)
    payload.file("lib/python", libraries.stripped(program, scratch), 0o755)
    # What Python before 3.11 finds itself by.
    payload.file(f"{LIBRARY}/os.pyc", compiled("os.py", Path(os.__file__)))
    for module in dynamic():
        payload.file(f"{LIBRARY}/lib-dynload/{module.name}", libraries.stripped(module, scratch), 0o755)
    licence = Path(os.__file__).with_name("LICENSE.txt")
    if licence.is_file():
        payload.file("licences/python/LICENSE.txt", licence)


def dynamic() -> list[Path]:
    """The extension modules of the standard library."""
    place = Path(sysconfig.get_config_var("DESTSHARED") or "")
    if not place.is_dir():
        raise SetupError(f"{place}: not the directory of this Python's own extension modules")
    return [
        path
        for path in sorted(place.glob("*.so"))
        if path.name.partition(".")[0] not in LEFT_OUT_MODULES
        and not path.name.startswith(("_test", "_xx", "xx", "_ctypes_test"))
    ]


def add_libraries(payload: Payload, scratch: Path) -> dict[str, Path]:
    """Add the libraries that everything in *payload* wants and that are not in there; name to path."""
    sources = (thing.source for thing in payload.things.values())
    carried = {source for source in sources if isinstance(source, Path)}
    elves = [executable(), *dynamic(), *filter(libraries.is_elf, carried)]
    found = {**libraries.wanted(elves), **libraries.unnamed()}
    added = {name: path for name, path in sorted(found.items()) if path not in carried}
    for name, path in added.items():
        # A distribution's libraries are stripped already; a Python that was compiled here is not.
        real = Path(os.path.realpath(path))
        payload.file(f"lib/{name}", libraries.stripped(real, scratch) if name.startswith("libpython") else real, 0o755)
    return added


def standard_modules() -> Iterator[tuple[str, Path]]:
    """Path below the library and file of each module of the standard library that is Python."""
    top = Path(os.__file__).parent
    for here, directories, files in os.walk(top):
        directories[:] = sorted(set(directories) - LEFT_OUT)
        directories[:] = [name for name in directories if not name.startswith("config-") and name != "lib-dynload"]
        below = Path(here).relative_to(top)
        for name in sorted(files):
            if name.endswith(".py") and name[:-3] not in LEFT_OUT:
                yield str(below / name), Path(here, name)


def compiled(name: str, path: Path) -> bytes:
    """The file *path* as what Python makes of it, for the module file *name*; no time and no check of its source."""
    source = path.read_bytes()
    code = compile(source, name, "exec", dont_inherit=True, optimize=0)
    flags = (1).to_bytes(4, "little")  # by its hash, unchecked
    return importlib.util.MAGIC_NUMBER + flags + importlib.util.source_hash(source) + marshal.dumps(code)


def archive(modules: dict[str, Path]) -> bytes:
    """A zip file of compiled *modules* (names end in ``.py``).  Not packed in itself: the payload is."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as file:
        for name, path in sorted(modules.items()):
            entry = zipfile.ZipInfo(f"{name}c")
            entry.external_attr = 0o644 << 16
            file.writestr(entry, compiled(name, path))
    return out.getvalue()

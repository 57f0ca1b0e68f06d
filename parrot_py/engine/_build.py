"""Builder of the C core as a cffi module (API mode, limited API): ``parrot_py.engine._core``."""

from __future__ import annotations

from pathlib import Path

from cffi import FFI

_SOURCES = (
    "abi",
    "answer",
    "confine",
    "exechead",
    "family",
    "filter",
    "gate",
    "guise",
    "headers",
    "lookup",
    "loop",
    "memory",
    "nested",
    "nested_call",
    "nested_child",
    "nested_data",
    "nested_loop",
    "nested_signal",
    "nested_stop",
    "nested_wait",
    "prefixes",
    "procnames",
    "ptrace",
    "redirect",
    "scratch",
    "signals",
    "spawn",
    "tracee",
    "wait",
    "warm",
    "warmcall",
)
_HERE = Path(__file__).resolve().parent
# setuptools wants paths relative to the folder of setup.py.
_RELATIVE = Path("parrot_py/engine/src")

ffibuilder = FFI()
ffibuilder.cdef((_HERE / "src" / "seam.h").read_text())
ffibuilder.set_source(
    "parrot_py.engine._core",
    '#include "pp.h"',
    sources=[str(_RELATIVE / f"{name}.c") for name in _SOURCES],
    depends=sorted(str(_RELATIVE / header.name) for header in (_HERE / "src").glob("*.h")),
    include_dirs=[str(_RELATIVE)],
    define_macros=[("_GNU_SOURCE", None)],
    extra_compile_args=["-std=gnu11", "-O2", "-g", "-Wall", "-Wextra", "-fno-strict-aliasing"],
    py_limited_api=True,
)

if __name__ == "__main__":
    ffibuilder.compile(verbose=True)

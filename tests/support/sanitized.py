"""A plugin for pytest: the engine is the one that ``bin/test --sanitize`` has compiled.

Processes that the tests start are not to be burdened with the sanitizers.
"""

from __future__ import annotations

import importlib.machinery
import importlib.util
import os
import sys
from collections.abc import Sequence
from types import ModuleType

_CORE = os.environ["PARROT_TESTS_CORE"]


class _Finder:
    """Finds one module."""

    @staticmethod
    def find_spec(
        name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        """That of the compiled engine; ``None`` for all others."""
        del path, target
        return importlib.util.spec_from_file_location(name, _CORE) if name == "parrot_py.engine._core" else None


sys.meta_path.insert(0, _Finder)
for _name in ("LD_PRELOAD", "ASAN_OPTIONS", "UBSAN_OPTIONS"):
    os.environ.pop(_name, None)

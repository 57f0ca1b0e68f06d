"""The kinds of drivers: one line each.  A driver's module is imported when the first of its kind is made."""

from __future__ import annotations

import importlib
from typing import Any

from parrot_py.drivers.base import Driver

_KINDS = {
    "cvmfs": "parrot_py.drivers.cvmfs.repository:Repository",
    "memory": "parrot_py.drivers.memory:MemoryDriver",
}


def kinds() -> list[str]:
    """The names that :func:`make` knows."""
    return sorted(_KINDS)


def make(kind: str, /, *args: Any, **kwargs: Any) -> Driver:
    """A driver of *kind* made with the arguments its class takes; KeyError for an unknown kind."""
    module, _, name = _KINDS[kind].partition(":")
    driver: Driver = getattr(importlib.import_module(module), name)(*args, **kwargs)
    return driver

"""The kinds of drivers: one line each.  A driver's module is imported when one of its kind is first used."""

from __future__ import annotations

import importlib
from typing import Any

from parrot_py.drivers.base import Driver
from parrot_py.drivers.deferred import Deferred

_KINDS = {
    "cvmfs": "parrot_py.drivers.cvmfs.driver:CvmfsDriver",
    "grow": "parrot_py.drivers.grow.driver:GrowDriver",
    "memory": "parrot_py.drivers.memory:MemoryDriver",
}


def kinds() -> list[str]:
    """The names that :func:`make` knows."""
    return sorted(_KINDS)


def make(kind: str, /, *args: Any, **kwargs: Any) -> Driver:
    """A driver of *kind* with the arguments that its class takes; KeyError for an unknown kind.  Never waits."""
    module, _, name = _KINDS[kind].partition(":")

    def now() -> Driver:
        driver: Driver = getattr(importlib.import_module(module), name)(*args, **kwargs)
        return driver

    return Deferred(now)

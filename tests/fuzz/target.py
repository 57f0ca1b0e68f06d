"""What a target of fuzzing is, and the list of all."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

CORPUS = Path(__file__).parent / "corpus"
NAMES = (
    "authz",
    "breadcrumb",
    "catalog",
    "certificate",
    "configuration",
    "history",
    "manifest",
    "object",
    "pac",
    "prefetch",
    "shell",
    "whitelist",
    "xattr",
)


class Target(NamedTuple):
    """``check`` raises for trouble; inputs have at most ``longest`` bytes; ``words`` help to make interesting ones."""

    check: Callable[[bytes], object]
    longest: int = 4096
    words: tuple[bytes, ...] = ()


def load(name: str) -> Target:
    """The target *name* of NAMES: what its module calls TARGET."""
    target = importlib.import_module(f"tests.fuzz.targets.{name}").TARGET
    assert isinstance(target, Target)
    return target


def corpus(name: str) -> list[Path]:
    """The committed inputs of a target."""
    return sorted((CORPUS / name).iterdir())

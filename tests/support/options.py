"""Which test shows what an option of ``parrot_run`` does to a real job."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TypeVar

from tests.support import places

F = TypeVar("F", bound=Callable[..., object])

_MARK = re.compile(r'^@shows\(("[^)]*")\)', re.MULTILINE)


def shows(*keys: str) -> Callable[[F], F]:  # noqa: ARG001 - read from the source by shown()
    """Mark a test that shows the effect of the options *keys* (their first long names)."""
    return lambda test: test


def shown() -> set[str]:
    """All keys that some test is marked with."""
    tests = (places.CHECKOUT / "tests").rglob("test_*.py")
    marks = (mark for path in tests for mark in _MARK.findall(path.read_text(encoding="utf-8")))
    return {key for mark in marks for key in re.findall(r'"([^"]+)"', mark)}

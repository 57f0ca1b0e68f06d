"""Comparing what two sides said about a batch."""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

from tests.differential.known import excused
from tests.differential.worlds import Said


class Difference(NamedTuple):
    """The first line of a sequence that differs, as the native side and the other one wrote it."""

    sequence: str
    native: str
    traced: str


class Comparison(NamedTuple):
    """The sequences that differ, how many calls were compared, and how often each rule of known.py was needed."""

    differences: list[Difference]
    calls: int
    rules: Counter[str]


def first_difference(native: list[str], traced: list[str], rules: Counter[str]) -> tuple[str, str] | None:
    """The first pair of lines that differ without an excuse."""
    if native == traced:
        return None
    for one, other in zip(native, traced):
        if one != other:
            reasons = excused(one, other)
            if reasons is None:
                return one, other
            rules.update(reasons)
    if len(native) != len(traced):
        at = min(len(native), len(traced))
        return next(iter(native[at:]), "(nothing)"), next(iter(traced[at:]), "(nothing)")
    return None


def compare(native: Said, traced: Said) -> Comparison:
    """Compare all sequences."""
    rules: Counter[str] = Counter()
    found = []
    calls = 0
    for name, lines in native.lines.items():
        calls += len(lines)
        pair = first_difference(lines, traced.lines.get(name, []), rules)
        if pair is not None:
            found.append(Difference(name, *pair))
    return Comparison(found, calls, rules)

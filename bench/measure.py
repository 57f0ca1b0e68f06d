"""Take numbers side by side: every way of running once per round, rounds repeated, medians compared."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from bench.site import Trouble
from bench.tools import Tool

Key = tuple[str, str]
"""Tool and placement."""


@dataclass
class Result:
    """What one row gave: all samples by tool and placement, in *unit*, and what went wrong."""

    name: str
    group: str
    unit: str
    samples: dict[Key, list[float]] = field(default_factory=dict)
    notes: dict[str, float] = field(default_factory=dict)
    troubles: list[str] = field(default_factory=list)

    def median(self, tool: str, placement: str) -> float | None:
        """The middle sample; None when there is none."""
        samples = self.samples.get((tool, placement))
        return statistics.median(samples) if samples else None

    def ratio(self, tool: str, placement: str) -> float | None:
        """How many times the native median of the same placement; None when either is missing."""
        ours, native = self.median(tool, placement), self.median("native", placement)
        return ours / native if ours is not None and native else None


def alternate(
    result: Result,
    tools: Iterable[Tool],
    placements: Iterable[str],
    rounds: int,
    sample: Callable[[Tool, str], float | None],
) -> None:
    """Fill *result*: in each round every tool and placement once, each round beginning with another one.

    Alternating spreads what changes on the machine meanwhile over all sides.  A side that fails once is told and left
    out of the rest; a sample of None means that the side has nothing to measure in this row.
    """
    sides = [(tool, placement) for placement in placements for tool in tools]
    failed: set[Key] = set()
    for number in range(rounds):
        turn = number % len(sides)
        for tool, placement in [*sides[turn:], *sides[:turn]]:
            key = (tool.name, placement)
            if key in failed:
                continue
            try:
                value = sample(tool, placement)
            except (Trouble, ValueError) as trouble:
                failed.add(key)
                result.samples.pop(key, None)
                result.troubles.append(f"{tool.name}, {placement}: {trouble}")
                continue
            if value is not None:
                result.samples.setdefault(key, []).append(value)

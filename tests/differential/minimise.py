"""Making a finding small: fewer sequences, then fewer lines, as long as the sides still differ."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeVar

from tests.differential.compare import compare, first_difference
from tests.differential.generate import batch
from tests.differential.worlds import Mode, Worlds

T = TypeVar("T")
Named = tuple[str, list[str]]


class Finding(NamedTuple):
    """Sequences that make the sides differ (the last one shows it), and the two lines."""

    sequences: list[Named]
    native: str
    traced: str
    mode: Mode

    def text(self) -> str:
        """The reproducer, as ``bin/differ --replay`` takes it; what the sides said is in comments."""
        return f"# mode {self.mode}\n# native: {self.native}\n# traced: {self.traced}\n{batch(self.sequences)}"


def shrink(items: Sequence[T], fails: Callable[[list[list[T]]], int | None]) -> list[T]:
    """A small part of *items* that still fails (delta debugging).  *fails* tells the first of some parts that does."""
    kept, size = list(items), max(1, len(items) // 2)
    while True:
        parts = [kept[:at] + kept[at + size :] for at in range(0, len(kept), size)]
        chosen = fails([part for part in parts if part])
        if chosen is not None:
            kept = [part for part in parts if part][chosen]
            size = min(size, max(1, len(kept) // 2))
        elif size == 1:
            return kept
        else:
            size = max(1, size // 2)


def differs(worlds: Worlds, sequences: list[Named], mode: Mode) -> tuple[str, str] | None:
    """The pair of lines in which the sides differ on the last one of *sequences*."""
    text = batch(sequences)
    name = sequences[-1][0]
    native, traced = worlds.native(text, mode).lines.get(name, []), worlds.traced(text, mode).lines.get(name, [])
    return first_difference(native, traced, Counter())


def _side_by_side(worlds: Worlds, mode: Mode) -> Callable[[list[list[str]]], int | None]:
    """``fails`` for sequences that need no others before them: all candidates in one batch."""

    def fails(parts: list[list[str]]) -> int | None:
        text = batch([(str(number), part) for number, part in enumerate(parts)])
        native, traced = worlds.native(text, mode), worlds.traced(text, mode)
        bad = {difference.sequence for difference in compare(native, traced).differences}
        return next((number for number in range(len(parts)) if str(number) in bad), None)

    return fails


def _one_by_one(test: Callable[[list[T]], bool]) -> Callable[[list[list[T]]], int | None]:
    return lambda parts: next((number for number, part in enumerate(parts) if test(part)), None)


def minimise(worlds: Worlds, sequences: Sequence[Named], name: str, mode: Mode) -> Finding | None:
    """A small reproducer for the difference in sequence *name* of a batch; None when it does not happen again."""
    index = [n for n, _ in sequences].index(name)
    chosen = sequences[index]
    if differs(worlds, [chosen], mode) is not None:
        for lines in (shrink(chosen[1], _side_by_side(worlds, mode)), chosen[1]):
            pair = differs(worlds, [(name, lines)], mode)
            if pair is not None:
                return Finding([(name, lines)], *pair, mode)
        return None
    before = list(sequences[:index])
    if differs(worlds, [*before, chosen], mode) is None:
        return None
    before = shrink(before, _one_by_one(lambda some: differs(worlds, [*some, chosen], mode) is not None))
    lines = shrink(chosen[1], _one_by_one(lambda some: differs(worlds, [*before, (name, some)], mode) is not None))
    pair = differs(worlds, [*before, (name, lines)], mode)
    return None if pair is None else Finding([*before, (name, lines)], *pair, mode)


__all__ = ["Finding", "compare", "differs", "minimise", "shrink"]

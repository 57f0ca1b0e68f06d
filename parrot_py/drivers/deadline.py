"""How long one thing may take to fetch: what is configured (``-T``), unless the job chose otherwise in the meantime."""

from __future__ import annotations

_chosen: float | None = None


def seconds(configured: float) -> float:
    """The seconds that count now, where *configured* are those of the configuration."""
    return configured if _chosen is None else _chosen


def choose(number: float | None) -> None:
    """From now on *number* seconds count for everything, or again what is configured."""
    global _chosen
    _chosen = number

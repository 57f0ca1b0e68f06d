"""What a probe found."""

from __future__ import annotations

from typing import NamedTuple

GOOD, NOTE, POOR, BAD = 0, 1, 2, 3
"""As it should be; worth knowing; works with a restriction; no job can run."""


class Finding(NamedTuple):
    """One line of the report, and the remedy where there is something to be done."""

    name: str
    state: int
    text: str
    remedy: str = ""

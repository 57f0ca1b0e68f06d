"""Setting up what others can see of a run: the socket where they may ask, the line on the terminal."""

from __future__ import annotations

import logging
import os
from typing import TYPE_CHECKING

from parrot_py import codes
from parrot_py.config.model import RunConfig
from parrot_py.control.door import Door

if TYPE_CHECKING:
    from parrot_py.figures import Account
    from parrot_py.parking import Parking
    from parrot_py.progress import Line

log = logging.getLogger("parrot_py.process")


_PLAIN = (b"", b"dumb", b"unknown")
"""Kinds of terminals of which nobody knows that they can go back to where the job wrote last."""


def listen(door: Door) -> None:
    """Let others ask what this run does, from the moment that the job is there."""
    try:
        door.listen()
    except OSError as error:
        log.warning("nobody can be told what this run does: %s", error.strerror, extra=codes.SILENT.extra)


def line(config: RunConfig, account: Account, parking: Parking) -> Line | None:
    """What tells on the terminal of long waits, where there is one that understands it."""
    if not os.isatty(2) or _terminal(config) in _PLAIN:
        return None
    from parrot_py.progress import Line

    made = Line(account, parking)
    parking.on_begin, parking.on_end = made.begins, made.ends
    return made


def _terminal(config: RunConfig) -> bytes:
    """The kind of the terminal; empty where nobody says."""
    return next((entry[5:] for entry in config.environ if entry.startswith(b"TERM=")), b"")

"""What is known of a remote tree until it is forgotten."""

from __future__ import annotations

import errno
from typing import NamedTuple

from parrot_py.drivers.base import Entry, Inode
from parrot_py.drivers.remote.source import Fact


class Content(NamedTuple):
    """What the driver keeps in an inode: the state that it is from, and what the server said."""

    state: State
    known: tuple[object, ...]


class State:
    """What is known since the last time that everything was forgotten."""

    def __init__(self) -> None:
        self.names: dict[bytes, Inode | int] = {}
        self.facts: dict[bytes, Fact] = {}
        self.listings: dict[bytes, list[Entry]] = {}
        self.over = float("inf")


def deduced(state: State, path: bytes) -> int | None:
    """The errno for a name that is not in a listing which is known, or is in something that is no directory."""
    above = path.rpartition(b"/")[0]
    if path and above in state.listings:
        return errno.ENOENT
    known = state.names.get(above)
    return errno.ENOTDIR if path and isinstance(known, Inode) and not known.is_dir else None

"""A stop of the job, as the C core tells of it."""

from __future__ import annotations

from typing import Any

from parrot_py.engine._core import ffi
from parrot_py.engine.kinds import Abi

CData = Any  # cffi's objects have no static types


class Stop:
    """A thread of the job at the entry of a call.

    ``native``: nothing of ours is concerned, the call is one that is always told.  ``persona`` is who its thread is
    taken for, in calls of kind ASKED: 0, or what :meth:`Engine.set_persona` gave it or an ancestor.

    ``path`` and ``base`` have two places, one per path argument: the path as the job gave it (``None``: none, or a NULL
    pointer) and, for a relative or empty path, the text of the link of its directory in /proc.
    """

    __slots__ = ("abi", "args", "base", "index", "memo", "native", "path", "persona", "serial", "tid")

    def __init__(self, c: CData) -> None:
        self.tid: int = c.tid
        self.serial: int = c.serial
        self.abi = Abi(c.abi)
        self.index: int = c.index
        self.native: int = c.native
        self.persona: int = c.persona
        self.args: list[int] = ffi.unpack(c.args, 6)
        p, q = c.path_len
        self.path = (
            None if p < 0 else ffi.buffer(c.path[0], p)[:],
            None if q < 0 else ffi.buffer(c.path[1], q)[:],
        )
        p, q = c.base_len
        self.base = (
            None if p < 0 else ffi.buffer(c.base[0], p)[:],
            None if q < 0 else ffi.buffer(c.base[1], q)[:],
        )
        self.memo: dict[object, object] | None = None

"""``-N``, ``--pid-fixed`` and ``--pid-warp``: the name of the machine and the number of the process."""

from __future__ import annotations

import itertools
import os

from parrot_py.config.pretences import FIXED
from parrot_py.engine.kinds import Kind
from parrot_py.guise import Part
from parrot_py.syscalls.call import Answer, Call, Rewrite
from parrot_py.syscalls.table import Row

FIRST_PID = 12345
_FIELD = 65  # of struct new_utsname and old_utsname
_OLDEST_FIELD = 9  # of struct oldold_utsname


def hostname(name: str) -> Part:
    """uname(2) as the kernel answers it, but for the name of the machine.

    Calls of i386 that are older have shorter structures.
    """
    text = os.fsencode(name)

    def uname(call: Call) -> Answer:
        field = _OLDEST_FIELD if call.name == "oldolduname" else _FIELD
        data = text[: field - 1].ljust(field, b"\0")
        return Rewrite(call.args, after=(call.args[0] + field, data))

    rows = (
        Row("uname", 63, 122, Kind.ASKED),
        Row("olduname", None, 109, Kind.ASKED),
        Row("oldolduname", None, 59, Kind.ASKED),
    )
    return Part(rows, {row.name: uname for row in rows})


def pids(how: str) -> Part:
    """getpid(2): always the same number, or one more for each call of the whole job."""
    count = itertools.repeat(FIRST_PID) if how == FIXED else itertools.count(FIRST_PID + 1)
    return Part((Row("getpid", 39, 20, Kind.ASKED),), {"getpid": lambda _: next(count)})

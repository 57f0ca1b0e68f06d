"""Calls with a name at which something is wrong, of which the kernel may find something else wrong before the name.

Only it knows what that is: whether there is a socket, and of what kind, whether a message fits, what an fanotify group
may mark.  So it is given a name of nothing, and where that is what it stumbles over, what is wrong with the job's name
takes its place.
"""

from __future__ import annotations

import errno
import struct

from parrot_py.engine.kinds import Kind
from parrot_py.syscalls.call import AT_EMPTY_PATH, AT_FDCWD, Answer, Call, Rewrite
from parrot_py.syscalls.table import Row

IN_VAIN = ("bind", "connect", "sendto", "fanotify_mark")
AF_UNIX = 1
_NOTHING = b"/proc/nothing/here"  # ENOENT also for a name to be created


def in_vain(call: Call, row: Row, error: OSError) -> Answer:
    """The answer to *call*, at whose name there is *error*; raises EIO, which is nothing of the kernel's."""
    if error.errno in (errno.EIO, None):
        raise error
    args: list[int | bytes | list[int | bytes]] = list(call.args)
    at = row.path[0]
    if row.kind in (Kind.SOCKADDR, Kind.SENDTO):
        address = struct.pack("=H", AF_UNIX) + _NOTHING + b"\0"
        args[at : at + 2] = [address, len(address)]
    else:
        args[at] = _NOTHING
    return Rewrite(args, nr=call.number(call.name), instead_of=errno.ENOENT, result=-error.errno)


def may_be_lent(call: Call) -> bool:
    """Whether the kernel looks at who opened a descriptor before it looks at names: linkat with AT_EMPTY_PATH."""
    return call.name == "linkat" and bool(call.args[4] & AT_EMPTY_PATH)


def lent(call: Call, code: int) -> Answer:
    """The answer *code* to a linkat that :func:`may_be_lent`, unless the kernel says that the descriptor is another's.

    ENOENT is its word for that, or, before Linux 6.10, for all who lack CAP_DAC_READ_SEARCH.  Linking what the
    descriptor is to the root directory cannot succeed.
    """
    relative = call.stop.path[0] is not None and call.stop.path[0][:1] != b"/"
    old: tuple[int | bytes, ...] = (call.args[0], b"") if relative else (AT_FDCWD, b"/")
    return Rewrite((*old, AT_FDCWD, b"/", AT_EMPTY_PATH, 0), instead_of=errno.EEXIST, result=-code)

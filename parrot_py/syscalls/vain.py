"""Calls with a name at which something is wrong, of which the kernel may find something else wrong before the name.

Only it knows what that is: whether there is a socket, and of what kind, whether a message fits, what an fanotify group
may mark.  So it is given a name of nothing, and where that is what it stumbles over, what is wrong with the job's name
takes its place.
"""

from __future__ import annotations

import errno
import struct

from parrot_py.engine.kinds import Kind
from parrot_py.syscalls.call import Answer, Call, Rewrite
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

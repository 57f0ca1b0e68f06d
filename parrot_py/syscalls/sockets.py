"""bind(2), connect(2), sendto(2), sendmsg(2) with the name of a local socket that leads elsewhere: another address.

An address has room for 107 bytes, and the place that a name leads to may be longer.  Then the kernel is given a short
way to it: a link in the session directory to the directory that the socket is in (or, to connect, to the socket).
"""

from __future__ import annotations

import errno
import os
import struct

from parrot_py.control import SOCKET
from parrot_py.places import Native, fail
from parrot_py.shortcuts import Shortcuts
from parrot_py.syscalls.call import PASS, Answer, Call, Rewrite
from parrot_py.syscalls.vain import AF_UNIX

_LONGEST = 107
_MESSAGE = 7  # words in struct msghdr, some of which are half padding


def socket_address(call: Call, at: int, place: Native) -> Answer:
    """The call with the address in arguments *at* and *at* + 1 (or in the struct msghdr that *at* leads to) leading to
    *place*; ENAMETOOLONG if nothing helps.
    """
    if not place.touched:
        return PASS
    path = _short(call.context.fdtable.shortcuts, place.path, follows=call.name != "bind")
    address = struct.pack("=H", AF_UNIX) + path + b"\0"
    args: list[int | bytes | list[int | bytes]] = list(call.args)
    if call.name == "sendmsg":
        width = call.layout.width
        message = struct.unpack(f"<{_MESSAGE}{call.layout.pointer}", call.read(call.args[at], _MESSAGE * width))
        args[at] = [address, len(address), *message[2:]]
    else:
        args[at : at + 2] = [address, len(address)]
    return Rewrite(args, nr=call.number(call.name))  # which socketcall is not


def control_address(call: Call) -> Answer:
    """Connect to the name that stands for the control socket of this run, which is made for the first who does."""
    if call.context.door is None:
        fail(errno.ECONNREFUSED)
    call.context.door.open()
    path = call.context.fdtable.directory + b"/" + SOCKET.encode()
    return socket_address(call, 1, Native(path, True))


def _short(shortcuts: Shortcuts, path: bytes, *, follows: bool) -> bytes:
    if len(path) <= _LONGEST:
        return path
    folder, name = os.path.split(path)
    for way in shortcuts.to(folder):
        if len(way) + 1 + len(name) <= _LONGEST:
            return way + b"/" + name
    if follows:
        for way in shortcuts.to(path):
            if len(way) <= _LONGEST:
                return way
    return fail(errno.ENAMETOOLONG)

"""Calls that turn out to be about native things: what the kernel is to run instead, if something of ours led there."""

from __future__ import annotations

import os

from parrot_py.engine.kinds import Kind
from parrot_py.fdtable import HostNode
from parrot_py.places import Native
from parrot_py.procfs import owner, reads, snapshot
from parrot_py.procstatus import status
from parrot_py.syscalls.call import AT_FDCWD, PASS, Answer, Call, Place, Redirect, Rewrite
from parrot_py.syscalls.sockets import socket_address
from parrot_py.syscalls.table import ROWS, Row

ADDRESSES = (Kind.SOCKADDR, Kind.SENDTO, Kind.SENDMSG)


def translate(call: Call, row: Row, places: list[Place]) -> Answer:
    """All paths are native: the kernel runs the call, with the resolved names where ours were on the way."""
    first = places[0]
    if row.kind in ADDRESSES and isinstance(first, Native):
        return socket_address(call, row.path[0], first)
    flags = call.flags(row.path[0] + 1) if row.name in ("open", "openat") else os.O_PATH
    copy = proc_file(call, first, flags)
    if copy is not None:
        return Redirect(row.path[0], copy)
    changed = [i for i, p in enumerate(places) if isinstance(p, Native) and p.touched]
    if not changed:
        return PASS
    if len(places) == 1 and row.path[0] < 2:
        # Opening a FIFO can sleep, and must then be restartable by a signal.
        return Redirect(row.path[0], places[0].path, one_stop=not row.name.startswith("open"))
    args: list[int | bytes | list[int | bytes]] = list(call.args)
    for i in changed:
        args[row.path[i]] = places[i].path
        if row.dirfd:
            args[row.dirfd[i]] = AT_FDCWD
    return Rewrite(args)


def proc_file(call: Call, place: Place, flags: int) -> bytes | None:
    """Opening a file of /proc that tells of our files and mounts: a copy with the names that the job knows."""
    if not reads(flags) or not place.path.startswith(b"/proc/") or not call.context.fdtable.copies.seen_by(call.tid):
        return None
    text = status(call.context.engine, place.path)
    if text is not None:
        return call.context.fdtable.copies.put(place.path, call.tid, text)
    process = owner(place.path)
    if process is not None and not call.credentials().sees(process):
        return None
    return snapshot(call.context.fdtable, call.context.namespace, place.path, call.tid)


def by_path(call: Call, node: HostNode) -> Answer:
    """A call by descriptor on such a copy: the file itself answers the same call by name (fstat: stat, and so on).

    A listing is the one that has no such other form; the copy is as little a directory as the file.
    """
    if ROWS[call.stop.index].kind is not Kind.FD or call.name == "quotactl_fd":
        return PASS
    return Rewrite((node.path, *call.args[1:6]), nr=call.number(call.name.replace("f", "", 1)))

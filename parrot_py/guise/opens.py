"""``-Y``: what is opened for writing is opened with O_SYNC, so that each write waits until its data is on the disk."""

from __future__ import annotations

import os
import struct

from parrot_py.guise import Part
from parrot_py.syscalls.call import OPEN_FLAGS, PASS, Answer, Call, Redirect, Rewrite

_HOW = struct.Struct("<QQQ")


def part() -> Part:
    """All ways to open a file."""
    return Part(adapters={"open": _open, "openat": _open, "creat": _creat, "openat2": _openat2})


def synced(flags: int) -> int:
    """*flags* of an open with O_SYNC, if it is one for writing."""
    writes = flags & os.O_ACCMODE != os.O_RDONLY and not flags & os.O_PATH
    return flags | os.O_SYNC if writes else flags


def plain_args(call: Call, answer: Answer) -> list[int | bytes | list[int | bytes]] | None:
    """The arguments with which the kernel is to run the call after all; ``None`` where it is not to, or another one."""
    args: list[int | bytes | list[int | bytes]] = list(call.args)
    if isinstance(answer, Redirect):
        args[answer.arg] = answer.path
        return args
    return args if answer is PASS else None


def _open(call: Call, answer: Answer) -> Answer:
    position = OPEN_FLAGS[call.name]
    flags = call.flags(position)
    if isinstance(answer, Rewrite):
        return _rewritten(call, answer)
    args = plain_args(call, answer)
    if args is None or synced(flags) == flags:
        return answer
    args[position] = synced(flags)
    return Rewrite(args)


def _creat(call: Call, answer: Answer) -> Answer:
    args = plain_args(call, answer)
    if args is None:
        return answer
    flags = os.O_CREAT | os.O_WRONLY | os.O_TRUNC | os.O_SYNC
    return Rewrite((args[0], flags, call.args[1], 0, 0, 0), nr=call.number("open"))


def _openat2(call: Call, answer: Answer) -> Answer:
    if isinstance(answer, Rewrite):
        return _rewritten(call, answer)
    size = call.args[3]
    if answer is not PASS or not _HOW.size <= size <= 4096:
        return answer  # the kernel says what is wrong with the size
    data = call.read(call.args[2], size)
    flags, mode, resolve = _HOW.unpack_from(data)
    if synced(flags) == flags:
        return answer
    args = (call.args[0], call.args[1], _HOW.pack(synced(flags), mode, resolve) + data[_HOW.size :], size, 0, 0)
    return Rewrite(args)


def _rewritten(call: Call, answer: Rewrite) -> Answer:
    """A call that was made an openat (or is one with other paths)."""
    position = 2 if answer.nr == call.number("openat") or call.name == "openat" else 1
    flags = answer.args[position]
    assert isinstance(flags, int)
    answer.args = [*answer.args[:position], synced(flags), *answer.args[position + 1 :]]
    return answer

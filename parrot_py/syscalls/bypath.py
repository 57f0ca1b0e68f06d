"""Calls by path: resolve what they name, check it against the table of mounts, and have the right side answer."""

from __future__ import annotations

import errno
import os

from parrot_py.control import NAME
from parrot_py.places import Native, Target, fail
from parrot_py.steps import RESOLVE_CACHED, RESOLVE_IN_ROOT
from parrot_py.syscalls import borders
from parrot_py.syscalls.arguments import how_to_create, resolve_place
from parrot_py.syscalls.call import AT_FDCWD, PASS, Answer, Call, Place, Rewrite, handlers
from parrot_py.syscalls.early import check_early
from parrot_py.syscalls.native import proc_file, translate
from parrot_py.syscalls.open import follows, read_how
from parrot_py.syscalls.pairs import second_failed
from parrot_py.syscalls.sockets import control_address
from parrot_py.syscalls.table import Row
from parrot_py.syscalls.vain import IN_VAIN, in_vain, lent, may_be_lent


def path_call(call: Call, row: Row) -> Answer:
    """The answer to a call with one or two paths (or the address of a socket)."""
    if row.name == "openat2":
        return _openat2(call, row)
    if row.name == "connect" and call.stop.path[0] == NAME:
        return control_address(call)
    try:
        early = check_early(call)
        return _resolved(call, row) if early is None else early
    except OSError as error:
        if row.name not in IN_VAIN:
            raise
        return in_vain(call, row, error)


def _resolved(call: Call, row: Row) -> Answer:
    if not may_be_lent(call):
        return _by_names(call, row)
    try:
        told = _by_names(call, row)
    except OSError as error:
        if error.errno in (errno.EFAULT, errno.EIO, None) or call.stop.path[0] is None:
            raise
        return lent(call, error.errno)
    return lent(call, -told) if isinstance(told, int) else told


def _by_names(call: Call, row: Row) -> Answer:
    places = [resolve_place(call, row, 0)]
    if len(row.path) > 1:
        try:
            places.append(resolve_place(call, row, 1))
        except OSError as error:
            return second_failed(call, places[0], error)
    return answer(call, row, places)


def answer(call: Call, row: Row, places: list[Place]) -> Answer:
    """The answer once its paths are resolved to *places*."""
    borders.check(call, row, places)
    ours = any(isinstance(p, Target) or p.magic is not None for p in places)
    if ours and (row.name.startswith("readlink") or any(isinstance(p, Target) for p in places)):
        return handlers[row.name](call, *places)
    return translate(call, row, places)


def _asks_file_system(call: Call, path: bytes, number: int | None) -> bool:
    """Whether the kernel finds this only after it has asked a file system, which RESOLVE_CACHED forbids."""
    if number == errno.ENOTDIR:
        based = path.startswith(b"/") or call.int32(0) == AT_FDCWD
        return not path.endswith(b"/") and (based or os.path.isdir(b"/proc/%d/fd/%d" % (call.tid, call.int32(0))))
    if number == errno.EXDEV:
        return path.startswith((b"/", b".."))  # but not when a link leads out
    return bool(path) and number in (errno.ENOENT, errno.EACCES, errno.ENAMETOOLONG)


def openat2_place(call: Call, row: Row) -> tuple[Place, int, int]:
    """What the path of openat2 stands for by its own rules for the walk, and the flags and mode with them in memory."""
    flags, mode, resolve = read_how(call)
    if resolve & RESOLVE_IN_ROOT and call.stop.base[0] is None:
        fd = call.int32(0)
        link = b"/proc/%d/cwd" % call.tid if fd == AT_FDCWD else b"/proc/%d/fd/%d" % (call.tid, fd)
        try:
            call.stop.base = (os.readlink(link), None)
        except FileNotFoundError:
            fail(errno.EBADF)
    path = call.stop.path[0] or b""
    if flags & (os.O_CREAT | os.O_PATH) == os.O_CREAT and path.rstrip(b"/").rpartition(b"/")[2] not in (b".", b".."):
        resolve |= how_to_create(path)
    try:
        place = resolve_place(call, row, 0, how=resolve, follow=follows(flags))
        if resolve & RESOLVE_CACHED and isinstance(place, Target):
            place.found()
        return place, flags, mode
    except OSError as error:
        if resolve & RESOLVE_CACHED and _asks_file_system(call, path, error.errno):
            fail(errno.EAGAIN)
        raise


def _openat2(call: Call, row: Row) -> Answer:
    place, flags, mode = openat2_place(call, row)
    borders.check(call, row, [place], flags)
    copy = proc_file(call, place, flags) if isinstance(place, Native) else None
    if copy is not None:
        return Rewrite((AT_FDCWD, copy, flags, mode, 0, 0), nr=call.number("openat"))
    if isinstance(place, Native) and not place.touched:
        return PASS
    return handlers[row.name](call, place, flags, mode)

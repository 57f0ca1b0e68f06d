"""open(2), openat(2), openat2(2), creat(2): a real descriptor on a verified object or on a placeholder."""

from __future__ import annotations

import errno
import os
import stat as st
import struct

from parrot_py.drivers.base import Inode
from parrot_py.fdtable import Node
from parrot_py.places import NORMAL, Native, Target, fail
from parrot_py.process import R
from parrot_py.steps import RESOLVE_BENEATH, RESOLVE_CACHED, RESOLVE_IN_ROOT, RESOLVE_KNOWN
from parrot_py.syscalls.call import AT_FDCWD, Answer, Call, Place, Redirect, Rewrite, handles
from parrot_py.syscalls.early import O_TMPFILE_BIT, check_open_flags

O_PATH = os.O_PATH
_WRITES = (os.O_WRONLY, os.O_RDWR, os.O_WRONLY | os.O_RDWR)
_KNOWN = (
    os.O_ACCMODE | os.O_CREAT | os.O_EXCL | os.O_NOCTTY | os.O_TRUNC | os.O_APPEND | os.O_NONBLOCK | os.O_SYNC
    | os.O_DSYNC | 0o20000 | os.O_DIRECT | 0o100000 | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_NOATIME | os.O_CLOEXEC
    | os.O_PATH | O_TMPFILE_BIT
)  # fmt: skip  # 0o20000 is FASYNC, 0o100000 O_LARGEFILE
_WITH_O_PATH = os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_HOW = struct.Struct("<QQQ")


def follows(flags: int) -> bool:
    """Whether open follows a link at the end of the path."""
    exclusive = os.O_CREAT | os.O_EXCL  # which O_PATH makes meaningless
    return not (flags & os.O_NOFOLLOW or flags & (exclusive | os.O_PATH) == exclusive)


def _check(call: Call, target: Target, flags: int) -> Inode:
    """The inode to open; raises what do_open() and may_open() find, in their order, on a read-only mount."""
    create = flags & os.O_CREAT
    if create and target.slash and target.last == NORMAL and not flags & O_PATH:
        fail(errno.EISDIR)  # before the name is looked at; dots are none
    if target.inode is None:
        fail(errno.EROFS if create else errno.ENOENT)
    inode = target.inode
    if create:
        if flags & os.O_EXCL:
            fail(errno.EEXIST)
        if inode.is_dir:
            fail(errno.EISDIR)
    if flags & os.O_DIRECTORY and not inode.is_dir:
        fail(errno.ENOTDIR)
    if flags & O_PATH:
        return inode
    if flags & O_TMPFILE_BIT:
        fail(errno.EROFS)
    _may_open(call, inode, flags)
    return inode


def _may_open(call: Call, inode: Inode, flags: int) -> None:
    writes = flags & os.O_ACCMODE in _WRITES
    mode = inode.mode
    if st.S_ISLNK(mode):
        fail(errno.ELOOP)
    if st.S_ISDIR(mode) and (writes or flags & os.O_TRUNC):
        fail(errno.EISDIR)
    if st.S_ISCHR(mode) or st.S_ISBLK(mode):
        fail(errno.EACCES)  # mounted nodev
    if (writes or flags & os.O_TRUNC) and st.S_ISREG(mode):
        fail(errno.EROFS)
    wanted = {os.O_RDONLY: 4, os.O_WRONLY: 2}.get(flags & os.O_ACCMODE, 6)
    if mode & 0o444 != 0o444 or wanted != R:
        credentials = call.credentials()
        if not credentials.may(inode, wanted):
            fail(errno.EACCES)
    if flags & os.O_NOATIME:
        credentials = call.credentials()
        if credentials.uid != inode.uid and not credentials.override:
            fail(errno.EPERM)
    if st.S_ISSOCK(mode):
        fail(errno.ENXIO)


def object_of(call: Call, node: Node) -> tuple[bytes, bool]:
    """What the kernel is to open for *node*, and whether that open can sleep."""
    fdtable, mode = call.context.fdtable, node.inode.mode
    if st.S_ISREG(mode):
        return call.file_of(node), False
    if st.S_ISDIR(mode):
        return fdtable.directory_of(node), False
    if st.S_ISLNK(mode):
        return fdtable.link_of(node), False
    return fdtable.fifo_of(node), True


def _open(call: Call, target: Target, flags: int, arg: int) -> Answer:
    if flags & O_PATH:
        flags &= _WITH_O_PATH
    _check(call, target, flags)
    path, sleeps = object_of(call, call.node(target))
    if target.found().is_link and not flags & os.O_NOFOLLOW:  # found by way of /proc/self/fd/N, which leads to it
        return Rewrite((AT_FDCWD, path, flags | os.O_NOFOLLOW, 0, 0, 0), nr=call.number("openat"))
    return Redirect(arg, path, one_stop=not sleeps)


@handles("open")
def open_(call: Call, target: Target) -> Answer:
    """open(path, flags, mode)."""
    return _open(call, target, call.flags(1), 0)


@handles("creat")
def creat(call: Call, target: Target) -> Answer:
    """creat(path, mode): open for writing, so EROFS at best."""
    return _open(call, target, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0)


@handles("openat")
def openat(call: Call, target: Target) -> Answer:
    """openat(dirfd, path, flags, mode)."""
    return _open(call, target, call.flags(2), 1)


def read_how(call: Call) -> tuple[int, int, int]:
    """``struct open_how``: flags, mode, resolve; raises EINVAL, E2BIG, EFAULT as openat2 does."""
    flags, mode, resolve = call.structure(call.args[2], call.args[3], _HOW)
    creates = flags & os.O_CREAT or flags & O_TMPFILE_BIT
    both = RESOLVE_BENEATH | RESOLVE_IN_ROOT
    if flags & ~_KNOWN or resolve & ~RESOLVE_KNOWN or mode & ~0o7777 or (mode and not creates):
        fail(errno.EINVAL)
    if resolve & both == both or (flags & O_PATH and flags & ~_WITH_O_PATH):
        fail(errno.EINVAL)
    check_open_flags(flags)
    if resolve & RESOLVE_CACHED and flags & (os.O_CREAT | os.O_TRUNC | O_TMPFILE_BIT):
        fail(errno.EAGAIN)
    return flags, mode, resolve


@handles("openat2")
def openat2(call: Call, place: Place, flags: int, mode: int) -> Answer:
    """openat2(dirfd, path, how, size): the walk has honoured ``resolve``; the kernel gets a plain openat."""
    if isinstance(place, Native):
        path = place.path
    else:
        path = b""
        answer = _open(call, place, flags, 1)
        if isinstance(answer, Redirect):
            path = answer.path
    return Rewrite((AT_FDCWD, path, flags | 0o100000, mode, 0, 0), nr=call.number("openat"))

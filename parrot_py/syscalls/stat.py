"""stat(2), statx(2), access(2), readlink(2), statfs(2): what a name or descriptor of ours is."""

from __future__ import annotations

import errno
import stat as st

from parrot_py.drivers.base import Inode
from parrot_py.engine.kinds import FOLLOW, MOUNT_ROOT, NOFOLLOW
from parrot_py.fdtable import Node
from parrot_py.places import Native, Target, fail
from parrot_py.process import W
from parrot_py.procmounts import mount_id
from parrot_py.syscalls.call import Answer, Call, Place, handles
from parrot_py.syscalls.layouts import (
    STATFS64_SIZE,
    oldstat_bytes,
    stat64_pieces,
    stat_bytes,
    statfs64_bytes,
    statx_bytes,
)


@handles("stat", "lstat")
def stat(call: Call, target: Target) -> Answer:
    """stat(path, buf): ENOENT, EFAULT; EOVERFLOW in programs of i386."""
    call.write(call.args[1], call.layout.stat(target.found(), target.tree.device))
    return 0


@handles("oldstat", "oldlstat")
def oldstat(call: Call, target: Target) -> Answer:
    """oldstat(path, buf): EOVERFLOW for most inodes."""
    call.write(call.args[1], oldstat_bytes(target.found(), target.tree.device))
    return 0


def _put_stat64(call: Call, inode: Inode, device: int, buffer: int) -> int:
    for offset, piece in stat64_pieces(inode, device):
        call.write(buffer + offset, piece)
    return 0


@handles("stat64", "lstat64")
def stat64(call: Call, target: Target) -> Answer:
    """stat64(path, buf)."""
    return _put_stat64(call, target.found(), target.tree.device, call.args[1])


@handles("fstatat64")
def fstatat64(call: Call, target: Target) -> Answer:
    """fstatat64(dirfd, path, buf, flags): what newfstatat is elsewhere."""
    return _put_stat64(call, target.found(), target.tree.device, call.args[2])


@handles("newfstatat")
def newfstatat(call: Call, target: Target) -> Answer:
    """newfstatat(dirfd, path, buf, flags); the descriptor itself with AT_EMPTY_PATH."""
    call.write(call.args[2], stat_bytes(target.found(), target.tree.device))
    return 0


def _warm(call: Call, node: Node) -> None:
    """Let the core answer the next fstat of this descriptor."""
    packed = stat_bytes(node.inode, node.tree.device)
    valid = FOLLOW | NOFOLLOW | (MOUNT_ROOT if node.path == node.tree.prefix else 0)
    call.context.engine.warm_name(call.stop.base[0] or b"", valid, stat=packed)


@handles("fstat")
def fstat(call: Call, node: Node) -> Answer:
    """fstat(fd, buf): field by field what stat of the path says that was opened."""
    _warm(call, node)
    call.write(call.args[1], call.layout.stat(node.inode, node.tree.device))
    return 0


@handles("oldfstat")
def oldfstat(call: Call, node: Node) -> Answer:
    """oldfstat(fd, buf)."""
    call.write(call.args[1], oldstat_bytes(node.inode, node.tree.device))
    return 0


@handles("fstat64")
def fstat64(call: Call, node: Node) -> Answer:
    """fstat64(fd, buf)."""
    _warm(call, node)
    return _put_stat64(call, node.inode, node.tree.device, call.args[1])


@handles("statx")
def statx(call: Call, target: Target) -> Answer:
    """statx(dirfd, path, flags, mask, buf): the basic fields and the mount, whatever the mask asks for."""
    top = target.path == target.tree.prefix
    call.write(call.args[4], statx_bytes(target.found(), target.tree.device, mount_id(target.tree), top))
    return 0


def _access(call: Call, target: Target, mode: int) -> int:
    inode = target.found()
    if mode & W and (st.S_ISREG(inode.mode) or st.S_ISDIR(inode.mode) or st.S_ISLNK(inode.mode)):
        fail(errno.EROFS)
    if mode and not call.may(inode, mode):
        fail(errno.EACCES)
    return 0


@handles("access")
def access(call: Call, target: Target) -> Answer:
    """access(path, mode): EROFS comes before EACCES, as in the kernel."""
    return _access(call, target, call.flags(1))


@handles("faccessat", "faccessat2")
def faccessat(call: Call, target: Target) -> Answer:
    """faccessat(dirfd, path, mode); faccessat2 adds flags."""
    return _access(call, target, call.flags(2))


def _put_link(call: Call, text: bytes, buffer: int, size: int) -> int:
    if size <= 0:
        fail(errno.EINVAL)
    text = text[:size]
    call.write(buffer, text)
    return len(text)


def _readlink(call: Call, place: Place, buffer: int, size: int) -> Answer:
    if size <= 0:
        fail(errno.EINVAL)
    if isinstance(place, Native):
        assert place.magic is not None
        return _put_link(call, place.magic, buffer, size)
    inode = place.found()
    if not inode.is_link:
        # An empty path names the descriptor itself; one that is no link has no text at all.
        fail(errno.ENOENT if call.stop.path[0] == b"" else errno.EINVAL)
    return _put_link(call, inode.target or b"", buffer, size)


@handles("readlink")
def readlink(call: Call, place: Place) -> Answer:
    """readlink(path, buf, size): the text of a link of ours, or the virtual name behind a link of /proc."""
    return _readlink(call, place, call.args[1], call.int32(2))


@handles("readlinkat")
def readlinkat(call: Call, place: Place) -> Answer:
    """readlinkat(dirfd, path, buf, size); an empty path reads a descriptor opened with O_PATH|O_NOFOLLOW."""
    return _readlink(call, place, call.args[2], call.int32(3))


def _statfs(call: Call, subject: Target | Node, buffer: int) -> int:
    fs = call.context.namespace.ask(subject.tree.driver.statfs)
    call.write(buffer, call.layout.statfs(fs, subject.tree.device))
    return 0


def _statfs64(call: Call, subject: Target | Node) -> int:
    fs = call.context.namespace.ask(subject.tree.driver.statfs)
    call.write(call.args[2], statfs64_bytes(fs, subject.tree.device))
    return 0


@handles("statfs")
def statfs(call: Call, target: Target) -> Answer:
    """statfs(path, buf); EOVERFLOW in programs of i386."""
    target.found()
    return _statfs(call, target, call.args[1])


@handles("fstatfs")
def fstatfs(call: Call, node: Node) -> Answer:
    """fstatfs(fd, buf)."""
    return _statfs(call, node, call.args[1])


@handles("statfs64")
def statfs64(call: Call, target: Target) -> Answer:
    """statfs64(path, size, buf)."""
    target.found()
    return _statfs64(call, target)


@handles("fstatfs64")
def fstatfs64(call: Call, node: Node) -> Answer:
    """fstatfs64(fd, size, buf): EINVAL for another size than that of the structure."""
    if call.args[1] != STATFS64_SIZE:
        fail(errno.EINVAL)
    return _statfs64(call, node)

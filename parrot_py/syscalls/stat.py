"""stat(2), statx(2), access(2), readlink(2), statfs(2): what a name or descriptor of ours is."""

from __future__ import annotations

import errno
import os
import stat as st
import struct

from parrot_py.drivers.base import Inode
from parrot_py.engine.core import FOLLOW, NOFOLLOW
from parrot_py.fdtable import Node
from parrot_py.places import Native, Target, fail
from parrot_py.process import W
from parrot_py.syscalls.call import Answer, Call, Place, handles

_STAT = struct.Struct("<QQQIIIIQqqq" + "Qq" * 3 + "24x")
_STATX = struct.Struct("<IIQIIIHxxQQQQ" + "qIi" * 4 + "IIIIQQQ" + "88x")
STATX_BASIC_STATS = 0x7FF
_STATFS = struct.Struct("<qqQQQQQiiqqq32x")
_FUSE_MAGIC = 0x65735546
_ST_RDONLY_NOSUID_NODEV_VALID = 0x1 | 0x2 | 0x4 | 0x20
BLOCK = 4096


def _blocks(inode: Inode) -> int:
    """st_blocks in units of 512 bytes, as the real client computes it."""
    return 1 + inode.size // 512


def stat_bytes(inode: Inode, device: int) -> bytes:
    """``struct stat`` of x86_64."""
    seconds, ns = divmod(inode.mtime_ns, 10**9)
    times = (seconds, ns) * 3
    return _STAT.pack(
        device, inode.ino, inode.nlink, inode.mode, inode.uid, inode.gid, 0, inode.rdev, inode.size, BLOCK,
        _blocks(inode), *[t & 0xFFFFFFFFFFFFFFFF if i % 2 == 0 else t for i, t in enumerate(times)],
    )  # fmt: skip


def statx_bytes(inode: Inode, device: int) -> bytes:
    """``struct statx`` with the basic fields and nothing that we do not know."""
    seconds, ns = divmod(inode.mtime_ns, 10**9)
    time = (seconds, ns, 0)
    return _STATX.pack(
        STATX_BASIC_STATS, BLOCK, 0, inode.nlink, inode.uid, inode.gid, inode.mode, inode.ino, inode.size,
        _blocks(inode), 0, *time, 0, 0, 0, *time, *time,
        os.major(inode.rdev), os.minor(inode.rdev), os.major(device), os.minor(device), 0, 0, 0,
    )  # fmt: skip


@handles("stat", "lstat")
def stat(call: Call, target: Target) -> Answer:
    """stat(path, buf): ENOENT, EFAULT."""
    call.write(call.args[1], stat_bytes(target.found(), target.tree.device))
    return 0


@handles("newfstatat")
def newfstatat(call: Call, target: Target) -> Answer:
    """newfstatat(dirfd, path, buf, flags); the descriptor itself with AT_EMPTY_PATH."""
    call.write(call.args[2], stat_bytes(target.found(), target.tree.device))
    return 0


@handles("fstat")
def fstat(call: Call, node: Node) -> Answer:
    """fstat(fd, buf): field by field what stat of the path says that was opened."""
    packed = stat_bytes(node.inode, node.tree.device)
    call.context.engine.warm_name(call.stop.base[0] or b"", FOLLOW | NOFOLLOW, stat=packed)
    call.write(call.args[1], packed)
    return 0


@handles("statx")
def statx(call: Call, target: Target) -> Answer:
    """statx(dirfd, path, flags, mask, buf): the basic fields whatever the mask asks for."""
    call.write(call.args[4], statx_bytes(target.found(), target.tree.device))
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


def _statfs(call: Call, target: Target | Node, buffer: int) -> int:
    fs = call.context.namespace.ask(target.tree.driver.statfs)
    device = target.tree.device
    call.write(
        buffer,
        _STATFS.pack(
            _FUSE_MAGIC, fs.bsize, fs.blocks, fs.bfree, fs.bavail, fs.files, fs.ffree, device & 0x7FFFFFFF, 0,
            fs.namelen, fs.bsize, _ST_RDONLY_NOSUID_NODEV_VALID,
        ),
    )  # fmt: skip
    return 0


@handles("statfs")
def statfs(call: Call, target: Target) -> Answer:
    """statfs(path, buf)."""
    target.found()
    return _statfs(call, target, call.args[1])


@handles("fstatfs")
def fstatfs(call: Call, node: Node) -> Answer:
    """fstatfs(fd, buf)."""
    return _statfs(call, node, call.args[1])

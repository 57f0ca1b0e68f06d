"""Structures as the kernel writes them into a program's memory, for programs of both ABIs.

Those of i386 have fields that are too narrow for some values: what does not fit is EOVERFLOW, but of uids, which are
shown as the overflow id, and of times and blocks, which lose their upper bits.
"""

from __future__ import annotations

import errno
import os
import struct
from typing import Callable, NamedTuple

from parrot_py.drivers.base import Inode, StatFs
from parrot_py.places import fail

USUAL_BLOCK = 4096
STATX_BASIC_STATS = 0x7FF
STATFS64_SIZE = 84  # of i386; callers must know it

_STAT = struct.Struct("<QQQIIIIQqqq" + "Qq" * 3 + "24x")
_STATX_MNT_ID, _ATTR_MOUNT_ROOT = 0x1000, 0x2000  # since Linux 5.8
_STATX = struct.Struct("<IIQIIIHxxQQQQ" + "qIi" * 4 + "IIIIQQQ" + "88x")
_STATFS = struct.Struct("<qqQQQQQiiqqq32x")
_STAT_I386 = struct.Struct("<IIHHHHIIII" + "II" * 3 + "8x")
_OLDSTAT = struct.Struct("<7H2xIIII")
_STAT64 = struct.Struct("<Q4xIIIIIQ4xqIQ" + "II" * 3 + "Q")
_STAT64_WRITTEN = ((0, 8), (12, 40), (44, 96))  # the padding between is left as it was
_STATFS_I386 = struct.Struct("<7Iii3I16x")
_STATFS64 = struct.Struct("<IIQQQQQii3I16x")
_FUSE_MAGIC = 0x65735546
_ST_RDONLY_NOSUID_NODEV_VALID = 0x1 | 0x2 | 0x4 | 0x20
_OVERFLOW_ID = 65534
_U16, _U32 = 0xFFFF, 0xFFFFFFFF


class _Block:
    size = USUAL_BLOCK


_block = _Block()


def choose_block(size: int) -> None:
    """Let st_blksize of all inodes be *size* from now on."""
    _block.size = size


def _blocks(inode: Inode) -> int:
    """st_blocks in units of 512 bytes, as the real client computes it."""
    return 1 + inode.size // 512


def stat_bytes(inode: Inode, device: int) -> bytes:
    """``struct stat`` of x86_64."""
    seconds, ns = divmod(inode.mtime_ns, 10**9)
    times = (seconds & 0xFFFFFFFFFFFFFFFF, ns) * 3
    return _STAT.pack(
        device, inode.ino, inode.nlink, inode.mode, inode.uid, inode.gid, 0, inode.rdev, inode.size, _block.size,
        _blocks(inode), *times,
    )  # fmt: skip


def statx_bytes(inode: Inode, device: int, mount: int, top: bool) -> bytes:
    """``struct statx`` with the basic fields, the id of the *mount* and whether this is its *top*."""
    seconds, ns = divmod(inode.mtime_ns, 10**9)
    time = (seconds, ns, 0)
    attributes = _ATTR_MOUNT_ROOT if top else 0
    return _STATX.pack(
        STATX_BASIC_STATS | _STATX_MNT_ID, _block.size, attributes, inode.nlink, inode.uid, inode.gid, inode.mode,
        inode.ino, inode.size, _blocks(inode), _ATTR_MOUNT_ROOT, *time, 0, 0, 0, *time, *time,
        os.major(inode.rdev), os.minor(inode.rdev), os.major(device), os.minor(device), mount, 0, 0,
    )  # fmt: skip


def _fs_fields(fs: StatFs, device: int) -> tuple[int, ...]:
    return (
        _FUSE_MAGIC, fs.bsize, fs.blocks, fs.bfree, fs.bavail, fs.files, fs.ffree, device & 0x7FFFFFFF, 0,
        fs.namelen, fs.bsize, _ST_RDONLY_NOSUID_NODEV_VALID,
    )  # fmt: skip


def _statfs(fs: StatFs, device: int) -> bytes:
    return _STATFS.pack(*_fs_fields(fs, device))


def _need(fits: bool) -> None:
    if not fits:
        fail(errno.EOVERFLOW)


def _id16(number: int) -> int:
    return number if number <= _U16 else _OVERFLOW_ID


def _times_i386(inode: Inode) -> tuple[int, int]:
    seconds, ns = divmod(inode.mtime_ns, 10**9)
    return seconds & _U32, ns


def _stat_i386(inode: Inode, device: int) -> bytes:
    _need(inode.ino <= _U32 and inode.nlink <= _U16 and inode.size < 1 << 31)
    return _STAT_I386.pack(
        device & _U32, inode.ino, inode.mode, inode.nlink, _id16(inode.uid), _id16(inode.gid), inode.rdev & _U32,
        inode.size, _block.size, _blocks(inode) & _U32, *_times_i386(inode) * 3,
    )  # fmt: skip


def oldstat_bytes(inode: Inode, device: int) -> bytes:
    """``struct __old_kernel_stat``, which has 16 bits for the number of an inode; raises EOVERFLOW."""
    _need(inode.ino <= _U16 and inode.nlink <= _U16)
    dev, rdev = ((os.major(d) << 8 | os.minor(d)) & _U16 for d in (device, inode.rdev))
    seconds = _times_i386(inode)[0]
    return _OLDSTAT.pack(
        dev, inode.ino, inode.mode, inode.nlink, _id16(inode.uid), _id16(inode.gid), rdev, inode.size & _U32,
        seconds, seconds, seconds,
    )  # fmt: skip


def stat64_pieces(inode: Inode, device: int) -> list[tuple[int, bytes]]:
    """``struct stat64`` of i386, in pieces with their offsets."""
    data = _STAT64.pack(
        device, inode.ino & _U32, inode.mode, inode.nlink, inode.uid, inode.gid, inode.rdev, inode.size, _block.size,
        _blocks(inode), *_times_i386(inode) * 3, inode.ino,
    )  # fmt: skip
    return [(begin, data[begin:end]) for begin, end in _STAT64_WRITTEN]


def _statfs_i386(fs: StatFs, device: int) -> bytes:
    _need(max(fs.blocks, fs.bfree, fs.bavail, fs.files, fs.ffree) <= _U32)
    return _STATFS_I386.pack(*_fs_fields(fs, device))


def statfs64_bytes(fs: StatFs, device: int) -> bytes:
    """``struct statfs64`` of i386."""
    return _STATFS64.pack(*_fs_fields(fs, device))


class Layout(NamedTuple):
    """What the ABIs have differently: pointers, and the structures of stat, statfs, utimensat and getdents."""

    pointer: str  # as a code of the struct module
    long_bits: int
    stat: Callable[[Inode, int], bytes]
    statfs: Callable[[StatFs, int], bytes]
    times: struct.Struct
    dirent: struct.Struct  # up to the name

    @property
    def width(self) -> int:
        """Bytes of a pointer."""
        return self.long_bits // 8


LAYOUTS = (
    Layout("Q", 64, stat_bytes, _statfs, struct.Struct("<qqqq"), struct.Struct("<QQH")),
    Layout("I", 32, _stat_i386, _statfs_i386, struct.Struct("<iiii"), struct.Struct("<IIH")),
)
"""By :class:`parrot_py.engine.kinds.Abi`."""

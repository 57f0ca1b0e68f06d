"""Argument checks that the kernel makes before it looks a path up: bad flags, modes, times and names.

Each raises the call's errno, returns its result, or returns ``None`` to go on.  They matter because the look-up is
ours: the kernel never sees a call whose path leads to nothing.
"""

from __future__ import annotations

import errno
import os
import stat as st
import struct
from collections.abc import Sequence

from parrot_py.engine.kinds import Abi
from parrot_py.places import fail
from parrot_py.syscalls.call import Call
from parrot_py.syscalls.early_admin import ADMIN_CHECKS, Check
from parrot_py.syscalls.early_admin import flags_known as _flags
from parrot_py.syscalls.layouts import LAYOUTS, STATFS64_SIZE

UTIME_NOW, UTIME_OMIT = (1 << 30) - 1, (1 << 30) - 2
O_TMPFILE_BIT = 0o20000000
XATTR_NAME_MAX, XATTR_SIZE_MAX = 255, 65536
_PATH_MAX = 4096
_XATTR_ARGS = struct.Struct("<QII")
_STATX_SYNC = 0x6000
_STATX_RESERVED = 0x80000000


def _open(position: int) -> Check:
    def check(call: Call) -> None:
        flags = call.flags(position)
        if flags & os.O_PATH:
            return
        if flags & O_TMPFILE_BIT:
            writes = flags & os.O_ACCMODE != os.O_RDONLY
            if not writes or not flags & os.O_DIRECTORY or flags & os.O_CREAT:
                fail(errno.EINVAL)
        elif flags & os.O_CREAT and flags & os.O_DIRECTORY:
            fail(errno.EINVAL)

    return check


def _mknod(position: int) -> Check:
    def check(call: Call) -> None:
        kind = st.S_IFMT(call.flags(position))
        if kind == st.S_IFDIR:
            fail(errno.EPERM)
        if kind not in (0, st.S_IFREG, st.S_IFCHR, st.S_IFBLK, st.S_IFIFO, st.S_IFSOCK):
            fail(errno.EINVAL)

    return check


def _symlink(call: Call) -> None:
    if not call.string(call.args[0], _PATH_MAX):
        fail(errno.ENOENT)


def _statx(call: Call) -> None:
    flags = call.flags(2)
    if flags & ~(0x1900 | _STATX_SYNC) or flags & _STATX_SYNC == _STATX_SYNC or call.flags(3) & _STATX_RESERVED:
        fail(errno.EINVAL)


def _read_times(call: Call, position: int) -> Sequence[int]:
    """Two times, as seconds and a fraction; the kernel looks at the lower half of the fractions of a 32-bit program."""
    if call.name != "utimensat_time64":
        layout = call.layout.times
        return layout.unpack(call.read(call.args[position], layout.size))
    wide = LAYOUTS[Abi.X86_64].times
    first, access, second, change = wide.unpack(call.read(call.args[position], wide.size))
    return first, access & 0xFFFFFFFF, second, change & 0xFFFFFFFF


def _utimensat(call: Call) -> int | None:
    """Both times UTIME_OMIT: nothing to do, whatever the path is."""
    if call.args[2]:
        _, access, _, change = _read_times(call, 2)
        if access == change == UTIME_OMIT:
            return 0
    _flags(3, 0x1100)(call)
    if not call.args[1] and call.flags(3):  # futimens has none
        fail(errno.EINVAL)
    return None


def check_times(call: Call) -> None:
    """The times of utimensat, which the kernel looks at after the path; raises EINVAL."""
    if call.args[2]:
        _, access, _, change = _read_times(call, 2)
        if any(not 0 <= ns < 10**9 and ns not in (UTIME_NOW, UTIME_OMIT) for ns in (access, change)):
            fail(errno.EINVAL)


def _utimes(position: int) -> Check:
    def check(call: Call) -> None:
        if call.args[position]:
            _, access, _, change = _read_times(call, position)
            if not (0 <= access < 10**6 and 0 <= change < 10**6):
                fail(errno.EINVAL)

    return check


def _truncate(call: Call) -> None:
    if call.args[1] >> (call.layout.long_bits - 1):
        fail(errno.EINVAL)


def _truncate64(call: Call) -> None:
    if call.args[2] >> 31:  # the upper half of the length
        fail(errno.EINVAL)


def _statfs64(call: Call) -> None:
    if call.args[1] != STATFS64_SIZE:
        fail(errno.EINVAL)


def xattr_name(call: Call, position: int = 1) -> bytes:
    """The name argument of the xattr family; raises EFAULT, ERANGE."""
    try:
        name = call.string(call.args[position], XATTR_NAME_MAX + 1)
    except OSError as error:
        fail(errno.ERANGE if error.errno == errno.ENAMETOOLONG else error.errno or errno.EFAULT)
    if not name:
        fail(errno.ERANGE)
    return name


def _xattr(call: Call) -> None:
    xattr_name(call)


def _setxattr(call: Call) -> None:
    if call.flags(4) & ~3:
        fail(errno.EINVAL)
    xattr_name(call)
    if call.args[3] > XATTR_SIZE_MAX:
        fail(errno.E2BIG)
    if call.args[3]:
        call.read(call.args[2], call.args[3])


def read_xattr_args(call: Call) -> tuple[int, int, int]:
    """``struct xattr_args``: address of the value, its size, flags; raises EINVAL, E2BIG, EFAULT as the kernel does."""
    size = call.args[5]
    if size < _XATTR_ARGS.size:
        fail(errno.EINVAL)
    if size > _PATH_MAX:
        fail(errno.E2BIG)
    raw = call.read(call.args[4], size)
    if any(raw[_XATTR_ARGS.size :]):
        fail(errno.E2BIG)
    value, length, flags = _XATTR_ARGS.unpack(raw[: _XATTR_ARGS.size])
    return value, length, flags


def _getxattrat(call: Call) -> None:
    _flags(2, 0x1100)(call)
    if read_xattr_args(call)[2]:
        fail(errno.EINVAL)
    xattr_name(call, 3)


def _setxattrat(call: Call) -> None:
    _flags(2, 0x1100)(call)
    value, size, flags = read_xattr_args(call)
    if flags & ~3:
        fail(errno.EINVAL)
    xattr_name(call, 3)
    if size > XATTR_SIZE_MAX:
        fail(errno.E2BIG)
    if size:
        call.read(value, size)


def _removexattrat(call: Call) -> None:
    _flags(2, 0x1100)(call)
    xattr_name(call, 3)


def _access(position: int) -> Check:
    return _flags(position, 7)


def _both(*checks: Check) -> Check:
    def check(call: Call) -> None:
        for one in checks:
            one(call)

    return check


CHECKS: dict[str, Check] = {
    **ADMIN_CHECKS,
    "access": _access(1),
    "faccessat": _access(2),
    "faccessat2": _both(_access(2), _flags(3, 0x1300)),
    "fchmodat2": _flags(3, 0x1100),
    "fchownat": _flags(4, 0x1100),
    "fstatat64": _flags(3, 0x1900 | _STATX_SYNC),
    "futimesat": _utimes(2),
    "getxattr": _xattr,
    "getxattrat": _getxattrat,
    "listxattrat": _flags(2, 0x1100),
    "removexattrat": _removexattrat,
    "setxattrat": _setxattrat,
    "lgetxattr": _xattr,
    "linkat": _flags(4, 0x1400),
    "lremovexattr": _xattr,
    "lsetxattr": _setxattr,
    "mknod": _mknod(1),
    "mknodat": _mknod(2),
    "newfstatat": _flags(3, 0x1900 | _STATX_SYNC),
    "open": _open(1),
    "openat": _open(2),
    "removexattr": _xattr,
    "setxattr": _setxattr,
    "statfs64": _statfs64,
    "statx": _statx,
    "symlink": _symlink,
    "symlinkat": _symlink,
    "truncate": _truncate,
    "truncate64": _truncate64,
    "unlinkat": _flags(2, 0x200),
    "utimensat": _utimensat,
    "utimensat_time64": _utimensat,
    "utimes": _utimes(1),
}


def check_early(call: Call) -> int | None:
    """Make the checks of *call*: its result if that settles it, else ``None``; raises its errno."""
    check = CHECKS.get(call.name)
    return None if check is None else check(call)

"""Argument checks that the kernel makes before it looks a path up: bad flags, modes, times and names.

Each raises the call's errno, returns its answer, or returns ``None`` to go on.  They matter because the look-up is
ours: the kernel never sees a call whose path leads to nothing.
"""

from __future__ import annotations

import errno
import os
import stat as st
from collections.abc import Sequence

from parrot_py.engine.kinds import Abi
from parrot_py.places import fail
from parrot_py.syscalls.call import AT_EMPTY_PATH, AT_FDCWD, Answer, Call
from parrot_py.syscalls.early_admin import ADMIN_CHECKS, Check
from parrot_py.syscalls.early_admin import flags_known as _flags
from parrot_py.syscalls.early_xattr import (
    check_getxattrat,
    check_removexattrat,
    check_setxattr,
    check_setxattrat,
    check_xattr,
)
from parrot_py.syscalls.layouts import LAYOUTS, STATFS64_SIZE

UTIME_NOW, UTIME_OMIT = (1 << 30) - 1, (1 << 30) - 2
O_TMPFILE_BIT = 0o20000000
_PATH_MAX = 4096
_STATX_SYNC = 0x6000
AT_EXECVE_CHECK = 0x10000  # since Linux 6.14
_RENAME_NOREPLACE, _RENAME_EXCHANGE, _RENAME_WHITEOUT = 1, 2, 4
_STATX_RESERVED = 0x80000000


def check_open_flags(flags: int) -> None:
    """What build_open_flags() refuses with EINVAL."""
    if flags & os.O_PATH:
        return
    if flags & O_TMPFILE_BIT:
        writes = flags & os.O_ACCMODE != os.O_RDONLY
        if not writes or not flags & os.O_DIRECTORY or flags & os.O_CREAT:
            fail(errno.EINVAL)
    elif flags & os.O_CREAT and flags & os.O_DIRECTORY:
        fail(errno.EINVAL)


def _open(position: int) -> Check:
    return lambda call: check_open_flags(call.flags(position))


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


def _asks_descriptor(call: Call, flags: int) -> bool:
    """Whether a stat is about its descriptor: since Linux 6.11 that is one by fstat, which knows no flags."""
    if not flags & AT_EMPTY_PATH or call.int32(0) < 0:
        return False
    return call.stop.path[0] == b"" or not call.args[1]


def _fstatat(call: Call) -> None:
    flags = call.flags(3)
    if flags & ~(0x1900 | _STATX_SYNC) and not _asks_descriptor(call, flags):
        fail(errno.EINVAL)


def _statx(call: Call) -> None:
    flags = call.flags(2)
    if flags & _STATX_SYNC == _STATX_SYNC or call.flags(3) & _STATX_RESERVED:
        fail(errno.EINVAL)
    if flags & ~(0x1900 | _STATX_SYNC) and not _asks_descriptor(call, flags):
        fail(errno.EINVAL)


def _read_times(call: Call, position: int) -> Sequence[int]:
    """Two times, as seconds and a fraction; the kernel looks at the lower half of the fractions of a 32-bit program."""
    if call.name != "utimensat_time64":
        layout = call.layout.times
        return layout.unpack(call.read(call.args[position], layout.size))
    wide = LAYOUTS[Abi.X86_64].times
    first, access, second, change = wide.unpack(call.read(call.args[position], wide.size))
    return first, access & 0xFFFFFFFF, second, change & 0xFFFFFFFF


def _no_path(call: Call, flags: int) -> None:
    """Without a path these calls are about the descriptor, and take no flags."""
    if not call.args[1]:
        if call.int32(0) == AT_FDCWD:
            fail(errno.EFAULT)
        if flags:
            fail(errno.EINVAL)


def _futimesat(call: Call) -> None:
    _utimes(2)(call)
    _no_path(call, 0)


def _utimensat(call: Call) -> int | None:
    """Both times UTIME_OMIT: nothing to do, whatever the path is."""
    if call.args[2]:
        _, access, _, change = _read_times(call, 2)
        if access == change == UTIME_OMIT:
            return 0
    _flags(3, 0x1100)(call)
    _no_path(call, call.flags(3))
    return None


def check_times(call: Call) -> None:
    """The times of utimensat, which the kernel looks at after the path; raises EINVAL."""
    if call.args[2]:
        _, access, _, change = _read_times(call, 2)
        if any(not 0 <= ns < 10**9 and ns not in (UTIME_NOW, UTIME_OMIT) for ns in (access, change)):
            fail(errno.EINVAL)


def _utime(call: Call) -> None:
    if call.args[1]:
        call.read(call.args[1], call.layout.times.size // 2)


def _rename_flags(call: Call) -> None:
    flags = call.flags(4)
    exchange, others = flags & _RENAME_EXCHANGE, flags & (_RENAME_NOREPLACE | _RENAME_WHITEOUT)
    if flags & ~7 or (exchange and others):
        fail(errno.EINVAL)


def _link_size(position: int) -> Check:
    def check(call: Call) -> None:
        if call.int32(position) <= 0:
            fail(errno.EINVAL)

    return check


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


def _execveat(call: Call) -> None:
    flags = call.flags(4)
    if not call.args[1]:
        fail(errno.EFAULT)
    if call.stop.path[0] == b"" and not flags & AT_EMPTY_PATH:
        fail(errno.ENOENT)
    if flags & ~(0x1100 | AT_EXECVE_CHECK):
        fail(errno.EINVAL)


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
    "execveat": _execveat,
    "faccessat2": _both(_access(2), _flags(3, 0x1300)),
    "fchmodat2": _flags(3, 0x1100),
    "fchownat": _flags(4, 0x1100),
    "fremovexattr": check_xattr,
    "fsetxattr": check_setxattr,
    "fstatat64": _fstatat,
    "futimesat": _futimesat,
    "getxattr": check_xattr,
    "getxattrat": check_getxattrat,
    "listxattrat": _flags(2, 0x1100),
    "removexattrat": check_removexattrat,
    "setxattrat": check_setxattrat,
    "lgetxattr": check_xattr,
    "linkat": _flags(4, 0x1400),
    "lremovexattr": check_xattr,
    "lsetxattr": check_setxattr,
    "mknod": _mknod(1),
    "mknodat": _mknod(2),
    "newfstatat": _fstatat,
    "open": _open(1),
    "openat": _open(2),
    "readlink": _link_size(2),
    "readlinkat": _link_size(3),
    "removexattr": check_xattr,
    "renameat2": _rename_flags,
    "setxattr": check_setxattr,
    "statfs64": _statfs64,
    "statx": _statx,
    "symlink": _symlink,
    "symlinkat": _symlink,
    "truncate": _truncate,
    "truncate64": _truncate64,
    "unlinkat": _flags(2, 0x200),
    "utime": _utime,
    "utimensat": _utimensat,
    "utimensat_time64": _utimensat,
    "utimes": _utimes(1),
}


def check_early(call: Call) -> Answer | None:
    """Make the checks of *call*: its answer if that settles it, else ``None``; raises its errno."""
    check = CHECKS.get(call.name)
    return None if check is None else check(call)

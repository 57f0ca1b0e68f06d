"""What the kernel finds wrong with the arguments of the xattr family before it looks a path up: see early.py."""

from __future__ import annotations

import errno
import struct

from parrot_py.places import fail
from parrot_py.syscalls.call import Call
from parrot_py.syscalls.early_admin import flags_known

XATTR_NAME_MAX, XATTR_SIZE_MAX = 255, 65536
_XATTR_ARGS = struct.Struct("<QII")

_at_flags = flags_known(2, 0x1100)


def xattr_name(call: Call, position: int = 1) -> bytes:
    """The name argument of the xattr family; raises EFAULT, ERANGE."""
    try:
        name = call.string(call.args[position], XATTR_NAME_MAX + 1)
    except OSError as error:
        fail(errno.ERANGE if error.errno == errno.ENAMETOOLONG else error.errno or errno.EFAULT)
    if not name:
        fail(errno.ERANGE)
    return name


def check_xattr(call: Call) -> None:
    """getxattr, removexattr: EFAULT, ERANGE."""
    xattr_name(call)


def check_setxattr(call: Call) -> None:
    """setxattr: EINVAL, EFAULT, ERANGE, E2BIG."""
    if call.flags(4) & ~3:
        fail(errno.EINVAL)
    xattr_name(call)
    if call.args[3] > XATTR_SIZE_MAX:
        fail(errno.E2BIG)
    if call.args[3]:
        call.read(call.args[2], call.args[3])


def read_xattr_args(call: Call) -> tuple[int, int, int]:
    """``struct xattr_args``: address of the value, its size, flags; raises EINVAL, E2BIG, EFAULT as the kernel does."""
    value, length, flags = call.structure(call.args[4], call.args[5], _XATTR_ARGS)
    return value, length, flags


def check_getxattrat(call: Call) -> None:
    """getxattrat: its structure first."""
    if read_xattr_args(call)[2]:
        fail(errno.EINVAL)
    _at_flags(call)
    xattr_name(call, 3)


def check_setxattrat(call: Call) -> None:
    """setxattrat: its structure first."""
    value, size, flags = read_xattr_args(call)
    _at_flags(call)
    if flags & ~3:
        fail(errno.EINVAL)
    xattr_name(call, 3)
    if size > XATTR_SIZE_MAX:
        fail(errno.E2BIG)
    if size:
        call.read(value, size)


def check_removexattrat(call: Call) -> None:
    """removexattrat: EINVAL, EFAULT, ERANGE."""
    _at_flags(call)
    xattr_name(call, 3)

"""xattr(7): reading by path and by descriptor; writing is EROFS."""

from __future__ import annotations

import errno
import stat as st
from typing import Union

from parrot_py.fdtable import Node
from parrot_py.places import Target, fail
from parrot_py.syscalls.call import Answer, Call, handles

_NAME_MAX = 255
_CREATE, _REPLACE = 1, 2
_SIZE_MAX = 65536

Subject = Union[Target, Node]


def _name(call: Call, address: int) -> bytes:
    try:
        name = call.string(address, _NAME_MAX + 1)
    except OSError as error:
        fail(errno.ERANGE if error.errno == errno.ENAMETOOLONG else error.errno or errno.EFAULT)
    if not name:
        fail(errno.ERANGE)
    return name


def _hand_over(call: Call, value: bytes, buffer: int, size: int) -> int:
    if size:
        if len(value) > size:
            fail(errno.ERANGE)
        call.write(buffer, value)
    return len(value)


def _get(call: Call, subject: Subject, name: bytes, buffer: int, size: int) -> int:
    inode = subject.found() if isinstance(subject, Target) else subject.inode
    plain = st.S_ISREG(inode.mode) or st.S_ISDIR(inode.mode)
    if name.startswith(b"user.") and not plain:
        fail(errno.ENODATA)  # xattr_permission(): user attributes exist on files and directories only
    if name.startswith(b"trusted.") and not call.credentials().override:
        fail(errno.ENODATA)
    value = call.context.namespace.ask(subject.tree.driver.getxattr, inode, name)
    return _hand_over(call, value, buffer, size)


def _list(call: Call, subject: Subject, buffer: int, size: int) -> int:
    inode = subject.found() if isinstance(subject, Target) else subject.inode
    names = call.context.namespace.ask(subject.tree.driver.listxattr, inode)
    return _hand_over(call, b"".join(name + b"\0" for name in names), buffer, size)


@handles("getxattr", "lgetxattr", "fgetxattr")
def getxattr(call: Call, subject: Subject) -> Answer:
    """getxattr(path or fd, name, value, size): the length; ENODATA, ERANGE."""
    return _get(call, subject, _name(call, call.args[1]), call.args[2], call.args[3])


@handles("listxattr", "llistxattr", "flistxattr")
def listxattr(call: Call, subject: Subject) -> Answer:
    """listxattr(path or fd, list, size): NUL-ended names; ERANGE."""
    return _list(call, subject, call.args[1], call.args[2])


@handles("setxattr", "lsetxattr", "fsetxattr")
def setxattr(call: Call, subject: Subject) -> Answer:
    """setxattr(path or fd, name, value, size, flags): arguments are checked first, then EROFS."""
    if call.flags(4) & ~(_CREATE | _REPLACE):
        fail(errno.EINVAL)
    _name(call, call.args[1])
    if call.args[3] > _SIZE_MAX:
        fail(errno.E2BIG)
    if call.args[3]:
        call.read(call.args[2], call.args[3])
    if isinstance(subject, Target):
        subject.found()
    fail(errno.EROFS)


@handles("removexattr", "lremovexattr", "fremovexattr")
def removexattr(call: Call, subject: Subject) -> Answer:
    """removexattr(path or fd, name): EROFS."""
    _name(call, call.args[1])
    if isinstance(subject, Target):
        subject.found()
    fail(errno.EROFS)

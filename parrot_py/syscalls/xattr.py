"""xattr(7): reading by path and by descriptor; writing is EROFS."""

from __future__ import annotations

import errno
from typing import Union

from parrot_py.drivers.base import Inode
from parrot_py.fdtable import Node
from parrot_py.places import Target, fail
from parrot_py.process import R
from parrot_py.syscalls.call import Answer, Call, handles
from parrot_py.syscalls.early import check_early
from parrot_py.syscalls.early_xattr import read_xattr_args, xattr_name

_KNOWN = (b"user.", b"trusted.", b"security.")
_ACLS = (b"system.posix_acl_access", b"system.posix_acl_default")

Subject = Union[Target, Node]


def _hand_over(call: Call, value: bytes, buffer: int, size: int) -> int:
    if size:
        if len(value) > size:
            fail(errno.ERANGE)
        call.write(buffer, value)
    return len(value)


def _get(call: Call, subject: Subject, name: bytes, buffer: int, size: int) -> int:
    inode = subject.found() if isinstance(subject, Target) else subject.inode
    _may_get(call, inode, name)
    try:
        value = call.context.namespace.ask(subject.tree.driver.getxattr, inode, name, call.credentials().gid)
    except OSError as error:
        if error.errno == errno.ENODATA and not name.startswith(_KNOWN) and (name not in _ACLS or inode.is_link):
            fail(errno.EOPNOTSUPP)  # no file system has such a namespace
        raise
    return _hand_over(call, value, buffer, size)


def _may_get(call: Call, inode: Inode, name: bytes) -> None:
    """What xattr_permission() and the namespaces' own rules refuse."""
    if name.startswith(b"trusted.") and not call.credentials().override:
        fail(errno.ENODATA)
    if name.startswith(b"user.") and not (inode.is_regular or inode.is_dir):
        fail(errno.ENODATA)
    if not name.startswith((b"trusted.", b"security.", b"system.")) and not call.may(inode, R):
        fail(errno.EACCES)
    if name in _KNOWN:
        fail(errno.EINVAL)


def _list(call: Call, subject: Subject, buffer: int, size: int) -> int:
    inode = subject.found() if isinstance(subject, Target) else subject.inode
    names = call.context.namespace.ask(subject.tree.driver.listxattr, inode)
    return _hand_over(call, b"".join(name + b"\0" for name in names), buffer, size)


def _opened(call: Call) -> None:
    """EBADF for a descriptor of O_PATH, where the call is about the descriptor itself."""
    if call.name.startswith("f") or (call.name.endswith("at") and not call.stop.path[0] and call.int32(0) >= 0):
        call.need_opened(call.int32(0))


def _need_descriptor(call: Call) -> None:
    """Without a path listxattrat and removexattrat take no AT_FDCWD, which the other two do."""
    if not call.stop.path[0] and call.int32(0) < 0:
        fail(errno.EBADF)


@handles("getxattr", "lgetxattr", "fgetxattr")
def getxattr(call: Call, subject: Subject) -> Answer:
    """getxattr(path or fd, name, value, size): the length; ENODATA, EOPNOTSUPP, EACCES, ERANGE."""
    name = xattr_name(call)
    _opened(call)
    return _get(call, subject, name, call.args[2], call.args[3])


@handles("listxattr", "llistxattr", "flistxattr")
def listxattr(call: Call, subject: Subject) -> Answer:
    """listxattr(path or fd, list, size): NUL-ended names; ERANGE."""
    _opened(call)
    return _list(call, subject, call.args[1], call.args[2])


@handles("getxattrat")
def getxattrat(call: Call, target: Target) -> Answer:
    """getxattrat(dirfd, path, flags, name, args, size): getxattr with a ``struct xattr_args`` for value and size."""
    _opened(call)
    value, size, _ = read_xattr_args(call)
    return _get(call, target, xattr_name(call, 3), value, size)


@handles("listxattrat")
def listxattrat(call: Call, target: Target) -> Answer:
    """listxattrat(dirfd, path, flags, list, size): without a path it is about a descriptor, not the directory."""
    _need_descriptor(call)
    _opened(call)
    return _list(call, target, call.args[3], call.args[4])


@handles(
    "setxattrat", "removexattrat", "setxattr", "lsetxattr", "fsetxattr", "removexattr", "lremovexattr", "fremovexattr"
)
def setxattr(call: Call, subject: Subject) -> Answer:
    """setxattr, removexattr: EROFS once the subject is found."""
    if call.name.startswith("f"):
        check_early(call)  # the others' checks were made before their path was looked up
    if call.name == "removexattrat":
        _need_descriptor(call)
    _opened(call)
    if isinstance(subject, Target):
        subject.found()
    fail(errno.EROFS)

"""What the kernel checks before the path in calls that administer file systems, watch them, or make handles."""

from __future__ import annotations

import errno
import os
import struct
from typing import Callable, Optional

from parrot_py.places import fail
from parrot_py.syscalls.call import PASS, Answer, Call

OPEN_TREE_CLONE, _AT_RECURSIVE = 0x1, 0x8000
_PATH_MAX = 4096
_FILE_ATTR_SIZE = 24
_FILE_FLAGS = 0x8001FFFB  # FS_XFLAGS_MASK
_UMOUNT_FLAGS = 0xF
_HANDLE_FLAGS = 0x1603  # AT_HANDLE_MNT_ID_UNIQUE, _CONNECTABLE, _FID, AT_SYMLINK_FOLLOW, AT_EMPTY_PATH
_INOTIFY_BITS, _IN_MASK_CREATE, _IN_MASK_ADD = 0xF700EFFF, 0x10000000, 0x20000000
_FANOTIFY_FLAGS, _FAN_ADD_REMOVE, _FAN_FLUSH = 0x7FF, 0x3, 0x80
_SWAP_FLAGS = 0x7FFFF
_FSPICK_FLAGS = 0xF
_MOUNT_ATTR = struct.Struct("<QQQQ")
_MOUNT_SETATTR_FLAGS = 0x9900

Check = Callable[[Call], Optional[Answer]]


def flags_known(position: int, known: int) -> Check:
    """EINVAL for flags at *position* that are not among *known*."""

    def check(call: Call) -> None:
        if call.flags(position) & ~known:
            fail(errno.EINVAL)

    return check


def administer(call: Call) -> None:
    """Asks for a capability before it looks at anything; who may override permissions has that one, too."""
    if not call.credentials().override:
        fail(errno.EPERM)


def _open_tree(call: Call) -> None:
    flags = call.flags(2)
    recursive_copy = flags & (_AT_RECURSIVE | OPEN_TREE_CLONE)
    if flags & ~(OPEN_TREE_CLONE | os.O_CLOEXEC | _AT_RECURSIVE | 0x1900) or recursive_copy == _AT_RECURSIVE:
        fail(errno.EINVAL)
    if flags & OPEN_TREE_CLONE:
        administer(call)


def _open_tree_attr(call: Call) -> None:
    if not call.args[3] and call.args[4]:
        fail(errno.EINVAL)
    _open_tree(call)


def changes_of_mount(call: Call, address: int, size: int) -> bool:
    """Whether ``struct mount_attr`` asks for any change; raises what is wrong with it or its caller, in their order."""
    if size > _PATH_MAX:
        fail(errno.E2BIG)
    if size < _MOUNT_ATTR.size:
        fail(errno.EINVAL)
    administer(call)
    raw = call.read(address, size)
    if any(raw[_MOUNT_ATTR.size :]):
        fail(errno.E2BIG)
    return any(_MOUNT_ATTR.unpack(raw[: _MOUNT_ATTR.size])[:3])


def _mount_setattr(call: Call) -> int | None:
    """No change is no error, whatever the path is."""
    flags_known(2, _MOUNT_SETATTR_FLAGS)(call)
    return None if changes_of_mount(call, call.args[3], call.args[4]) else 0


def _fspick(call: Call) -> None:
    administer(call)
    flags_known(2, _FSPICK_FLAGS)(call)


def _swapon(call: Call) -> None:
    flags_known(1, _SWAP_FLAGS)(call)
    administer(call)


def _file_attr(call: Call) -> None:
    if call.flags(4) & ~0x1100 or call.args[3] < _FILE_ATTR_SIZE:
        fail(errno.EINVAL)
    if call.args[3] > _PATH_MAX:
        fail(errno.E2BIG)


def _file_setattr(call: Call) -> None:
    _file_attr(call)
    raw = call.read(call.args[2], call.args[3])
    if any(raw[_FILE_ATTR_SIZE:]):
        fail(errno.E2BIG)
    if int.from_bytes(raw[:8], "little") & ~_FILE_FLAGS:
        fail(errno.EINVAL)


def _mount(call: Call) -> None:
    """The strings and the page of options are copied first."""
    for position in (2, 0):
        if call.args[position]:
            try:
                call.string(call.args[position], _PATH_MAX)
            except OSError as error:
                fail(errno.EINVAL if error.errno == errno.ENAMETOOLONG else errno.EFAULT)
    if call.args[4]:
        call.read(call.args[4], 1)


def _descriptor(call: Call, position: int, kind: bytes) -> None:
    """EBADF where there is no opened descriptor, EINVAL where it is not the *kind* that the call needs."""
    fd = call.int32(position)
    try:
        text = os.readlink(b"/proc/%d/fd/%d" % (call.tid, fd))
    except OSError:
        fail(errno.EBADF)
    if text != kind:
        call.need_opened(fd)
        fail(errno.EINVAL)


def _inotify(call: Call) -> None:
    mask = call.flags(2)
    if not mask & _INOTIFY_BITS:
        fail(errno.EINVAL)
    _descriptor(call, 0, b"anon_inode:inotify")
    if mask & _IN_MASK_ADD and mask & _IN_MASK_CREATE:
        fail(errno.EINVAL)


def _fanotify(call: Call) -> Answer | None:
    """Without a mark to add or remove the path is not looked at."""
    flags_known(1, _FANOTIFY_FLAGS)(call)
    if not call.flags(1) & _FAN_ADD_REMOVE or call.flags(1) & _FAN_FLUSH:
        return PASS
    _descriptor(call, 0, b"anon_inode:[fanotify]")
    return None


ADMIN_CHECKS: dict[str, Check] = {
    "acct": administer,
    "fanotify_mark": _fanotify,
    "file_getattr": _file_attr,
    "file_setattr": _file_setattr,
    "fspick": _fspick,
    "inotify_add_watch": _inotify,
    "mount": _mount,
    "mount_setattr": _mount_setattr,
    "move_mount": administer,
    "name_to_handle_at": flags_known(4, _HANDLE_FLAGS),
    "open_tree": _open_tree,
    "open_tree_attr": _open_tree_attr,
    "pivot_root": administer,
    "swapon": _swapon,
    "umount2": flags_known(1, _UMOUNT_FLAGS),
}

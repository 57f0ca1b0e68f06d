"""Calls that administer file systems: mounts, quotas, accounting, handles, attributes of the inode.

What a repository is mounted as exists in our answers only, so nothing can be made of its mount: EPERM, which is also
what everybody but root hears of a real one.
"""

from __future__ import annotations

import errno
import stat as st

from parrot_py.fdtable import Node
from parrot_py.places import Target, fail
from parrot_py.process import R
from parrot_py.syscalls.call import AT_FDCWD, AT_SYMLINK_NOFOLLOW, Answer, Call, Place, Redirect, Rewrite, handles
from parrot_py.syscalls.early_admin import OPEN_TREE_CLONE, changes_of_mount
from parrot_py.syscalls.open import object_of

_FAN_MARK_ONLYDIR = 8
_QUOTA_KINDS = 3
_QUOTA_READS = (0x800001, 0x800004, 0x800005, 0x5803, 0x5805, 0x5807, 0x5808, 0x5809)  # quotactl_cmd_write()


@handles("pivot_root", "move_mount")
def move_mount(call: Call, old: Place, new: Place) -> Answer:  # noqa: ARG001 - all handlers have one signature
    """pivot_root, move_mount: EPERM even for root."""
    fail(errno.EPERM)


@handles("fspick", "mount_setattr")
def fspick(call: Call, target: Target) -> Answer:
    """Changes of a mount: EINVAL for what is not its top, else EPERM even for root."""
    target.found()
    fail(errno.EPERM if _is_mount(call, target) else errno.EINVAL)


def _is_mount(call: Call, target: Target) -> bool:
    return target.path == target.tree.prefix or target.path in call.context.namespace.roots


@handles("mount", "umount2", "umount")
def mount(call: Call, target: Target) -> Answer:  # noqa: ARG001
    """mount, umount: the place is looked up first."""
    target.found()
    fail(errno.EPERM)


@handles("chroot")
def chroot(call: Call, target: Target) -> Answer:
    """chroot: needs a capability that jobs do not have; into a repository it is refused even to root."""
    call.need_enterable(target.found())
    fail(errno.EPERM)


@handles("open_tree", "open_tree_attr")
def open_tree(call: Call, target: Target) -> Answer:
    """open_tree(dirfd, path, flags): without OPEN_TREE_CLONE (and changes of the mount) the kernel opens the object."""
    flags, inode = call.flags(2), target.found()
    if flags & OPEN_TREE_CLONE:
        fail(errno.EPERM)
    if call.name == "open_tree_attr" and call.args[3] and changes_of_mount(call, call.args[3], call.args[4]):
        fail(errno.EPERM if _is_mount(call, target) else errno.EINVAL)
    path, _ = object_of(call, call.node(target))
    if inode.is_link and not flags & AT_SYMLINK_NOFOLLOW:  # the descriptor of one
        return Rewrite((AT_FDCWD, path, flags | AT_SYMLINK_NOFOLLOW, *call.args[3:6]))
    return Redirect(1, path)


@handles("acct", "swapon")
def acct(call: Call, target: Target) -> Answer:  # noqa: ARG001
    """acct, swapon: only root gets as far as this, and may not write here either."""
    mode = target.found().mode
    if st.S_ISDIR(mode):
        fail(errno.EISDIR)
    fail(errno.EROFS if st.S_ISREG(mode) else errno.EACCES)


@handles("quotactl")
def quotactl(call: Call, target: Target) -> Answer:  # noqa: ARG001
    """quotactl(cmd, device, id, address): nothing here is a device that may be opened."""
    mode = target.found().mode
    fail(errno.EACCES if st.S_ISBLK(mode) else errno.ENOTBLK)


@handles("quotactl_fd")
def quotactl_fd(call: Call, node: Node) -> Answer:  # noqa: ARG001
    """quotactl_fd(fd, command, …): a mount of FUSE has no quotas; EROFS for commands that may change some."""
    command, kind = call.flags(1) >> 8, call.flags(1) & 0xFF
    if kind >= _QUOTA_KINDS:
        fail(errno.EINVAL)
    fail(errno.ENOSYS if command in _QUOTA_READS else errno.EROFS)


@handles("fanotify_mark")
def fanotify_mark(call: Call, target: Target) -> Answer:
    """fanotify_mark(fd, flags, mask, dirfd, path): ENODEV, as on a file system without an id."""
    inode = target.found()
    if call.flags(1) & _FAN_MARK_ONLYDIR and not inode.is_dir:
        fail(errno.ENOTDIR)
    fail(errno.ENODEV if call.may(inode, R) else errno.EACCES)


@handles("name_to_handle_at")
def name_to_handle_at(call: Call, target: Target) -> Answer:  # noqa: ARG001
    """name_to_handle_at: EOPNOTSUPP, as on a mount that cannot be exported."""
    target.found()
    fail(errno.EOPNOTSUPP)


@handles("file_getattr", "file_setattr")
def file_getattr(call: Call, target: Target) -> Answer:
    """file_getattr, file_setattr(dirfd, path, attributes, size, flags): EOPNOTSUPP on FUSE; EROFS to change them."""
    target.found()
    if call.stop.path[0] == b"" and call.int32(0) != AT_FDCWD:
        call.need_opened(call.int32(0))
    fail(errno.EROFS if call.name == "file_setattr" else errno.EOPNOTSUPP)

"""Calls that would change a repository: EROFS, or what the kernel finds before it comes to that.

The precedence is that of namei.c on a read-only mount: for a name to be created an existing one is EEXIST and only then
EROFS; for a name to be removed EROFS comes before the name is even looked up; a change of attributes looks it up first.
"""

from __future__ import annotations

import errno
import os
import stat as st
import struct

from parrot_py.fdtable import Node
from parrot_py.places import DOT, DOTDOT, NORMAL, TOP, Native, Target, fail
from parrot_py.process import X
from parrot_py.syscalls.call import Answer, Call, Place, Redirect, handles
from parrot_py.syscalls.open import object_of

_UTIME_OMIT = (1 << 30) - 2
_RENAME_NOREPLACE, _RENAME_EXCHANGE, _RENAME_WHITEOUT = 1, 2, 4
_AT_REMOVEDIR = 0x200


def _create(target: Target, *, directory: bool = False) -> int:
    """What filename_create() answers."""
    if target.last != NORMAL or target.inode is not None:
        fail(errno.EEXIST)
    if target.slash and not directory:
        fail(errno.ENOENT)
    fail(errno.EROFS)


@handles("mkdir", "mkdirat")
def mkdir(call: Call, target: Target) -> Answer:  # noqa: ARG001 - all handlers have one signature
    """mkdir: EEXIST, EROFS."""
    return _create(target, directory=True)


@handles("mknod", "mknodat", "symlink", "symlinkat")
def mknod(call: Call, target: Target) -> Answer:  # noqa: ARG001
    """mknod, symlink: EEXIST, EROFS."""
    return _create(target)


@handles("unlink")
def unlink(call: Call, target: Target) -> Answer:  # noqa: ARG001
    """unlink: EISDIR for ``.``, ``..`` and the root, else EROFS even for a missing name."""
    fail(errno.EISDIR if target.last != NORMAL else errno.EROFS)


@handles("rmdir")
def rmdir(call: Call, target: Target) -> Answer:  # noqa: ARG001
    """rmdir: EINVAL for ``.``, ENOTEMPTY for ``..``, EBUSY for the root, else EROFS."""
    fail({DOT: errno.EINVAL, DOTDOT: errno.ENOTEMPTY, TOP: errno.EBUSY}.get(target.last, errno.EROFS))


@handles("unlinkat")
def unlinkat(call: Call, target: Target) -> Answer:
    """unlinkat(dirfd, path, flags): unlink or rmdir."""
    flags = call.flags(2)
    if flags & ~_AT_REMOVEDIR:
        fail(errno.EINVAL)
    return rmdir(call, target) if flags else unlink(call, target)


@handles("rename", "renameat", "renameat2")
def rename(call: Call, old: Place, new: Place) -> Answer:
    """rename: EXDEV across mounts, EBUSY for ``.`` and ``..``, else EROFS even for a missing name."""
    flags = call.flags(4) if call.name == "renameat2" else 0
    exchange = flags & _RENAME_EXCHANGE
    if flags & ~7 or (exchange and flags & (_RENAME_NOREPLACE | _RENAME_WHITEOUT)):
        fail(errno.EINVAL)
    if isinstance(old, Native) or isinstance(new, Native) or old.tree is not new.tree:
        fail(errno.EXDEV)
    if old.last != NORMAL:
        fail(errno.EBUSY)
    if new.last != NORMAL:
        fail(errno.EEXIST if flags & _RENAME_NOREPLACE else errno.EBUSY)
    fail(errno.EROFS)


@handles("link", "linkat")
def link(call: Call, old: Place, new: Place) -> Answer:
    """link: the old name must exist; then the new one is created, or lies on another file system."""
    if call.name == "linkat" and call.flags(4) & ~0x1400:
        fail(errno.EINVAL)
    if isinstance(old, Target):
        old.found()
    if isinstance(new, Native):
        if not isinstance(old, Native) and _native_parent_missing(new):
            fail(errno.ENOENT)
        fail(errno.EXDEV)
    return _create(new)


def _native_parent_missing(new: Native) -> bool:
    if os.path.lexists(new.path):
        fail(errno.EEXIST)
    return not os.path.isdir(os.path.dirname(new.path.rstrip(b"/")))


@handles("chmod", "fchmodat", "fchmodat2", "chown", "lchown", "fchownat", "utime", "utimes", "futimesat")
def chmod(call: Call, target: Target) -> Answer:  # noqa: ARG001
    """Changes of attributes: ENOENT, then EROFS."""
    target.found()
    fail(errno.EROFS)


@handles("fchmod", "fchown")
def fchmod(call: Call, node: Node) -> Answer:  # noqa: ARG001
    """The same by descriptor; one opened with O_PATH is EBADF, which the kernel knows."""
    fail(errno.EROFS)


@handles("utimensat")
def utimensat(call: Call, target: Target) -> Answer:
    """utimensat(dirfd, path, times, flags): nothing to do when both times are UTIME_OMIT, else EROFS."""
    if call.args[2]:
        _, access, _, change = struct.unpack("<qqqq", call.read(call.args[2], 32))
        if access == change == _UTIME_OMIT:
            return 0
    target.found()
    return -errno.EROFS


@handles("truncate")
def truncate(call: Call, target: Target) -> Answer:
    """truncate(path, length): EINVAL, ENOENT, EISDIR, EINVAL for special files, EROFS."""
    if call.args[1] >> 63:
        fail(errno.EINVAL)
    mode = target.found().mode
    if st.S_ISDIR(mode):
        fail(errno.EISDIR)
    fail(errno.EROFS if st.S_ISREG(mode) else errno.EINVAL)


@handles("chroot")
def chroot(call: Call, target: Target) -> Answer:
    """chroot: needs a capability that jobs do not have; into a repository it is refused even to root."""
    inode = target.found()
    if not inode.is_dir:
        fail(errno.ENOTDIR)
    if not call.credentials().may(inode, X):
        fail(errno.EACCES)
    fail(errno.EPERM)


@handles("inotify_add_watch")
def inotify_add_watch(call: Call, target: Target) -> Answer:
    """Watch the placeholder: a repository never changes under the job, so no event is due."""
    target.found()
    path, _ = object_of(call, call.node(target))
    return Redirect(1, path)


@handles("name_to_handle_at", "acct", "swapon", "umount2", "pivot_root", "mount")
def refuse(call: Call, *places: Place) -> Answer:
    """Calls that have no meaning on a repository: EOPNOTSUPP for handles, EPERM for administration."""
    for place in places:
        if isinstance(place, Target):
            place.found()
    fail(errno.EOPNOTSUPP if call.name == "name_to_handle_at" else errno.EPERM)

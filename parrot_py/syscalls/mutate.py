"""Calls that would change a repository: EROFS, or what the kernel finds before it comes to that.

The precedence is that of namei.c on a read-only mount: for a name to be created an existing one is EEXIST and only then
EROFS; for a name to be removed EROFS comes before the name is even looked up; a change of attributes looks it up first.
"""

from __future__ import annotations

import errno
import os
import stat as st

from parrot_py.fdtable import Node
from parrot_py.namespace import Tree
from parrot_py.places import DOT, DOTDOT, NORMAL, TOP, Native, Target, fail
from parrot_py.process import R, W
from parrot_py.steps import NAME_MAX
from parrot_py.syscalls.call import Answer, Call, Place, Redirect, handles
from parrot_py.syscalls.early import check_times
from parrot_py.syscalls.open import object_of
from parrot_py.syscalls.pairs import settle

_RENAME_NOREPLACE = 1
_IN_ONLYDIR = 0x01000000


def _create(target: Target, *, directory: bool = False) -> int:
    """What filename_create() answers."""
    if target.last != NORMAL or target.inode is not None:
        fail(errno.EEXIST)
    if len(target.path) - target.path.rfind(b"/") - 1 > NAME_MAX:
        fail(errno.ENAMETOOLONG)
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
def unlink(call: Call, target: Target) -> Answer:
    """unlink: EISDIR for ``.``, ``..`` and the root, else EROFS even for a missing name."""
    if _is_name_of_host(call, target):
        kept = _kept_by_host(target)
        fail(kept if kept == errno.EROFS or (kept and not target.slash) else errno.EISDIR)
    fail(errno.EISDIR if target.last != NORMAL else errno.EROFS)


@handles("rmdir")
def rmdir(call: Call, target: Target) -> Answer:
    """rmdir: EINVAL for ``.``, ENOTEMPTY for ``..``, EBUSY for the root, else EROFS."""
    if _is_name_of_host(call, target):
        fail(_kept_by_host(target) or errno.EBUSY)
    fail({DOT: errno.EINVAL, DOTDOT: errno.ENOTEMPTY, TOP: errno.EBUSY}.get(target.last, errno.EROFS))


@handles("unlinkat")
def unlinkat(call: Call, target: Target) -> Answer:
    """unlinkat(dirfd, path, flags): unlink or rmdir."""
    return rmdir(call, target) if call.flags(2) else unlink(call, target)


@handles("rename", "renameat", "renameat2")
def rename(call: Call, old: Place, new: Place) -> Answer:
    """rename: EXDEV across mounts, EBUSY for ``.`` and ``..``, else EROFS even for a missing name."""
    if isinstance(old, Native) or isinstance(new, Native):
        return settle(call, old, new)
    flags = call.flags(4) if call.name == "renameat2" else 0
    if old.holder is not None and call.context.namespace.tree_of(old.holder) is None:
        return -errno.EEXIST if flags & _RENAME_NOREPLACE else 0  # a mount in a directory of the host, to its own name
    if tree_of_name(call, old) is None and tree_of_name(call, new) is None:
        return settle(call, old, new)
    if tree_of_name(call, old) is not tree_of_name(call, new):
        fail(errno.EXDEV)
    if old.last != NORMAL:
        fail(errno.EBUSY)
    if new.last != NORMAL:
        fail(errno.EEXIST if flags & _RENAME_NOREPLACE else errno.EBUSY)
    return -errno.EROFS


def _is_name_of_host(call: Call, target: Target) -> bool:
    """Whether the *name* lies in a directory of the host: that of a mount point."""
    return target.last == NORMAL and target.path in call.context.namespace.roots


def _kept_by_host(target: Target) -> int:
    """The errno for removing anything from the host's directory that *target* is in; 0: that is no obstacle."""
    above = os.path.dirname(target.path)
    if os.statvfs(above).f_flag & os.ST_RDONLY:
        return errno.EROFS
    return 0 if os.access(above, os.W_OK | os.X_OK) else errno.EACCES


def tree_of_name(call: Call, target: Target) -> Tree | None:
    """The tree that the name of *target* lies in: for the top of a repository that is /cvmfs."""
    roots = call.context.namespace.roots
    if _is_name_of_host(call, target):
        return None
    if target.last == NORMAL and target.path == target.tree.prefix and target.path not in roots:
        return roots[os.path.dirname(target.path)]
    return target.tree


@handles("link", "linkat")
def link(call: Call, old: Place, new: Place) -> Answer:
    """link: the old name must exist; then the new one is created, or lies on another file system."""
    if isinstance(old, Native) or isinstance(new, Native):
        return settle(call, old, new, _create)
    old.found()
    return _create(new)


@handles("chmod", "fchmodat", "fchmodat2", "chown", "lchown", "fchownat", "utime", "utimes", "futimesat",
         "chown32", "lchown32")  # fmt: skip
def chmod(call: Call, target: Target) -> Answer:
    """Changes of attributes: ENOENT, then EROFS; EBADF for futimesat on a descriptor opened with O_PATH."""
    if call.stop.path[0] is None:
        call.need_opened(call.int32(0))
    target.found()
    fail(errno.EROFS)


@handles("fchmod", "fchown", "fchown32")
def fchmod(call: Call, node: Node) -> Answer:  # noqa: ARG001
    """The same by descriptor; EBADF for one opened with O_PATH."""
    call.need_opened(call.int32(0))
    fail(errno.EROFS)


@handles("utimensat", "utimensat_time64")
def utimensat(call: Call, target: Target) -> Answer:
    """utimensat(dirfd, path, times, flags): ENOENT, EINVAL for times out of range, EROFS."""
    if not call.args[1]:  # futimens
        call.need_opened(call.int32(0))
    target.found()
    check_times(call)
    return -errno.EROFS


@handles("truncate", "truncate64")
def truncate(call: Call, target: Target) -> Answer:  # noqa: ARG001
    """truncate(path, length): ENOENT, EISDIR, EINVAL for special files, EROFS."""
    mode = target.found().mode
    if st.S_ISDIR(mode):
        fail(errno.EISDIR)
    fail(errno.EROFS if st.S_ISREG(mode) else errno.EINVAL)


@handles("inotify_add_watch")
def inotify_add_watch(call: Call, target: Target) -> Answer:
    """Watch the placeholder: what a new revision changes makes no events, as on a FUSE mount."""
    inode, mask = target.found(), call.flags(2)
    if mask & _IN_ONLYDIR and not inode.is_dir:
        fail(errno.ENOTDIR)  # a rule for the look-up, which comes before permissions
    if not call.may(inode, R):
        fail(errno.EACCES)
    path, _ = object_of(call, call.node(target))
    return Redirect(1, path)


@handles("bind", "connect", "sendto", "sendmsg")
def bind(call: Call, target: Target) -> Answer:
    """Names of AF_UNIX sockets: bind would create one; nobody listens or receives at one of ours."""
    if call.name == "bind":
        missing = errno.ENOENT if target.slash else errno.EROFS
        fail(missing if target.inode is None else errno.EADDRINUSE)
    mode = target.found().mode
    if st.S_ISREG(mode) or st.S_ISDIR(mode):
        fail(errno.EROFS)  # the others ask for permission to write
    if not call.may(target.found(), W):
        fail(errno.EACCES)
    fail(errno.ECONNREFUSED)

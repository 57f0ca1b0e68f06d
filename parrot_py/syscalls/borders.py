"""What the mount table adds to a call: permissions, and the borders of mounts on the host's file systems.

The checks come where the kernel makes its own: what is missing, or there already, is found first.
"""

from __future__ import annotations

import errno
import os
import stat as st
from collections.abc import Sequence
from typing import NamedTuple, NoReturn

from parrot_py.mounts import MountTable
from parrot_py.namespace import Tree
from parrot_py.places import NORMAL, Native, Target, fail
from parrot_py.process import R, W, X
from parrot_py.syscalls.call import OPEN_FLAGS, Call, Place
from parrot_py.syscalls.early import O_TMPFILE_BIT
from parrot_py.syscalls.mutate import tree_of_name
from parrot_py.syscalls.table import Row

_RENAMES = ("rename", "renameat", "renameat2")
_LINKS = ("link", "linkat")
_REMOVES = ("unlink", "unlinkat", "rmdir")
_ENTERS = ("chdir", "chroot")
_WRITES = (
    "truncate", "truncate64", "chmod", "fchmodat", "fchmodat2", "chown", "chown32", "lchown", "lchown32", "fchownat",
    "utime", "utimes", "futimesat", "utimensat", "utimensat_time64", "setxattr", "lsetxattr", "setxattrat",
    "removexattr", "lremovexattr", "removexattrat", "file_setattr", "connect", "sendto", "sendmsg",
)  # fmt: skip
_ASKS = {"access": 1, "faccessat": 2, "faccessat2": 2}
_REMOVEDIR = 0x200
_NOREPLACE, _EXCHANGE = 1, 2


class Wanted(NamedTuple):
    """What a call asks for at one of its places, and of the directory that this is a name in."""

    itself: int = 0
    above: int = 0


def check(call: Call, row: Row, places: Sequence[Place], flags: int | None = None) -> None:
    """Raise EACCES where the table permits less than the call asks for, EXDEV and EBUSY where a mount's border is.

    *flags* are those of openat2, which are not in its arguments.
    """
    table = call.context.namespace.mounts
    if not table:
        return
    if row.name in _RENAMES:
        _check_rename(call, table, places)
        return
    if row.name in _LINKS:
        _check_link(call, table, places)
        return
    place = places[0]
    wanted = _wanted(call, row, flags)
    if wanted.above & ~table.allowed(place.above) and isinstance(place, Native):
        _refuse_name(row, place)
    if row.name in _REMOVES:
        directory = row.name == "rmdir" or (row.name == "unlinkat" and bool(call.flags(2) & _REMOVEDIR))
        _check_removed(call, place, directory)
    _check_opened(call, table, place, wanted.itself, flags if flags is not None else _open_flags(call, row))


def _open_flags(call: Call, row: Row) -> int:
    if row.name == "creat":
        return os.O_CREAT | os.O_WRONLY | os.O_TRUNC
    return call.flags(OPEN_FLAGS[row.name]) if row.name in OPEN_FLAGS else 0


def _wanted(call: Call, row: Row, flags: int | None) -> Wanted:
    if row.name in (*OPEN_FLAGS, "creat", "openat2"):
        return Wanted(_for_open(_open_flags(call, row) if flags is None else flags))
    if row.creates:
        return Wanted(above=W)
    if row.name in _ENTERS or row.name.startswith("execve"):
        return Wanted(X)
    if row.name in _WRITES:
        return Wanted(W)
    if row.name in _ASKS:
        return Wanted(call.flags(_ASKS[row.name]) & 7)
    return Wanted(R) if row.name == "inotify_add_watch" else Wanted()


def _for_open(flags: int) -> int:
    if flags & os.O_PATH:
        return X
    wanted = X | {os.O_RDONLY: R, os.O_WRONLY: W}.get(flags & os.O_ACCMODE, R | W)
    return wanted | W if flags & (os.O_TRUNC | (O_TMPFILE_BIT & ~os.O_DIRECTORY)) else wanted


def _check_opened(call: Call, table: MountTable, place: Place, wanted: int, flags: int) -> None:
    """What the place itself must permit; the kernel finds it missing, or of the wrong kind, before that counts."""
    if isinstance(place, Target):
        wanted &= ~W  # a repository is EROFS, or what comes before that
        if wanted & ~table.allowed(place.mount):
            place.found()
            fail(errno.EACCES)
        return
    lacking = wanted & ~table.allowed(place.mount)
    create = flags & os.O_CREAT and not flags & os.O_PATH
    if not lacking and not (create and W & ~table.allowed(place.above)):
        return
    try:
        mode = os.stat(place.path).st_mode
    except FileNotFoundError:
        if create and os.path.isdir(os.path.dirname(place.path.rstrip(b"/")) or b"/"):
            fail(errno.EACCES)
        raise
    if create and flags & os.O_EXCL:
        fail(errno.EEXIST)
    if not lacking:
        return
    if call.name.startswith("truncate") and not st.S_ISREG(mode):
        fail(errno.EISDIR if st.S_ISDIR(mode) else errno.EINVAL)
    if st.S_ISDIR(mode):
        if create or (flags and wanted & W):
            fail(errno.EISDIR)
    elif flags & os.O_DIRECTORY or call.name in _ENTERS:
        fail(errno.ENOTDIR)
    fail(errno.EACCES)


def _refuse_name(row: Row, place: Native) -> None:
    """A name may not be made or removed here; whether it is there is told all the same."""
    os.stat(os.path.dirname(place.path.rstrip(b"/")) or b"/")
    exists = os.path.lexists(place.path.rstrip(b"/"))
    if row.name in _REMOVES:
        fail(errno.EACCES if exists else errno.ENOENT)
    if exists:
        fail(errno.EADDRINUSE if row.name == "bind" else errno.EEXIST)
    fail(errno.EACCES)


def _check_removed(call: Call, place: Place, directory: bool) -> None:
    """Where a mount begins nothing can be removed."""
    if place.holder is None:
        return
    if call.context.namespace.tree_of(place.holder) is not None:
        fail(errno.EROFS)
    is_directory = _is_directory(place)
    if is_directory is None:
        return
    if _slash(place) and not directory:
        fail(errno.EISDIR if is_directory else errno.ENOTDIR)
    if not _may_change(place):
        fail(errno.EACCES)
    if is_directory != directory:
        fail(errno.EISDIR if is_directory else errno.ENOTDIR)
    fail(errno.EBUSY)


def _parent_exists(place: Native) -> None:
    above = os.path.dirname(place.path.rstrip(b"/")) or b"/"
    if not st.S_ISDIR(os.stat(above).st_mode):
        fail(errno.ENOTDIR)


def _border(table: MountTable, index: int) -> int:
    return index if table.is_border(index) else -1


def _tree_of_name(call: Call, place: Place) -> Tree | None:
    if place.holder is not None:
        return call.context.namespace.tree_of(place.holder)
    return tree_of_name(call, place) if isinstance(place, Target) else None


def _rename_at_mount(places: Sequence[Place], flags: int, *, same: bool) -> NoReturn:
    """A mount that begins in a repository is one of the names: that is read-only, and what is mounted not looked at.

    *same*: both names lie on one mount.
    """
    for place in places:
        if isinstance(place, Native) and place.holder is None:
            _parent_exists(place)
    if not same:
        fail(errno.EXDEV)
    _refuse_dots(places[0], places[1], flags)
    fail(errno.EROFS)


def _refuse_dots(old: Place, new: Place, flags: int) -> None:
    for place, code in ((old, errno.EBUSY), (new, errno.EEXIST if flags & _NOREPLACE else errno.EBUSY)):
        if place.last != NORMAL if isinstance(place, Target) else place.path.endswith((b"/.", b"/..")):
            fail(code)


def _check_rename(call: Call, table: MountTable, places: Sequence[Place]) -> None:
    old, new = places
    flags = call.flags(4) if call.name == "renameat2" else 0
    trees = [_tree_of_name(call, place) for place in places]
    borders = _border(table, old.above), _border(table, new.above)
    if any(place.holder is not None and tree is not None for place, tree in zip(places, trees)):
        _rename_at_mount(places, flags, same=(trees[0], borders[0]) == (trees[1], borders[1]))
    if any(trees):
        if isinstance(old, Target) and isinstance(new, Target) and (trees[0], borders[0]) != (trees[1], borders[1]):
            fail(errno.EXDEV)  # perhaps one tree, but two mounts of it
        return  # the handler knows: EXDEV, or EROFS
    refused = W & ~(table.allowed(old.above) & table.allowed(new.above))
    at_mounts = old.holder is not None or new.holder is not None
    if borders[0] == borders[1] and not refused and not (at_mounts and old.name != new.name):
        return  # a mount to its own name is nothing to do
    for place in places:
        if isinstance(place, Native):
            _parent_exists(place)
    if borders[0] != borders[1]:
        fail(errno.EXDEV)
    _rename_in_vain(old, new, flags, bool(refused))


def _rename_in_vain(old: Place, new: Place, flags: int, refused: bool) -> NoReturn:
    """What do_renameat2() and vfs_rename() find before they come to the mount at one of the names: EBUSY."""
    _refuse_dots(old, new, flags)
    old_is, new_is = _is_directory(old), _is_directory(new)
    if old_is is None or (flags & _EXCHANGE and new_is is None):
        fail(errno.ENOENT)
    if flags & _NOREPLACE and new_is is not None:
        fail(errno.EEXIST)
    if flags & _EXCHANGE and not new_is and _slash(new):
        fail(errno.ENOTDIR)
    if not old_is and (_slash(old) or (_slash(new) and not flags & _EXCHANGE)):
        fail(errno.ENOTDIR)
    if refused or not (_may_change(old) and _may_change(new)):
        fail(errno.EACCES)
    if not flags & _EXCHANGE and new_is is not None and new_is != old_is:
        fail(errno.EISDIR if new_is else errno.ENOTDIR)
    fail(errno.EBUSY)


def _is_directory(place: Place) -> bool | None:
    """Whether a name is that of a directory; None: of nothing."""
    if isinstance(place, Target):
        return place.inode.is_dir if place.inode is not None else None
    try:
        return st.S_ISDIR(os.lstat(place.path.rstrip(b"/")).st_mode)
    except FileNotFoundError:
        return None


def _slash(place: Place) -> bool:
    return place.slash if isinstance(place, Target) else place.path.endswith(b"/")


def _may_change(place: Place) -> bool:
    """Whether names may be made and removed in the directory of the host that *place* is a name in."""
    above = place.holder or os.path.dirname(place.path.rstrip(b"/")) or b"/"
    return os.access(above, os.W_OK | os.X_OK)


def _check_link(call: Call, table: MountTable, places: Sequence[Place]) -> None:
    old, new = places
    if not (isinstance(old, Native) and isinstance(new, Native)):
        return
    crosses = _border(table, old.mount) != _border(table, new.above)
    refused = W & ~(table.allowed(old.mount) & table.allowed(new.above))
    if not crosses and not refused:
        return
    if call.stop.path[0]:  # else it is a descriptor's, which may have no name
        os.lstat(old.path)
    _parent_exists(new)
    if os.path.lexists(new.path.rstrip(b"/")):
        fail(errno.EEXIST)
    if new.path.endswith(b"/"):
        fail(errno.ENOENT)
    fail(errno.EXDEV if crosses else errno.EACCES)

"""What the mount table adds to a call: permissions, and the borders of mounts on the host's file systems.

The checks come where the kernel makes its own: what is missing, or there already, is found first.
"""

from __future__ import annotations

import errno
import os
import stat as st
from collections.abc import Sequence
from typing import NamedTuple

from parrot_py.mounts import MountTable
from parrot_py.places import Native, Target, fail
from parrot_py.process import R, W, X
from parrot_py.syscalls.call import OPEN_FLAGS, Call, Place
from parrot_py.syscalls.early import O_TMPFILE_BIT
from parrot_py.syscalls.table import Row

_RENAMES = ("rename", "renameat", "renameat2")
_LINKS = ("link", "linkat")
_REMOVES = ("unlink", "unlinkat", "rmdir")
_ENTERS = ("chdir", "chroot")
_WRITES = (
    "truncate", "chmod", "fchmodat", "fchmodat2", "chown", "lchown", "fchownat", "utime", "utimes", "futimesat",
    "utimensat", "setxattr", "lsetxattr", "setxattrat", "removexattr", "lremovexattr", "removexattrat", "file_setattr",
    "connect", "sendto",
)  # fmt: skip
_ASKS = {"access": 1, "faccessat": 2, "faccessat2": 2}
_REMOVEDIR = 0x200
_NOREPLACE = 1


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
        _check_link(table, places)
        return
    place = places[0]
    wanted = _wanted(call, row, flags)
    if wanted.above & ~table.allowed(place.above) and isinstance(place, Native):
        _refuse_name(row, place)
    if row.name in _REMOVES:
        _check_removed(place, row.name == "rmdir" or (row.name == "unlinkat" and bool(call.flags(2) & _REMOVEDIR)))
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


def _check_removed(place: Place, directory: bool) -> None:
    """Where a mount begins nothing can be removed."""
    if place.holder is None:
        return
    path = place.path.rstrip(b"/")
    exists = isinstance(place, Target) or os.path.lexists(path)
    if not exists:
        return
    if not os.access(place.holder, os.W_OK | os.X_OK):
        fail(errno.EACCES)
    is_directory = place.found().is_dir if isinstance(place, Target) else os.path.isdir(path)
    if is_directory != directory:
        fail(errno.EISDIR if is_directory else errno.ENOTDIR)
    fail(errno.EBUSY)


def _parent_exists(place: Native) -> None:
    above = os.path.dirname(place.path.rstrip(b"/")) or b"/"
    if not st.S_ISDIR(os.stat(above).st_mode):
        fail(errno.ENOTDIR)


def _border(table: MountTable, index: int) -> int:
    return index if table.is_border(index) else -1


def _check_rename(call: Call, table: MountTable, places: Sequence[Place]) -> None:
    old, new = places
    if not (isinstance(old, Native) and isinstance(new, Native)):
        return  # the handler knows: EXDEV, or EROFS
    flags = call.flags(4) if call.name == "renameat2" else 0
    borders = _border(table, old.above), _border(table, new.above)
    refused = W & ~(table.allowed(old.above) & table.allowed(new.above))
    if borders[0] == borders[1] and not refused and old.holder is None and new.holder is None:
        return
    _parent_exists(old)
    _parent_exists(new)
    if borders[0] != borders[1]:
        fail(errno.EXDEV)
    os.lstat(old.path.rstrip(b"/"))
    if flags & _NOREPLACE and os.path.lexists(new.path.rstrip(b"/")):
        fail(errno.EEXIST)
    fail(errno.EACCES if refused else errno.EBUSY)


def _check_link(table: MountTable, places: Sequence[Place]) -> None:
    old, new = places
    if not (isinstance(old, Native) and isinstance(new, Native)):
        return
    crosses = _border(table, old.mount) != _border(table, new.above)
    refused = W & ~(table.allowed(old.mount) & table.allowed(new.above))
    if not crosses and not refused:
        return
    os.lstat(old.path)
    _parent_exists(new)
    if os.path.lexists(new.path.rstrip(b"/")):
        fail(errno.EEXIST)
    fail(errno.EXDEV if crosses else errno.EACCES)

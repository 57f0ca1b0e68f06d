"""From the rows of a directory to its entries, column by column: what C loops do costs a third of a loop over the rows.

The inodes are those that rows.py makes of the same rows one by one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import repeat
from stat import S_IFBLK, S_IFCHR, S_IFLNK, S_IFMT, S_IFREG
from typing import TYPE_CHECKING, Any

from parrot_py.drivers.base import Entry, Inode
from parrot_py.drivers.cvmfs.catalogs.database import Row
from parrot_py.drivers.cvmfs.catalogs.schema import FLAG_HIDDEN

if TYPE_CHECKING:
    from parrot_py.drivers.cvmfs.catalogs.rows import Manner, Mount

MAX_ID = (1 << 32) - 1
"""What a number of links, of a group of links or of an owner can be at most."""
OLD_FLAGS = 0x3F
"""The flags that schemas before 2 have."""
_DEVICES = frozenset({S_IFCHR, S_IFBLK})
_FILES = frozenset({S_IFREG})
# Makes a named tuple of a tuple; its class would do that in Python code.
_new = tuple.__new__


def entries_of(columns: Row, mount: Mount, manner: Manner, prefix: bytes) -> list[Entry]:
    """The entries that a listing shows of the rows whose *columns* are given, none of which is absurd.

    *prefix* is the directory as the job sees it, with a slash.
    """
    formats = frozenset(map(S_IFMT, set(columns.mode)))
    rdevs, sizes, targets = _sizes(columns, formats, manner)
    inodes = map(
        _new,
        repeat(Inode),
        zip(
            [prefix + name for name in columns.name],
            _inos(columns, mount),
            _mapped(manner.mode, columns.mode),
            _mapped(lambda stated: stated & MAX_ID or 1, columns.hardlinks),
            _owners(columns.uid, manner.user(mount.old), manner.user_of),
            _owners(columns.gid, manner.group(mount.old), manner.group_of),
            rdevs,
            sizes,
            [seconds * 1_000_000_000 + (nanos or 0) for seconds, nanos in zip(columns.mtime, columns.mtimens)],
            targets,
            map(bool, columns.xattr),
            _contents(columns, formats, mount),
        ),
    )
    found = map(_new, repeat(Entry), zip(columns.name, inodes))
    if any(flags & FLAG_HIDDEN for flags in set(columns.flags)):
        return [entry for entry, flags in zip(found, columns.flags) if not flags & FLAG_HIDDEN]
    return list(found)


def _mapped(function: Callable[[Any], Any], column: Sequence[Any]) -> Iterable[Any]:
    """*function* of each value, asked once for each that differs."""
    made = {value: function(value) for value in set(column)}
    return map(made.__getitem__, column)


def _owners(column: Sequence[int], only: int | None, shown: Callable[[int], int]) -> Iterable[int]:
    return _mapped(shown, column) if only is None else repeat(only)


def _inos(columns: Row, mount: Mount) -> Iterable[int]:
    if min(columns.hardlinks) > 0 and max(columns.hardlinks) <= MAX_ID:
        return map(mount.first_ino.__add__, columns.rowid)
    return map(mount.ino, columns.rowid, columns.hardlinks)


def _sizes(columns: Row, formats: frozenset[int], manner: Manner) -> tuple[Iterable[int], Iterable[int], Iterable[Any]]:
    """Device numbers, sizes and targets: what is in the column of sizes depends on the format."""
    rdevs: Iterable[int] = repeat(0)
    sizes: Iterable[int] = columns.size
    targets: Iterable[bytes | None] = repeat(None)
    if formats & _DEVICES:
        devices = [S_IFMT(mode) in _DEVICES for mode in columns.mode]
        rdevs = [size if device else 0 for size, device in zip(columns.size, devices)]
        sizes = [0 if device else size for size, device in zip(columns.size, devices)]
    if S_IFLNK in formats:
        expand, format_ = manner.expand, S_IFMT
        targets = found = [
            expand(text) if format_(mode) == S_IFLNK else None for mode, text in zip(columns.mode, columns.symlink)
        ]
        sizes = [size if target is None else len(target) for size, target in zip(sizes, found)]
    return rdevs, sizes, targets


def _contents(columns: Row, formats: frozenset[int], mount: Mount) -> Iterable[Any]:
    """What :class:`.rows.FileContent` says, as plain tuples; the mount for what is no file."""
    flags: Iterable[int] = columns.flags
    if mount.old:
        flags = [stated & OLD_FLAGS for stated in columns.flags]
    files = zip(flags, [digest or None for digest in columns.hash], repeat(mount))
    if formats == _FILES:
        return files
    return [file if S_IFMT(mode) == S_IFREG else mount for mode, file in zip(columns.mode, files)]

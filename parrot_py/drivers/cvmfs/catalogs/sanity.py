"""Which rows of a catalog are possible.  One row is told what is wrong with it; many are checked column by column.

A listing may have a hundred thousand rows.  Looking at whole columns costs a tenth of looking at each row, and finds
out only that something is wrong; then the rows are looked at one by one, to say what and where.
"""

from __future__ import annotations

import stat
import struct
import sys
from array import array
from collections.abc import Sequence
from typing import Any

from parrot_py.drivers.cvmfs.catalogs.database import Row
from parrot_py.drivers.cvmfs.catalogs.schema import member_digests, path_key

_FORMATS = {stat.S_IFREG, stat.S_IFDIR, stat.S_IFLNK, stat.S_IFIFO, stat.S_IFSOCK, stat.S_IFCHR, stat.S_IFBLK}
_MAX_MODE = 0o177777
_MAX_SIZE = 1 << 62
_MAX_ID = (1 << 32) - 1
_MAX_SECONDS = (1 << 63) // 10**9 - 1
_INT64 = 1 << 63
_INTEGERS = {int}
_BYTES = {bytes}
_BYTES_OR_NONE = {bytes, type(None)}
_NAME_MAX, _PATH_MAX = 255, 4096
_NO_NAMES = {b"", b".", b".."}


def complaint(row: Row) -> str | None:
    """What is wrong with a row, None if nothing."""
    numbers = (row.rowid, row.flags, row.mode, row.size, row.mtime, row.hardlinks, row.uid, row.gid)
    if set(map(type, numbers)) != _INTEGERS:
        return "value of the wrong type"
    if not 0 <= row.mode <= _MAX_MODE or stat.S_IFMT(row.mode) not in _FORMATS:
        return f"mode {row.mode:#o}"
    if not 0 <= row.size <= _MAX_SIZE:
        return f"size {row.size}"
    if not -_MAX_SECONDS <= row.mtime <= _MAX_SECONDS:
        return f"mtime {row.mtime}"
    if row.mtimens is not None and not (type(row.mtimens) is int and 0 <= row.mtimens < 10**9):
        return f"nanoseconds {row.mtimens!r}"
    if not (0 <= row.uid <= _MAX_ID and 0 <= row.gid <= _MAX_ID):
        return f"owner {row.uid}:{row.gid}"
    if row.hash is not None and type(row.hash) is not bytes:
        return "hash of the wrong type"
    if stat.S_ISLNK(row.mode) and not _is_target(row.symlink):
        return "impossible link target"
    return None


def listed_wrongly(row: Row, directory: bytes) -> str | None:
    """What is wrong with the row as a member of *directory* (a catalog path), None if nothing."""
    if not isinstance(row.name, bytes):
        return "entry without a name"
    if row.name in _NO_NAMES or b"/" in row.name or b"\0" in row.name or len(row.name) > _NAME_MAX:
        return "entry with an impossible name"
    if path_key(directory + b"/" + row.name) != (row.md5path_1, row.md5path_2):
        return "entry whose name is not that of its path"
    return None


def all_well(columns: Row, directory: bytes) -> bool:
    """Whether neither :func:`complaint` nor :func:`listed_wrongly` finds anything in any row.

    *columns* has in the place of each value those of all rows (one at least).
    """
    return (
        _are_names(columns.name)
        and _are_keys(columns.md5path_1, columns.md5path_2, directory, columns.name)
        and _within(columns.rowid, -_INT64, _INT64)
        and _within(columns.mode, 0, _MAX_MODE)
        and {stat.S_IFMT(mode) for mode in set(columns.mode)} <= _FORMATS
        and _within(columns.flags, -_INT64, _INT64)
        and _within(columns.size, 0, _MAX_SIZE)
        and _within(columns.mtime, -_MAX_SECONDS, _MAX_SECONDS)
        and _within([nanos for nanos in columns.mtimens if nanos is not None], 0, 10**9 - 1)
        and _within(columns.hardlinks, -_INT64, _INT64)
        and _within(columns.uid, 0, _MAX_ID)
        and _within(columns.gid, 0, _MAX_ID)
        and set(map(type, columns.hash)) <= _BYTES_OR_NONE
        and _are_targets(columns.mode, columns.symlink)
    )


def _within(numbers: Sequence[Any], low: int, high: int) -> bool:
    """Whether all are integers, and neither below *low* nor above *high*."""
    try:
        struct.pack(f"{len(numbers)}q", *numbers)
    except struct.error:  # something else than an integer
        return False
    return not numbers or (low <= min(numbers) and max(numbers) <= high)


def _are_names(names: Sequence[Any]) -> bool:
    if set(map(type, names)) != _BYTES:
        return False
    together = b"/".join(names)
    return (
        together.count(b"/") == len(names) - 1
        and b"\0" not in together
        and max(map(len, names)) <= _NAME_MAX
        and _NO_NAMES.isdisjoint(names)
    )


def _are_keys(first: Sequence[Any], second: Sequence[Any], directory: bytes, names: Sequence[bytes]) -> bool:
    """Whether the two columns are the keys of *names* in *directory*."""
    keys = array("q", b"".join(member_digests(directory, names)))
    if sys.byteorder == "big":
        keys.byteswap()
    form = struct.Struct(f"{len(names)}q")
    try:
        return form.pack(*first) == keys[::2].tobytes() and form.pack(*second) == keys[1::2].tobytes()
    except struct.error:
        return False


def _are_targets(modes: Sequence[int], targets: Sequence[Any]) -> bool:
    """Whether what stands as a target in the rows of links is one."""
    if not any(map(stat.S_ISLNK, set(modes))):
        return True
    return all(_is_target(target) for mode, target in zip(modes, targets) if stat.S_ISLNK(mode))


def _is_target(target: Any) -> bool:
    return type(target) is bytes and b"\0" not in target and len(target) < _PATH_MAX

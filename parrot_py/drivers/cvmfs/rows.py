"""From a row of a catalog to an inode, with every value checked for being possible."""

from __future__ import annotations

import os
import stat
from typing import NamedTuple

from parrot_py.drivers.base import Inode
from parrot_py.drivers.cvmfs.catalog import Catalog
from parrot_py.drivers.cvmfs.database import Row
from parrot_py.drivers.cvmfs.links import Expander
from parrot_py.drivers.cvmfs.schema import FLAG_HIDDEN, path_key

ROOT_INO = 256
# Hard link groups get numbers of their own, far above those of single rows: no table of groups has to be kept.
_GROUP_BASE, _GROUP_BITS = 1 << 44, 32

_FORMATS = {stat.S_IFREG, stat.S_IFDIR, stat.S_IFLNK, stat.S_IFIFO, stat.S_IFSOCK, stat.S_IFCHR, stat.S_IFBLK}
_MAX_SIZE = 1 << 62
_MAX_ID = (1 << 32) - 1
_MAX_SECONDS = (1 << 63) // 10**9
_OLD_FLAGS = 0x3F
_INTEGERS = {int}
_NAME_MAX, _PATH_MAX = 255, 4096


class FileContent(NamedTuple):
    """What a regular file's row says about its content: flags (algorithm, compression, chunked …) and digest."""

    flags: int
    digest: bytes | None


class Mount:
    """A catalog at its place in the tree.

    ``path`` is where it begins (``b""`` for the root catalog).  Paths in the catalog are counted from ``prefix``: the
    same path in a nested catalog, the root in a bind mountpoint.  ``first_ino`` and ``index`` make its inode numbers
    unique.
    """

    def __init__(self, path: bytes, catalog: Catalog, prefix: bytes, first_ino: int, index: int) -> None:
        self.path, self.catalog, self.prefix = path, catalog, prefix
        self.first_ino, self.index = first_ino, index
        self._moved = prefix != path

    def inner(self, path: bytes) -> bytes:
        """*path* as the catalog counts it."""
        return self.prefix + path[len(self.path) :] if self._moved else path

    def ino(self, row: Row) -> int:
        """The inode number of *row*: its own, or that of its hard link group (groups are numbered by catalog)."""
        group: int = row.hardlinks >> 32 & _MAX_ID
        if group:
            return _GROUP_BASE + (self.index << _GROUP_BITS) + group
        return self.first_ino + int(row.rowid)


class Decoder:
    """Makes inodes of rows for one repository."""

    def __init__(self, expand: Expander, uid: int | None, gid: int | None, subpath: bytes) -> None:
        self._expand, self._uid, self._gid = expand, uid, gid
        self._subpath = subpath

    def inode(self, mount: Mount, row: Row, path: bytes) -> Inode:
        """The inode at repository path *path*, whose row is *row*; Failure when the row is absurd."""
        wrong = _complaint(row)
        if wrong:
            mount.catalog.absurd(path, wrong)
        mode, size, rdev, target = row.mode, row.size, 0, None
        format_ = stat.S_IFMT(mode)
        content = None
        old = mount.catalog.facts.old
        uid, gid = self._owner() if old else (self._uid, self._gid)
        if format_ == stat.S_IFREG:
            content = FileContent(row.flags & _OLD_FLAGS if old else row.flags, row.hash or None)
        elif format_ == stat.S_IFLNK:
            target = self._expand(row.symlink)
            size = len(target)
        elif format_ in (stat.S_IFCHR, stat.S_IFBLK):
            rdev, size = size, 0
        shown = path[len(self._subpath) :]
        return Inode(  # by position: this runs for every name that is ever seen
            shown,
            mount.ino(row) if shown else ROOT_INO,
            mode,
            (row.hardlinks & _MAX_ID) or 1,
            row.uid if uid is None else uid,
            row.gid if gid is None else gid,
            rdev,
            size,
            row.mtime * 10**9 + (row.mtimens or 0),
            target,
            bool(row.xattr),
            content,
        )

    def _owner(self) -> tuple[int, int]:
        """Who owns everything where the catalog does not tell (schemas before 2.1): we, if nobody else is said to."""
        return (os.getuid() if self._uid is None else self._uid), (os.getgid() if self._gid is None else self._gid)


def is_hidden(row: Row) -> bool:
    """Whether a listing leaves the row out.  Precondition: the row was decoded without complaint."""
    return bool(row.flags & FLAG_HIDDEN)


def listed_wrongly(row: Row, directory: bytes) -> str | None:
    """What is wrong with the row as a member of *directory* (a catalog path), None if nothing."""
    if not isinstance(row.name, bytes):
        return "entry without a name"
    if row.name in (b"", b".", b"..") or b"/" in row.name or b"\0" in row.name or len(row.name) > _NAME_MAX:
        return "entry with an impossible name"
    if path_key(directory + b"/" + row.name) != (row.md5path_1, row.md5path_2):
        return "entry whose name is not that of its path"
    return None


def _complaint(row: Row) -> str | None:
    """What is wrong with a row, None if nothing."""
    numbers = (row.flags, row.mode, row.size, row.mtime, row.hardlinks, row.uid, row.gid)
    if set(map(type, numbers)) != _INTEGERS:
        return "value of the wrong type"
    if not 0 <= row.mode <= 0o177777 or stat.S_IFMT(row.mode) not in _FORMATS:
        return f"mode {row.mode:#o}"
    if not 0 <= row.size <= _MAX_SIZE:
        return f"size {row.size}"
    if not -_MAX_SECONDS < row.mtime < _MAX_SECONDS:
        return f"mtime {row.mtime}"
    if row.mtimens is not None and not (type(row.mtimens) is int and 0 <= row.mtimens < 10**9):
        return f"nanoseconds {row.mtimens!r}"
    if not (0 <= row.uid <= _MAX_ID and 0 <= row.gid <= _MAX_ID):
        return f"owner {row.uid}:{row.gid}"
    if row.hash is not None and type(row.hash) is not bytes:
        return "hash of the wrong type"
    if stat.S_ISLNK(row.mode):
        target = row.symlink
        if type(target) is not bytes or b"\0" in target or len(target) >= _PATH_MAX:
            return "impossible link target"
    return None

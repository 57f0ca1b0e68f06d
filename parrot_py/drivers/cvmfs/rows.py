"""From a row of a catalog to an inode, with every value checked for being possible."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from stat import S_IFBLK, S_IFCHR, S_IFLNK, S_IFREG
from typing import Any, NamedTuple, NoReturn

from parrot_py.drivers.base import Entry, Inode
from parrot_py.drivers.cvmfs.catalog import Catalog
from parrot_py.drivers.cvmfs.database import Row
from parrot_py.drivers.cvmfs.links import Expander
from parrot_py.drivers.cvmfs.sanity import all_well, complaint, listed_wrongly
from parrot_py.drivers.cvmfs.schema import FLAG_HIDDEN

ROOT_INO = 256
# Hard link groups get numbers of their own, far above those of single rows: no table of groups has to be kept.
_GROUP_BASE, _GROUP_BITS = 1 << 44, 32

_MAX_ID = (1 << 32) - 1
_OLD_FLAGS = 0x3F
_NAME, _FLAGS = Row._fields.index("name"), Row._fields.index("flags")
# Makes a named tuple in half of the time that its class takes; for what is made for every name that is ever seen.
_new = tuple.__new__


class FileContent(NamedTuple):
    """What a regular file's row says about its content: flags (algorithm, compression, chunked …) and digest.

    In an inode it is a plain tuple: a directory has thousands, and few are ever looked at.
    """

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
        self.old = catalog.facts.old

    def inner(self, path: bytes) -> bytes:
        """*path* as the catalog counts it."""
        return self.prefix + path[len(self.path) :] if self._moved else path

    def ino(self, rowid: int, hardlinks: int) -> int:
        """The inode number of a row: its own, or that of its hard link group (groups are numbered by catalog)."""
        group = hardlinks >> 32 & _MAX_ID
        if group:
            return _GROUP_BASE + (self.index << _GROUP_BITS) + group
        return self.first_ino + rowid


class Decoder:
    """Makes inodes of rows for one repository."""

    def __init__(self, expand: Expander, uid: int | None, gid: int | None, subpath: bytes) -> None:
        self._expand, self._uid, self._gid = expand, uid, gid
        self._subpath = subpath

    def inode(self, mount: Mount, row: Row, path: bytes) -> Inode:
        """The inode at repository path *path*, whose row is *row*; Failure when the row is absurd."""
        wrong = complaint(row)
        if wrong:
            mount.catalog.absurd(path, wrong)
        return self._maker(mount)(row, path[len(self._subpath) :])

    def entries(self, mount: Mount, rows: Sequence[tuple[Any, ...]], path: bytes) -> list[Entry]:
        """What a listing of the directory *path* shows of *rows*; Failure when one of them is absurd."""
        if not all_well(rows, mount.inner(path)):
            _blame(mount, map(Row._make, rows), path)
        inode = self._maker(mount)
        prefix = path[len(self._subpath) :] + b"/"
        return [
            _new(Entry, (row[_NAME], inode(row, prefix + row[_NAME]))) for row in rows if not row[_FLAGS] & FLAG_HIDDEN
        ]

    def _maker(self, mount: Mount) -> Callable[[tuple[Any, ...], bytes], Inode]:
        """What makes the inode of a row without faults, which the job sees at the path that is the second argument.

        A closure, since looking up what it needs for every row takes as long as making the inode.
        """
        expand, first_ino, old = self._expand, mount.first_ino, mount.old
        owner, group = self._owner() if old else (self._uid, self._gid)

        def make(row: tuple[Any, ...], shown: bytes) -> Inode:
            rowid, _, flags, mode, size, mtime, nanos, hardlinks, uid, gid, digest, symlink, xattrs, _, _ = row
            rdev, target, content = 0, None, None
            format_ = mode & 0o170000
            if format_ == S_IFREG:
                content = (flags & _OLD_FLAGS if old else flags, digest or None)
            elif format_ == S_IFLNK:
                target = expand(symlink)
                size = len(target)
            elif format_ in (S_IFCHR, S_IFBLK):
                rdev, size = size, 0
            ino = first_ino + rowid if 0 < hardlinks <= _MAX_ID else mount.ino(rowid, hardlinks)
            return _new(
                Inode,
                (
                    shown,
                    ino if shown else ROOT_INO,
                    mode,
                    hardlinks & _MAX_ID or 1,
                    uid if owner is None else owner,
                    gid if group is None else group,
                    rdev,
                    size,
                    mtime * 1_000_000_000 + (nanos or 0),
                    target,
                    bool(xattrs),
                    content,
                ),
            )

        return make

    def _owner(self) -> tuple[int, int]:
        """Who owns everything where the catalog does not tell (schemas before 2.1): we, if nobody else is said to."""
        return (os.getuid() if self._uid is None else self._uid), (os.getgid() if self._gid is None else self._gid)


def _blame(mount: Mount, rows: Iterable[Row], path: bytes) -> NoReturn:
    """Raise the Failure for the first of *rows* that cannot be a member of the directory *path*."""
    for row in rows:
        wrong = listed_wrongly(row, mount.inner(path)) or complaint(row)
        if wrong:
            mount.catalog.absurd(path, wrong)
    mount.catalog.absurd(path, "entries that cannot be")

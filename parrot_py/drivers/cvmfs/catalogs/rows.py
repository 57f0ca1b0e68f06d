"""From a row of a catalog to an inode, with every value checked for being possible."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from stat import S_IFBLK, S_IFCHR, S_IFDIR, S_IFLNK, S_IFREG
from typing import Any, NamedTuple, NoReturn

from parrot_py.config.model import RepositoryConfig
from parrot_py.drivers.base import Entry, Inode
from parrot_py.drivers.cvmfs.catalogs.catalog import Catalog
from parrot_py.drivers.cvmfs.catalogs.columns import MAX_ID, OLD_FLAGS, entries_of
from parrot_py.drivers.cvmfs.catalogs.database import Row
from parrot_py.drivers.cvmfs.catalogs.links import Expander
from parrot_py.drivers.cvmfs.catalogs.sanity import all_well, complaint, listed_wrongly

ROOT_INO = 256
# Hard link groups get numbers of their own: no table of groups has to be kept.  They are counted from 1 in each catalog
# and so come behind its rows, within the 32 bits that old programs have for them; others are far above.
_GROUP_BASE, _GROUP_BITS = 1 << 44, 32

# Makes a named tuple in half of the time that its class takes; for what is made for every name that is ever seen.
_new = tuple.__new__


class Mount:
    """A catalog at its place in the tree.

    ``path`` is where it begins (``b""`` for the root catalog).  Paths in the catalog are counted from ``prefix``: the
    same path in a nested catalog, the root in a bind mountpoint.  ``reference`` is the hash as it is written where the
    mount is named: a mount with the same place and reference is the same in every revision.  ``first_ino`` and
    ``index`` make its inode numbers unique.
    """

    def __init__(
        self, path: bytes, catalog: Catalog, prefix: bytes, reference: bytes, first_ino: int, index: int
    ) -> None:
        self.path, self.catalog, self.prefix, self.reference = path, catalog, prefix, reference
        self.first_ino, self.index = first_ino, index
        self._moved = prefix != path
        self.old = catalog.facts.old

    def inner(self, path: bytes) -> bytes:
        """*path* as the catalog counts it."""
        return self.prefix + path[len(self.path) :] if self._moved else path

    def ino(self, rowid: int, hardlinks: int) -> int:
        """The inode number of a row: its own, or that of its hard link group (groups are numbered by catalog)."""
        group = hardlinks >> 32 & MAX_ID
        if not group:
            return self.first_ino + rowid
        rows = self.catalog.facts.max_rowid
        return self.first_ino + rows + group if group <= rows else _GROUP_BASE + (self.index << _GROUP_BITS) + group

    @property
    def next_ino(self) -> int:
        """The number behind those of this mount."""
        return self.first_ino + 2 * self.catalog.facts.max_rowid + 1


class FileContent(NamedTuple):
    """What a regular file's row says about its content: flags (algorithm, compression, chunked …) and digest.

    ``mount`` is where the row is from: it stays what it was when another revision is shown.  In an inode this is a
    plain tuple (a directory has thousands of files, and few are ever looked at), in that of anything but a file the
    mount alone.
    """

    flags: int
    digest: bytes | None
    mount: Mount


def mount_of(inode: Inode) -> Mount:
    """The mount whose catalog describes *inode*."""
    content = inode.content
    mount = content[2] if type(content) is tuple else content
    assert isinstance(mount, Mount), "an inode of another driver"
    return mount


class Owner:
    """Who is shown as the owner: the one who claims everything, else what the catalog states by a map from → to.

    ``claimed`` is the one id that is shown, None when it depends on what is stated.  *own* owns what has no owner
    stated (schemas before 2.1).
    """

    def __init__(self, claimed: int | None, pairs: Sequence[tuple[int | None, int]], own: int) -> None:
        self.claimed = claimed
        self.unstated = own if claimed is None else claimed
        self._map = {stated: shown for stated, shown in pairs if stated is not None}
        self._others = next((shown for stated, shown in pairs if stated is None), None)

    def shown(self, stated: int) -> int:
        """What is shown for the id that the catalog states."""
        return self._map.get(stated, stated if self._others is None else self._others)


class Manner:
    """How a repository is shown, as its configuration wants it."""

    def __init__(self, config: RepositoryConfig, expand: Expander) -> None:
        self.expand = expand
        user = Owner(config.uid, config.uid_map, os.getuid())
        group = Owner(config.gid, config.gid_map, os.getgid())
        self.user_of, self.group_of = user.shown, group.shown
        self._users, self._groups = (user.claimed, user.unstated), (group.claimed, group.unstated)
        self._enterable, self._readable = (0o555, 0o444) if config.world_readable else (0, 0)

    def user(self, old: bool) -> int | None:
        """The one user that owns all of a catalog, of an *old* schema or not; None when each row states its own."""
        return self._users[old]

    def group(self, old: bool) -> int | None:
        """The same for the group."""
        return self._groups[old]

    def mode(self, stated: int) -> int:
        """The mode that is shown for the one that the catalog states."""
        return stated | (self._enterable if stated & 0o170000 == S_IFDIR else self._readable)


class Decoder:
    """Makes inodes of rows for one repository, as its configuration wants them shown."""

    def __init__(self, config: RepositoryConfig, expand: Expander) -> None:
        self._manner = Manner(config, expand)
        self._subpath = config.subpath

    def entries(self, mount: Mount, rows: Sequence[tuple[Any, ...]], path: bytes) -> list[Entry]:
        """What a listing of the directory *path* shows of *rows*; Failure when one of them is absurd."""
        if not rows:
            return []
        columns = Row(*zip(*rows))
        if not all_well(columns, mount.inner(path)):
            _blame(mount, map(Row._make, rows), path)
        return entries_of(columns, mount, self._manner, path[len(self._subpath) :] + b"/")

    def inode(self, mount: Mount, row: Row, path: bytes) -> Inode:
        """The inode at repository path *path*, whose row is *row*; Failure when the row is absurd."""
        wrong = complaint(row)
        if wrong:
            mount.catalog.absurd(path, wrong)
        rowid, _, flags, mode, size, mtime, nanos, hardlinks, uid, gid, digest, symlink, xattrs, _, _ = row
        manner, old = self._manner, mount.old
        user, group = manner.user(old), manner.group(old)
        rdev, target = 0, None
        content: Any = mount
        format_ = mode & 0o170000
        if format_ == S_IFREG:
            content = (flags & OLD_FLAGS if old else flags, digest or None, mount)
        elif format_ == S_IFLNK:
            target = manner.expand(symlink)
            size = len(target)
        elif format_ in (S_IFCHR, S_IFBLK):
            rdev, size = size, 0
        shown = path[len(self._subpath) :]
        return _new(
            Inode,
            (
                shown,
                mount.ino(rowid, hardlinks) if shown else ROOT_INO,
                manner.mode(mode),
                hardlinks & MAX_ID or 1,
                manner.user_of(uid) if user is None else user,
                manner.group_of(gid) if group is None else group,
                rdev,
                size,
                mtime * 1_000_000_000 + (nanos or 0),
                target,
                bool(xattrs),
                content,
            ),
        )


def _blame(mount: Mount, rows: Iterable[Row], path: bytes) -> NoReturn:
    """Raise the Failure for the first of *rows* that cannot be a member of the directory *path*."""
    for row in rows:
        wrong = listed_wrongly(row, mount.inner(path)) or complaint(row)
        if wrong:
            mount.catalog.absurd(path, wrong)
    mount.catalog.absurd(path, "entries that cannot be")

"""From what a program calls a path to an inode: spelling, symbolic links, dots."""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING, Union

from parrot_py.drivers.base import Inode
from parrot_py.drivers.cvmfs.catalogs.rows import mount_of

if TYPE_CHECKING:
    from parrot_py.drivers.cvmfs.driver import CvmfsDriver
    from parrot_py.drivers.cvmfs.view import View

PathLike = Union[str, bytes, "os.PathLike[str]", "os.PathLike[bytes]"]
"""A path in the repository: ``/a/b`` and ``a/b`` are the same, ``""`` and ``/`` are the root."""

_LINKS = 40


def encoded(path: PathLike) -> bytes:
    """The bytes of *path*; OSError EINVAL for what no path can be."""
    try:
        raw = os.fsencode(path)
    except UnicodeEncodeError:
        raise OSError(errno.EINVAL, "not a path", path) from None
    if b"\0" in raw:
        raise OSError(errno.EINVAL, "a path with a NUL character", path)
    return raw


class Places:
    """Finds inodes of one repository as the kernel does, links followed as long as they stay inside."""

    def __init__(self, driver: CvmfsDriver) -> None:
        self._driver = driver

    def find(self, path: PathLike, *, follow: bool) -> Inode:
        """The inode at *path*; *follow* is about a link at its end.

        Raises ENOENT, ENOTDIR, ELOOP, EIO; a link that leads out of the repository is ENOENT.
        """
        raw = encoded(path)
        with self._driver.answering():
            inode = self._walk(self._driver.view(), raw, _LINKS, follow or raw.endswith(b"/"))
        if raw.endswith(b"/"):
            self._directory(inode, b"")
        return inode

    def _walk(self, view: View, path: bytes, links: int, follow: bool) -> Inode:
        inode = view.lookup(b"")
        parts = [part for part in path.split(b"/") if part]
        for position, part in enumerate(parts):
            if part in (b".", b".."):
                above = inode.path if part == b"." else inode.path.rpartition(b"/")[0]
                inode = view.lookup(self._directory(inode, above))
                continue
            directory, inode = inode, view.lookup(self._directory(inode, inode.path + b"/" + part))
            last = position == len(parts) - 1
            if inode.target is None or (last and not follow):
                continue
            if not links:
                raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), path)
            rest = [self._inside(directory.path, inode.target), *parts[position + 1 :]]
            return self._walk(view, b"/".join(rest), links - 1, follow)
        return inode

    @staticmethod
    def _directory(inode: Inode, then: bytes) -> bytes:
        """*then*, if *inode* is a directory."""
        if not inode.is_dir:
            raise OSError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), inode.path)
        return then

    def _inside(self, directory: bytes, target: bytes) -> bytes:
        """A link target as a path of this repository; ENOENT for one that leads out of it."""
        home = b"/cvmfs/" + os.fsencode(self._driver.fqrn)
        if not target.startswith(b"/"):
            return directory + b"/" + target
        if target == home or target.startswith(home + b"/"):
            return target[len(home) :]
        raise OSError(errno.ENOENT, "link leads out of the repository", target)

    def bound(self, inode: Inode) -> bool:
        """Whether the directory *inode* is a bind mountpoint: another part of the repository shown once more."""
        path = self._driver.config.subpath + inode.path
        with self._driver.answering():
            mount = mount_of(inode)
            return mount.inner(path) in mount.catalog.facts.binds

    def nested(self, inode: Inode) -> str | None:
        """The hash of the nested catalog that begins at the directory *inode*, None when none does."""
        path = self._driver.config.subpath + inode.path
        with self._driver.answering():
            mount = mount_of(inode)
            found = mount.catalog.facts.nested.get(mount.inner(path))
        return found[0].decode("ascii", "replace") if found is not None and isinstance(found[0], bytes) else None

    def subcatalogs(self, inode: Inode) -> list[bytes]:
        """Where nested catalogs begin at or below the directory *inode*, as far as the catalog of its members knows."""
        subpath = self._driver.config.subpath
        path = subpath + inode.path
        with self._driver.answering():
            mount = self._driver.tree.within(mount_of(inode), path)
            begins = [mount.path + inner[len(mount.prefix) :] for inner in mount.catalog.facts.nested]
        return sorted(each[len(subpath) :] for each in begins if each.startswith(path + b"/"))

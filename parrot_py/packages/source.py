"""What is to be packed: names as a job of parrot_run has them, from the host, from repositories, through mounts."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from parrot_py import sessiondir
from parrot_py.accesses import Accesses
from parrot_py.config.model import Mount, RunConfig
from parrot_py.drivers.base import Inode
from parrot_py.fdtable import FdTable
from parrot_py.namespace import Namespace, Tree
from parrot_py.places import Native
from parrot_py.process import Credentialer
from parrot_py.run import Repositories
from parrot_py.services import Services
from parrot_py.walk import Walker

_ATTEMPTS = 8


class Found(NamedTuple):
    """What is at a name: ``place`` on the host, or ``inode`` in ``tree``."""

    mode: int
    size: int
    mtime_ns: int
    uid: int
    gid: int
    rdev: int
    identity: tuple[int, int] | None
    """Device and inode of what the host may have at several names."""
    target: bytes | None = None
    place: bytes | None = None
    inode: Inode | None = None
    tree: Tree | None = None

    @property
    def is_dir(self) -> bool:
        """Whether this is a directory."""
        return stat.S_ISDIR(self.mode)

    def may(self, mask: int) -> bool:
        """Whether this process may read (4) or execute (1) it, whoever owns it."""
        return self.place is not None and os.access(self.place, mask)


class Source:
    """The names of a job that runs with *config*; waits for what has to be fetched.  Raises ConfigError."""

    def __init__(self, config: RunConfig) -> None:
        self._config = config
        self._session: Path = sessiondir.create(config.tempdir)
        repositories = Repositories(config, Accesses(config))
        mounts = [*(Mount(*pair) for pair in repositories.redirects()), *config.mounts]
        services = Services(config, self._session).places()
        self._namespace = Namespace(repositories.find, repositories.names, mounts, services=services)
        self._walker = Walker(self._namespace, FdTable(self._session), Credentialer().of)

    def meet(self, name: bytes, *, follow: bool) -> tuple[list[bytes], bytes, Found]:
        """The links on the way to the absolute *name*, where it ends, and what is there.  Raises OSError."""
        links: list[tuple[bytes, bytes]] = []
        self._walker.links = links
        try:
            end = self._walker.resolve(os.getpid(), b"", name, follow)
        finally:
            self._walker.links = None
        passed = [link for link, _ in links]
        if isinstance(end, Native):
            found = _on_host(end.path.rstrip(b"/") or b"/")
            return passed, _plain(end.path if end.name is None else end.name), found
        return passed, end.name or end.path, _in_tree(end.found(), end.tree)

    def look(self, name: bytes) -> Found:
        """What is at *name*, without following a link at its end.  Raises OSError."""
        return self.meet(name, follow=False)[2]

    def children(self, name: bytes, found: Found) -> Iterator[tuple[bytes, Found | None]]:
        """The names in the directory *found* at *name*; with what is there, if that is known.  Raises OSError."""
        above = name.rstrip(b"/")
        if found.tree is None:
            names = {*os.listdir(found.place or b"/"), *([b"cvmfs"] if not above else [])}
            yield from ((above + b"/" + child, None) for child in sorted(names))
            return
        assert found.inode is not None
        for entry in found.tree.driver.listdir(found.inode):
            yield above + b"/" + entry.name, _in_tree(entry.inode, found.tree)

    def open(self, found: Found) -> int:
        """A descriptor to read the regular file *found*, whose content is complete and verified.  Raises OSError."""
        flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
        if found.place is not None:
            return os.open(found.place, flags)
        assert found.tree is not None
        assert found.inode is not None
        for _ in range(_ATTEMPTS):
            try:
                return os.open(found.tree.driver.materialise(found.inode), flags)
            except FileNotFoundError:
                continue  # evicted between two steps
        raise OSError(errno.EIO, "the cache loses it again and again")

    def close(self) -> None:
        """Close all drivers, and remove what was made for this process."""
        self._namespace.close()
        self._config.repositories.close()
        sessiondir.remove(self._session)


def _plain(name: bytes) -> bytes:
    return name.rstrip(b"/") or b"/"


def _on_host(place: bytes) -> Found:
    st = os.lstat(place)
    target = os.readlink(place) if stat.S_ISLNK(st.st_mode) else None
    identity = (st.st_dev, st.st_ino) if st.st_nlink > 1 and not stat.S_ISDIR(st.st_mode) else None
    return Found(
        st.st_mode, st.st_size, st.st_mtime_ns, st.st_uid, st.st_gid, st.st_rdev, identity, target, place
    )  # fmt: skip


def _in_tree(inode: Inode, tree: Tree) -> Found:
    target = None if inode.target is None else bytes(inode.target)
    return Found(
        inode.mode, inode.size, inode.mtime_ns, inode.uid, inode.gid, inode.rdev, None, target, None, inode, tree
    )  # fmt: skip

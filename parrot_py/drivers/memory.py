"""A small tree in memory: what tests of everything above the drivers mount, and the shortest example of a driver.

    MemoryDriver({b"/bin/tool": File(b"#!/bin/sh", mode=0o755), b"/latest": Link(b"bin"), b"/empty": Directory()})

Directories above an entry need not be listed, plain bytes are a file.  One node at several paths makes hard links.
"""

from __future__ import annotations

import errno
import os
import shutil
import stat
import tempfile
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Union

from parrot_py.drivers.base import Entry, Inode, StatFs, may_block

_FIRST_INO = 256


@dataclass(frozen=True, eq=False)
class File:
    """A regular file."""

    data: bytes = b""
    mode: int = 0o644
    mtime_ns: int = 0
    xattrs: Mapping[bytes, bytes] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Link:
    """A symbolic link."""

    target: bytes
    mtime_ns: int = 0


@dataclass(frozen=True, eq=False)
class Directory:
    """A directory; needed only for an empty one, or for other attributes than the usual."""

    mode: int = 0o755
    mtime_ns: int = 0
    xattrs: Mapping[bytes, bytes] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Special:
    """A fifo, socket or device; *mode* with the type."""

    mode: int
    rdev: int = 0
    mtime_ns: int = 0


Node = Union[File, Link, Directory, Special]


class Content(NamedTuple):
    """What the driver keeps in an inode: the node, and the state that it is from."""

    node: Node
    state: _State


class _State:
    """One tree, with everything that is known about it."""

    def __init__(self, tree: Mapping[bytes, Node | bytes], owner: tuple[int, int], first_ino: int) -> None:
        self._owner = owner
        self.nodes: dict[bytes, Node] = {b"": Directory()}
        for path, node in tree.items():
            self._add_parents(path)
            self.nodes[path] = File(node) if isinstance(node, bytes) else node
        self.inodes = self._number(first_ino)
        self.children: dict[bytes, list[Entry]] = {}
        for path, inode in self.inodes.items():
            above, _, name = path.rpartition(b"/")
            if path:
                self.children.setdefault(above, []).append(Entry(name, inode))

    def _add_parents(self, path: bytes) -> None:
        while path:
            path = path.rpartition(b"/")[0]
            self.nodes.setdefault(path, Directory())

    def _number(self, first_ino: int) -> dict[bytes, Inode]:
        """The inodes: one number for each node."""
        paths: dict[Node, list[bytes]] = {}
        for path, node in self.nodes.items():
            paths.setdefault(node, []).append(path)
        return {
            path: self._inode(path, node, first_ino + number, len(names))
            for number, (node, names) in enumerate(paths.items())
            for path in names
        }

    def _inode(self, path: bytes, node: Node, ino: int, names: int) -> Inode:
        """The inode of *node*, which has that many *names*, as seen at *path*."""
        target = node.target if isinstance(node, Link) else None
        mode, size, nlink, rdev = 0o777 | stat.S_IFLNK, len(target or b""), names, 0
        if isinstance(node, File):
            mode, size = stat.S_IFREG | node.mode, len(node.data)
        elif isinstance(node, Directory):
            mode, size, nlink = stat.S_IFDIR | node.mode, 4096, 2 + self._directories_in(path)
        elif isinstance(node, Special):
            mode, rdev = node.mode, node.rdev
        has_xattrs = isinstance(node, (File, Directory)) and bool(node.xattrs)
        return Inode(
            path,
            ino,
            mode,
            nlink,
            *self._owner,
            rdev,
            size,
            node.mtime_ns,
            target,
            has_xattrs,
            content=Content(node, self),
        )

    def _directories_in(self, path: bytes) -> int:
        below = (p for p, node in self.nodes.items() if p and isinstance(node, Directory))
        return sum(p.rpartition(b"/")[0] == path for p in below)


class MemoryDriver:
    """Implements :class:`parrot_py.drivers.base.Driver` over a mapping from path (``b"/a/b"``) to node or bytes."""

    def __init__(self, tree: Mapping[bytes, Node | bytes], uid: int | None = None, gid: int | None = None) -> None:
        self._owner = (os.getuid() if uid is None else uid, os.getgid() if gid is None else gid)
        self._lock = threading.Lock()
        self._files: str | None = None
        self._news: Callable[[], None] | None = None
        self._next_ino = _FIRST_INO
        self._state = self._new_state(tree)
        self._ready: _State | None = None

    def _new_state(self, tree: Mapping[bytes, Node | bytes]) -> _State:
        state = _State(tree, self._owner, self._next_ino)
        self._next_ino += len(state.inodes)
        return state

    def replace(self, tree: Mapping[bytes, Node | bytes]) -> None:
        """Make *tree* ready to be shown instead."""
        self._ready = self._new_state(tree)
        if self._news is not None:
            self._news()

    def lookup(self, path: bytes) -> Inode:
        """See :meth:`Driver.lookup`."""
        if self._news is None:
            self.settle()
        inodes = self._state.inodes
        inode = inodes.get(path)
        if inode is not None:
            return inode
        above = path
        while above not in inodes:
            above = above.rpartition(b"/")[0]
        code = errno.ENOENT if inodes[above].is_dir else errno.ENOTDIR
        raise OSError(code, os.strerror(code), path)

    def listdir(self, inode: Inode) -> Sequence[Entry]:
        """See :meth:`Driver.listdir`."""
        if not inode.is_dir:
            raise OSError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), inode.path)
        return list(inode.content.state.children.get(inode.path, []))

    def materialise(self, inode: Inode) -> str:
        """See :meth:`Driver.materialise`.  The first call for a file writes it, and may block."""
        node = inode.content.node
        if not isinstance(node, File):
            code = errno.EISDIR if inode.is_dir else errno.EINVAL
            raise OSError(code, os.strerror(code), inode.path)
        path = os.path.join(self._directory(), str(inode.ino))
        if not os.path.exists(path):
            may_block()
            with tempfile.NamedTemporaryFile(dir=self._directory(), delete=False) as file:
                file.write(node.data)
                os.fchmod(file.fileno(), 0o555)
            os.rename(file.name, path)
        return path

    def _directory(self) -> str:
        with self._lock:
            if self._files is None:
                self._files = tempfile.mkdtemp(prefix="parrot-memory.")
            return self._files

    def getxattr(self, inode: Inode, name: bytes, gid: int | None = None) -> bytes:  # noqa: ARG002 - for everybody
        """See :meth:`Driver.getxattr`."""
        value = self._xattrs(inode).get(name)
        if value is None:
            raise OSError(errno.ENODATA, os.strerror(errno.ENODATA), inode.path)
        return value

    def listxattr(self, inode: Inode) -> Sequence[bytes]:
        """See :meth:`Driver.listxattr`."""
        return list(self._xattrs(inode))

    @staticmethod
    def _xattrs(inode: Inode) -> Mapping[bytes, bytes]:
        node = inode.content.node
        return node.xattrs if isinstance(node, (File, Directory)) else {}

    def watch(self, news: Callable[[], None]) -> None:
        """See :meth:`Driver.watch`."""
        self._news = news

    def settle(self) -> bool:
        """See :meth:`Driver.settle`."""
        ready, self._ready = self._ready, None
        self._state = ready or self._state
        return ready is not None

    def statfs(self) -> StatFs:
        """See :meth:`Driver.statfs`."""
        return StatFs(files=len(self._state.inodes))

    def origins(self, inode: Inode) -> Sequence[str]:  # noqa: ARG002 - the contract's signature
        """See :meth:`Driver.origins`."""
        return ()

    def digests(self, inode: Inode) -> Mapping[str, str]:  # noqa: ARG002 - the contract's signature
        """See :meth:`Driver.digests`."""
        return {}

    def counters(self) -> Mapping[str, int]:
        """See :meth:`Driver.counters`."""
        return {}

    def close(self) -> None:
        """See :meth:`Driver.close`.  Removes the files that were written."""
        with self._lock:
            files, self._files = self._files, None
        if files is not None:
            shutil.rmtree(files)

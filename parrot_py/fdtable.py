"""The emulated descriptor table, without a table of descriptors.

The job gets real descriptors on objects in a private *session directory*, and the kernel owns their numbers, offsets
and flags.  What a descriptor (or a working directory) stands for is told by the name of the object it leads to, which
/proc/<tid>/fd/N gives: the name carries the number of a :class:`Node`.  So nothing has to be followed through dup,
fork, exec, SCM_RIGHTS or close, and a stale entry cannot lie.

    SESSION/o/<node>          hard link to the verified content of a file (a private copy where links are impossible)
    SESSION/d/<node>          empty placeholder of a directory: read() is EISDIR, fchdir, flock and lseek behave
    SESSION/x/<node>/<name>   like o/, under the program's own name, because the kernel takes the process name from it
    SESSION/l/<node>          a symbolic link, for O_PATH|O_NOFOLLOW
    SESSION/p/<node>          a FIFO, shared by everybody who opens the same one
    SESSION/m/...             a copy of a file of /proc (parrot_py/copies.py)
    SESSION/k/<number>        a link to a long path of the host, where only a short one is taken

Links keep their content on the disk, and placeholders have inodes, so those that nobody uses any more are removed when
there are too many of them (parrot_py/sweep.py; FIFOs stay, for who sleeps in open() cannot be seen).  A node that is
opened again after that gets another name: <node>.<round>.
"""

from __future__ import annotations

import errno
import os
import re
import stat
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Callable

from parrot_py import copies
from parrot_py.drivers.base import Entry, Inode, may_block
from parrot_py.shortcuts import Shortcuts

if TYPE_CHECKING:
    from parrot_py.namespace import Tree

KINDS = b"odxlpk"
LISTED = 200_000
"""Entries of listings that are remembered, in all."""
OBJECTS = 20_000
"""Objects of a round that are too many."""
_LATER_NAME = re.compile(rb"([0-9]+)(?:\.[0-9]+)?(?: \(deleted\))?")
_PAGE = 4096


_NO_LINK = (errno.EXDEV, errno.EMLINK, errno.EPERM, errno.EACCES, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL)
"""EXDEV: another file system; EMLINK: too many names already; EPERM, EACCES: a cache that belongs to somebody else, or
a filter around us; the others: a file system without hard links."""


class Node:
    """One path of a driver that the job has opened, entered or started; lives as long as the session.

    It stays what it was when its path comes to be something else: that is another node.  ``name`` is what the job
    calls it; one path that is mounted elsewhere, too, has a node for each name.
    """

    __slots__ = ("entries", "fed", "generation", "head", "inode", "listing", "made", "name", "number", "path", "tree")

    def __init__(
        self, number: int, path: bytes, tree: Tree, inode: Inode, generation: int = 0, name: bytes = b""
    ) -> None:
        self.number = number
        self.generation = generation  # the last one in which its path was known to be this inode
        self.path = path
        self.name = name or path
        self.tree = tree
        self.inode = inode
        self.made: dict[int, bytes] = {}
        self.entries: Sequence[Entry] | None = None
        self.fed = 0  # how many of them the warm table has
        self.head: bytes | None = None  # the first bytes of a program, once it was started
        self.listing: list[Any] | None = None  # of syscalls.directory.Dirent


class HostNode(Node):
    """A native program that had to be started from a copy, or the copy of a file of /proc.

    ``path`` is its real name, nothing else of it is ours.
    """

    def __init__(self, number: int, path: bytes, name: bytes) -> None:
        super().__init__(number, path, None, None, name=name)  # type: ignore[arg-type]


class FdTable:
    """The nodes of a session and their objects in the session directory."""

    def __init__(self, directory: Path) -> None:
        self.directory = os.fsencode(directory)
        self._prefix_length = len(self.directory) + 1
        self._nodes: list[Node] = []
        self._by_name: dict[bytes, Node] = {}
        self._round = 0
        self._objects: dict[bytes, Node] = {}
        self.linked = 0
        """Bytes on disk of the files that got an object in this round."""
        self._listed: deque[Node] = deque()
        self._entries = 0
        self.shortcuts = Shortcuts(self._base(ord("k")))
        self.generation = 0
        """That of the namespace: see :meth:`is_current`."""
        self.copies = copies.Copies(self.directory)
        self.loaders: dict[bytes, Node] = {}
        """The loaders of ours that programs were started with, by the names that the kernel has for them."""
        for kind in KINDS:
            os.mkdir(self._base(kind), 0o755)

    def _base(self, kind: int) -> bytes:
        return self.directory + b"/" + bytes((kind,))

    def node(self, path: bytes, tree: Tree, inode: Inode, name: bytes = b"") -> Node:
        """The node of *inode* at *path* (canonical), which the job calls *name* if not so; made when it is new."""
        node = self._by_name.get(name or path)
        if node is None or node.path != path or (node.inode is not inode and node.inode != inode):
            return self._add(Node(len(self._nodes), path, tree, inode, self.generation, name))
        if node.generation != self.generation:
            node.generation, node.fed = self.generation, 0
        return node

    def is_current(self, node: Node) -> bool:
        """Whether the path of *node* is known to lead to it still."""
        return node.generation == self.generation

    def _add(self, node: Node) -> Node:
        self._nodes.append(node)
        self._by_name[node.name] = node
        return node

    def known(self, path: bytes) -> Node | None:
        """The node of *path* if there is one already."""
        node = self._by_name.get(path)
        return node if node is not None and self.is_current(node) else None

    def native_node(self, path: bytes, name: bytes | None = None) -> Node:
        """The node of a native program, which the job calls *name*."""
        node = self._by_name.get(name or path)
        if node is None or node.path != path:
            node = self._add(HostNode(len(self._nodes), path, name or path))
        return node

    def find(self, link: bytes | None) -> Node | None:
        """The node that the text of a /proc link stands for; ``None`` when it is not one of ours."""
        if link is None or not link.startswith(self.directory + b"/"):
            return None
        parts = link[self._prefix_length :].split(b"/")
        if len(parts) < 2:
            return None
        number = parts[1]
        if parts[0] == copies.FOLDER:
            path = copies.original(number)
            return None if path is None else HostNode(-1, path, path)
        if not number.isdigit():
            match = _LATER_NAME.fullmatch(number)
            if match is None:
                return None
            number = match.group(1)
        return self._nodes[int(number)] if int(number) < len(self._nodes) else None

    def mapped(self, name: bytes) -> Node | None:
        """As find, for the name of what is mapped: a loader is mapped from where the copies of programs find it."""
        return self.loaders.get(name) or self.find(name)

    @property
    def crowded(self) -> bool:
        """Whether very many objects were made in this round."""
        return len(self._objects) > OBJECTS

    def end_round(self) -> list[bytes]:
        """Forget the objects that were made so far; their paths, for who removes them.

        They are answers no more, but calls in flight may still use them.
        """
        old, self._objects, self.linked = self._objects, {}, 0
        self._round += 1
        for path, node in old.items():
            node.made = {kind: made for kind, made in node.made.items() if made != path}
        return list(old)

    def keep_listing(self, node: Node) -> None:
        """*node* has got its listing.  If there are too many entries in all, the oldest listings are forgotten.

        They can be had again: a driver lists an inode always the same.  Only the list of repositories may grow.
        """
        if node.tree.find is None:
            self._listed.append(node)
            self._entries += len(node.listing or ())
        while self._entries > LISTED and len(self._listed) > 1:
            oldest = self._listed.popleft()
            self._entries -= len(oldest.listing or ())
            oldest.listing = oldest.entries = None

    def _name(self, node: Node) -> bytes:
        return b"%d.%d" % (node.number, self._round) if self._round else b"%d" % node.number

    def _count(self, node: Node, path: bytes, size: int = 0) -> None:
        """*path* is a new object of *node*; called last, for a path that ends with a round is told no more."""
        self._objects[path] = node
        self.linked += (size + _PAGE - 1) & -_PAGE

    def _make(self, node: Node, kind: bytes, make: Callable[[bytes], None]) -> bytes:
        path = node.made.get(kind[0])
        if path is None:
            path = b"%s/%s/%s" % (self.directory, kind, self._name(node))
            make(path)
            node.made[kind[0]] = path
        return path

    def _counted(self, node: Node, kind: bytes, make: Callable[[bytes], None], size: int = 0) -> bytes:
        path = node.made.get(kind[0])
        if path is None:
            path = self._make(node, kind, make)
            self._count(node, path, size)
        return path

    def directory_of(self, node: Node) -> bytes:
        """The placeholder of a directory."""
        return self._counted(node, b"d", lambda path: os.mkdir(path, 0o555))

    def link_of(self, node: Node) -> bytes:
        """The placeholder of a symbolic link."""
        return self._counted(node, b"l", lambda path: os.symlink(node.inode.target or b"?", path))

    def fifo_of(self, node: Node) -> bytes:
        """The FIFO behind a FIFO of the repository: all who open that name meet in this one."""
        return self._make(node, b"p", lambda path: os.mkfifo(path, stat.S_IMODE(node.inode.mode) | 0o600))

    def made_file(self, node: Node) -> bytes | None:
        """The object of a regular file if there is one already."""
        return node.made.get(KINDS[0])

    def file_of(self, node: Node, content: str) -> bytes:
        """The object of a regular file, made from the local file *content*.  May block: ask through the namespace."""
        return self._counted(node, b"o", lambda at: _adopt(content, at), node.inode.size)

    def program_of(self, node: Node, content: str, name: bytes) -> bytes:
        """The object of a program under the *name* it was called by; *content* is what the kernel is to load.

        May block: ask through the namespace.
        """
        path = self._program_path(node, name)
        if not os.path.lexists(path):
            os.makedirs(os.path.dirname(path), exist_ok=True)
            _adopt(content, path, program=True)
            self._count(node, path, node.inode.size if node.inode is not None else 0)  # as that of a HostNode is
        return path

    def _program_path(self, node: Node, name: bytes) -> bytes:
        return b"%s/x/%s/%s" % (self.directory, self._name(node), name)

    def alias(self, node: Node, name: bytes, target: bytes) -> bytes:
        """A symbolic link called *name* to the native program *target*: starting it sets the process name to *name*."""
        path = self._program_path(node, name)
        try:
            if os.readlink(path) == target:
                return path
            os.unlink(path)
        except FileNotFoundError:
            os.makedirs(os.path.dirname(path), exist_ok=True)
        except OSError as error:
            if error.errno != errno.EINVAL:  # a copy of the program that once had to be started in its place
                raise
            return path
        os.symlink(target, path)
        self._count(node, path)
        return path


def _adopt(content: str, path: bytes, *, program: bool = False) -> None:
    """Give *content* the further name *path*, so that it survives eviction and knows who opened it.

    A *program* must be executable, which files in caches of other clients are not: those are copied.
    """
    if program and not os.stat(content).st_mode & 0o111:
        _copy(content, path)
        return
    try:
        os.link(content, path)
    except FileExistsError:
        return
    except OSError as error:
        if error.errno not in _NO_LINK:
            raise
        _copy(content, path)


def _copy(content: str, path: bytes) -> None:
    import shutil

    may_block()
    unfinished = path + b".new"
    try:
        shutil.copyfile(content, unfinished)
        os.chmod(unfinished, 0o555)
        os.rename(unfinished, path)
    except BaseException:
        if os.path.lexists(unfinished):
            os.unlink(unfinished)
        raise

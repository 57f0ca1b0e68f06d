"""One path walk in progress: component by component over bytes, symbolic links by the book (path_resolution(7)).

Links lead freely inside a repository, between repositories, from /cvmfs to native paths and back.  At most 40 links are
followed in one walk, ``link/..`` is physical, a trailing slash asks for a directory.
"""

from __future__ import annotations

import errno
import os
import re
from typing import TYPE_CHECKING

from parrot_py.drivers.base import Inode, Variant
from parrot_py.fdtable import HostNode, Node
from parrot_py.namespace import ROOT, Tree
from parrot_py.places import DOT, DOTDOT, NORMAL, TOP, Native, Target, fail
from parrot_py.process import X, environment, own_proc

if TYPE_CHECKING:
    from parrot_py.walk import Walker

MAX_LINKS = 40
NAME_MAX = 255

# openat2(2)
RESOLVE_NO_XDEV, RESOLVE_NO_MAGICLINKS, RESOLVE_NO_SYMLINKS = 0x01, 0x02, 0x04
RESOLVE_BENEATH, RESOLVE_IN_ROOT, RESOLVE_CACHED = 0x08, 0x10, 0x20
RESOLVE_KNOWN = 0x3F
RESOLVE_PARENT = 0x10000  # our own: the last component is a name to create or remove, whatever it is


_JUMPS = re.compile(rb"/proc/\d+(/task/\d+)?/(cwd|exe|root|fd/\d+|map_files/[^/]+|ns/[^/]+)\Z")
"""Links of /proc that lead to an object, not to a path."""


def everybody_may_search(inode: Inode) -> bool:
    """Whether no credentials can make a difference to searching this directory."""
    return inode.mode & 0o111 == 0o111


class Walk:
    """One walk in progress: ``here`` is canonical, ``tree`` and ``inode`` are set while it lies in a tree of ours."""

    def __init__(self, walker: Walker, tid: int, start: Node | bytes, path: bytes, follow: bool, how: int = 0) -> None:
        self.walker = walker
        self.how = how
        self.namespace = walker.namespace
        self.tid = tid
        self.todo = [c for c in reversed(path.split(b"/")) if c]
        self.slash = path.endswith(b"/")
        self.parent = bool(how & RESOLVE_PARENT)
        self.follow = (follow or self.slash) and not self.parent
        self.links = 0
        self.touched = False
        self.uncacheable = isinstance(start, bytes) and start != b""
        self.last = TOP
        self.tree: Tree | None = None
        self.inode: Inode | None = None
        self.here: bytes = b""
        self.node: Node | None = None
        if isinstance(start, Node):
            self._jump(start)
        else:
            self.here = start.rstrip(b"/")
        self.top = self.name = self.here
        self.crossed: list[tuple[bytes, bytes, Tree | None, Inode | None]] = []
        self.device = self.tree

    def _jump(self, node: Node) -> None:
        self.here, self.tree, self.inode, self.node = node.path, node.tree, node.inode, node
        self.touched = True
        if not (isinstance(node, HostNode) or self.walker.fdtable.is_current(node)) and node.inode.is_dir:
            self._renew(node)

    def _renew(self, node: Node) -> None:
        """*node* is a directory that was opened or entered before its tree changed: names below it are those of now.

        One that is gone stays what it was, with nothing in it, as an open directory that somebody removed.
        """
        try:
            inode = self.namespace.lookup(node.tree, node.path)
        except (FileNotFoundError, NotADirectoryError):
            self.uncacheable = True
            return
        if inode.is_dir:
            self.inode, self.node = inode, self.walker.fdtable.node(node.path, node.tree, inode)
        else:
            self.uncacheable = True

    def run(self) -> Target | Native:
        """Go the whole way; raises OSError."""
        while self.todo:
            name = self.todo.pop()
            self.last = DOT if name == b"." else DOTDOT if name == b".." else NORMAL
            if name == b".." and self.how and self._stays_at_top():
                continue
            if self.parent and not self.todo and self.last != NORMAL:
                break  # what counts is the directory before the dots
            end = self._step_ours(name) if self.tree is not None else self._step_native(name)
            if self.how & RESOLVE_NO_XDEV and self.tree is not self.device:
                fail(errno.EXDEV)
            if end is not None:
                return end
        if self.tree is None:
            slash = b"/" if self.slash and self.here else b""
            return Native((self.here or b"/") + slash, self.touched)
        if self.slash and not self.parent and self.inode is not None and not self.inode.is_dir:
            fail(errno.ENOTDIR)
        return Target(self.here, self.tree, self.inode, self.last, self.slash, self.node)

    def _stays_at_top(self) -> bool:
        """Whether ``..`` is to have no effect here; raises EXDEV where it would lead out of RESOLVE_BENEATH."""
        if self.here != self.top:
            return False
        if self.how & RESOLVE_BENEATH:
            fail(errno.EXDEV)
        return bool(self.how & RESOLVE_IN_ROOT)

    # -- inside one of our trees

    def _step_ours(self, name: bytes) -> Target | Native | None:
        inode = self.inode
        assert inode is not None
        assert self.tree is not None
        if not inode.is_dir:
            fail(errno.ENOTDIR)
        if not everybody_may_search(inode):
            self.uncacheable = True
            if not self.walker.credentials(self.tid).may(inode, X):
                fail(errno.EACCES)
        if name == b".":
            return None
        self.node = None
        if name == b"..":
            self._up()
            return None
        if len(name) > NAME_MAX:
            fail(errno.ENAMETOOLONG)
        child = self.here + b"/" + name
        if self._redirected(name):
            return None
        return self._enter_child(self.tree, child, name)

    def _enter_child(self, tree: Tree, child: bytes, name: bytes) -> Target | Native | None:
        try:
            if tree is self.namespace.root:
                below = self.namespace.repository(name)
                if below is None:
                    return self._host_repository(tree, child)
                tree = below
            inode = self.namespace.lookup(tree, child)
        except FileNotFoundError:
            return None if self._leads_to_redirect(child) else self._missing(tree, child)
        if type(inode.target) is Variant:
            inode = self._for_caller(inode, inode.target)
        if inode.is_link and (self.todo or self.follow):
            self._expand(inode.target or b"")
            return None
        self.here, self.tree, self.inode = child, tree, inode
        return None

    def _for_caller(self, inode: Inode, target: Variant) -> Inode:
        """The link *inode* as the calling program is to see it."""
        self.uncacheable = True
        text = target.expand(environment(self.tid))
        return inode._replace(target=text, size=len(text))

    def _host_repository(self, tree: Tree, child: bytes) -> Target | Native | None:
        """A name below /cvmfs that nobody configured: the host's own mount if it has one."""
        if not os.path.lexists(child):
            return self._missing(tree, child)
        self.here, self.tree, self.inode, self.uncacheable = child, None, None, True
        return None

    def _missing(self, tree: Tree, child: bytes) -> Target:
        self.uncacheable |= tree is self.namespace.root
        if self.todo:
            fail(errno.ENOENT)
        return Target(child, tree, None, NORMAL, self.slash)

    def _enter(self, path: bytes) -> None:
        """Go to the canonical directory *path*, whatever it is."""
        self.here, self.inode = path, None
        self.tree = self.namespace.tree_of(path)
        if self.tree is not None:
            self.inode = self.namespace.lookup(self.tree, path)
            self.touched = True

    def _expand(self, target: bytes) -> None:
        """Replace the link just met by its *target*; the directory it lies in is still ``here``."""
        self.links += 1
        if self.links > MAX_LINKS or self.how & RESOLVE_NO_SYMLINKS:
            fail(errno.ELOOP)
        if not target:
            fail(errno.ENOENT)
        if target.endswith(b"/") and not self.todo:
            self.slash = True
        self.todo.extend(c for c in reversed(target.split(b"/")) if c)
        if target.startswith(b"/"):
            if self.how & RESOLVE_BENEATH:
                fail(errno.EXDEV)
            self.here, self.tree, self.inode, self.name = b"", None, None, b""
            self.crossed.clear()
            if self.how & RESOLVE_IN_ROOT:
                self._enter(self.top)
        self.node = None

    def _up(self) -> None:
        """``..``: out of a redirection to where its name lies, as from the root of a mount; else to the parent."""
        if self.crossed and self.crossed[-1][0] == self.name:
            _, self.here, self.tree, self.inode = self.crossed.pop()
            self.name = os.path.dirname(self.name)
            return
        here = self.inode
        try:
            self._enter(os.path.dirname(self.here) if self.here.count(b"/") > 1 else b"")
        except (FileNotFoundError, NotADirectoryError):
            if here is None:
                raise
            self.inode, self.uncacheable = here, True  # gone, with the directory that the walk came from
        self.name = os.path.dirname(self.name) if self.crossed else self.here

    def _redirected(self, name: bytes) -> bool:
        """Whether the next component *name*, as the job calls it, is where a redirection begins; if so, go there."""
        if not self.namespace.redirects:
            return False
        before = (self.here, self.tree, self.inode)
        self.name += b"/" + name
        destination = self.namespace.redirects.get(self.name)
        if destination is None:
            return False
        self.crossed.append((self.name, *before))
        self.touched = self.uncacheable = True
        if self.namespace.tree_of(destination) is not None:
            self._enter(destination)
        else:
            self.here, self.tree, self.inode = destination.rstrip(b"/"), None, None
        return True

    def _leads_to_redirect(self, path: bytes) -> bool:
        """Whether the missing *path* lies on the way to a redirection, which is reached all the same."""
        if self.name not in self.namespace.ancestors:
            return False
        self.here, self.tree, self.inode, self.touched, self.uncacheable = path, None, None, True, True
        return True

    # -- on the host

    def _step_native(self, name: bytes) -> Target | Native | None:
        if name in (b".", b".."):
            if self.here and not os.path.isdir(self.here):
                return self._rest(self.here + b"/" + name)
            if name == b"..":
                self._up()
            return None
        path = self.here + b"/" + name
        if self._redirected(name):
            return None
        if path == ROOT:
            self._enter(ROOT)
            return None
        self.uncacheable = True
        if path.startswith(b"/proc/"):
            asked, path = path, own_proc(path, self.tid)
            if path != asked and self.how & RESOLVE_NO_SYMLINKS:
                fail(errno.ELOOP)
        try:
            text = os.readlink(path)
        except OSError as error:
            if error.errno != errno.EINVAL:
                return None if self._leads_to_redirect(path) else self._rest(path)
            self.here = path
            return None
        return self._native_link(path, text)

    def _native_link(self, path: bytes, text: bytes) -> Target | Native | None:
        magic = path.startswith(b"/proc/") and bool(_JUMPS.match(path))
        node = self.walker.fdtable.find(text) if magic else None
        if not self.todo and not self.follow:
            return Native(path, self.touched, node)
        if magic and self.how & (RESOLVE_NO_MAGICLINKS | RESOLVE_NO_SYMLINKS):
            fail(errno.ELOOP)
        if magic and self.how & (RESOLVE_BENEATH | RESOLVE_IN_ROOT):
            fail(errno.EXDEV)
        if node is not None:
            if isinstance(node, HostNode):
                self.here, self.touched = node.path, True
            else:
                self._jump(node)
            return None
        if magic and text[:1] != b"/" and b":" in text:  # pipe:[17] and its like are not paths: the kernel knows
            return self._rest(path)
        self._expand(text)
        return None

    def _rest(self, path: bytes) -> Native:
        """The kernel settles the rest of the walk (and finds the right errno)."""
        parts = [path, *reversed(self.todo)]
        return Native(b"/".join(parts) + (b"/" if self.slash else b""), self.touched)

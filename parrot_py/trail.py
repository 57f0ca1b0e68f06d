"""Where a walk has come to: the place, what the job calls it, and the mount of the job's table that governs it.

Crossing into a mount changes the place and not the name; ``..`` at its top leads to where its name lies, as from the
root of a real mount.  A place without a name (something is mounted over it, and the job was there before) is walked as
the kernel walks it, until it comes to where names are the kernel's own again.
"""

from __future__ import annotations

import errno
import os
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

from parrot_py.config.model import DENY, LCACHE, LOCAL, Mount
from parrot_py.drivers.base import Inode
from parrot_py.fdtable import HostNode, Node
from parrot_py.mounts import ASKED, NOTHING, REFUSALS, is_pattern, is_virtual
from parrot_py.namespace import Tree
from parrot_py.places import Native, fail
from parrot_py.process import X, leads_to

if TYPE_CHECKING:
    from parrot_py.walk import Walker


def everybody_may_search(inode: Inode) -> bool:
    """Whether no credentials can make a difference to searching this directory."""
    return inode.mode & 0o111 == 0o111


class _Spot(NamedTuple):
    """What a walk can come back to."""

    here: bytes
    tree: Tree | None
    inode: Inode | None
    name: bytes | None
    mount: int
    point: bytes


class Trail:
    """``here`` is the place, canonical; ``tree`` and ``inode`` are set while it lies in a tree of ours.

    ``name`` is ``None`` for a place without one, and always when nothing is mounted.
    """

    links_left: int

    def __init__(self, walker: Walker, tid: int, start: Node | bytes, todo: list[bytes], *, plain: bool) -> None:
        self.walker = walker
        self.namespace = walker.namespace
        self.table = walker.unmounted if plain else walker.namespace.mounts
        self.tid = tid
        self.todo = todo
        self.touched = False
        self.uncacheable = False
        self.node: Node | None = None
        self.tree: Tree | None = None
        self.inode: Inode | None = None
        self.here, self.point, self.child = b"", b"", b""
        self.name: bytes | None = None
        self.mount = self.above = NOTHING
        self.holder: bytes | None = None
        self._crossed: list[tuple[bytes, _Spot]] = []
        self._start = b"" if isinstance(start, Node) else start.rstrip(b"/")
        if isinstance(start, Node):
            self._jump(start)
        elif start.rstrip(b"/"):
            self.here, self.uncacheable = start.rstrip(b"/"), True
            self._find_name()
        else:
            self._to_root()

    def _spot(self) -> _Spot:
        return _Spot(self.here, self.tree, self.inode, self.name, self.mount, self.point)

    def _go_to(self, spot: _Spot) -> None:
        self.here, self.tree, self.inode, self.name, self.mount, self.point = spot
        self.node = None

    def _count(self) -> None:
        """One more link, links of /proc among them: ELOOP when there were too many."""
        self.links_left -= 1
        if self.links_left < 0:
            fail(errno.ELOOP)

    # -- names

    def _find_name(self, name: bytes | None = None) -> None:
        """What the job calls the place, if not *name*, and which mount governs that."""
        if not self.table:
            return
        self.name = name or self.table.name_of(self.here)
        self.mount, self.point = (NOTHING, b"") if self.name is None else self.table.governing(self.name)
        self.uncacheable |= self.mount != NOTHING

    def _jump(self, node: Node) -> None:
        self.here, self.tree, self.inode, self.node = node.path, node.tree, node.inode, node
        self.touched = True
        if isinstance(node, HostNode):
            self.node = None
            self._find_name()
            return
        self._find_name(node.name)
        if not self.walker.fdtable.is_current(node) and node.inode.is_dir:
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
            self.inode, self.node = inode, self.walker.fdtable.node(node.path, node.tree, inode, node.name)
        else:
            self.uncacheable = True

    def _to_root(self) -> None:
        """Go to the job's root."""
        self.here, self.tree, self.inode, self.node = b"", None, None, None
        self._crossed.clear()
        if not self.table:
            return
        self.name, self.child, self.mount, self.point = b"", b"", NOTHING, b""
        index = self.table.begins(b"", NOTHING)
        if index != NOTHING:
            self._cross(index)

    @property
    def refused(self) -> int:
        """The errno that everything here is answered with, or 0."""
        if self.mount == NOTHING or self.table.mounts[self.mount].word not in REFUSALS:
            return 0
        return errno.EACCES if self.table.mounts[self.mount].word == DENY else errno.ENOENT

    @property
    def local(self) -> bool:
        """Whether /cvmfs is the host's own here."""
        return self.mount != NOTHING and self.table.mounts[self.mount].word == LOCAL

    def _may_pass(self) -> bool:
        """True, or raises, when what the walk has come to is no directory that may be searched."""
        inode = self.inode
        if inode is None:
            return True  # native: the kernel looks itself
        if not inode.is_dir:
            fail(errno.ENOTDIR)
        if not everybody_may_search(inode):
            self.uncacheable = True
            if not self.walker.credentials(self.tid).may(inode, X):
                fail(errno.EACCES)
        return True

    def _may_turn(self) -> None:
        """The same for ``..`` of a native place that leads nowhere: the kernel does not get to see it."""
        self._may_pass()
        if self.tree is None:
            with suppress(FileNotFoundError):  # somebody removed it
                os.stat(self._seen(self.here) + b"/.")

    def _seen(self, path: bytes) -> bytes:
        """How we can look the native *path* up: who is in a directory needs no permission for those above it."""
        start = self._start
        if not start or not (path == start or path.startswith(start + b"/")) or os.access(start, os.F_OK):
            return path
        return leads_to(self.tid, start) + path[len(start) :]

    # -- into a mount

    def _crosses(self, component: bytes) -> bool:
        """Whether a mount begins at *component* of the place; if so, go there."""
        if self.name is None:
            return False
        self.child = self.name + b"/" + component
        index = self.table.begins(self.child, self.mount)
        if index != NOTHING:
            return self._cross(index)
        if self.refused:
            self._on_the_way()
            return True
        return False

    def _on_the_way(self) -> None:
        """Go through a name that is refused, if a mount may follow that is not; nothing is looked at there."""
        if not self.todo or not self.table.leads(self.child, self.mount):
            fail(self.refused)
        self.name = self.child

    def _cross(self, index: int) -> bool:
        """Go into mount *index*, whose point is ``child``.  False: it stands for itself, so the way goes on here."""
        mount = self.table.mounts[index]
        self.uncacheable = True
        if self._stands_for_itself(mount):
            self.mount, self.point = index, self.child
            return False
        self._crossed.append((self.child, self._spot()))
        self.holder = self.here or b"/"
        self.mount, self.point = index, self.child
        self.touched, self.node, self.tree, self.inode = True, None, None, None
        if mount.word in REFUSALS:
            self._on_the_way()
        elif mount.word in ASKED:
            self._consult(mount)
        else:
            self.name = self.child
            itself = mount.word == LOCAL or mount.destination == mount.prefix
            self._arrive(self.child if itself and is_pattern(mount.prefix) else mount.destination)
        return True

    def _stands_for_itself(self, mount: Mount) -> bool:
        if mount.word or mount.destination != mount.prefix or self.tree is not None:
            return False
        return self.child == (self.here + b"/" + self.child.rpartition(b"/")[2] if self.child else self.here)

    def _arrive(self, place: bytes) -> None:
        """Go to *place*, which may lie in one of our trees."""
        if self.local or not is_virtual(place):
            self.here, self.tree, self.inode = place.rstrip(b"/"), None, None
            return
        end = self.walker.plainly(self.tid, place)
        if isinstance(end, Native):
            self.here, self.tree, self.inode = end.path.rstrip(b"/"), None, None
            return
        if end.inode is None and self.todo:
            fail(errno.ENOENT)
        self.here, self.tree, self.inode = end.path, end.tree, end.inode

    def _consult(self, mount: Mount) -> None:
        """Have the rest of the name answered as a whole, as far as no other mount begins in it."""
        index, rest = self.mount, b""
        while self.todo and self.todo[-1] != b"..":
            further = b"" if self.todo[-1] == b"." else b"/" + self.todo[-1]
            if further and self.table.begins(self.child + rest + further, index) != NOTHING:
                break
            rest += further
            self.todo.pop()
        self.name = self.point = self.child + rest
        if mount.word == LCACHE:
            local = mount.destination + rest
            place = local if os.path.isfile(local) else mount.remote + rest
        else:
            place = self.namespace.ask(self.walker.resolvers.place, mount.destination, rest)
        self._arrive(place)

    # -- and out of it

    def _up(self) -> None:
        """``..``: at the top of a mount to the directory that its name lies in, else to the parent."""
        if self.name == b"":
            return
        if self.name is not None and self.name == self.point and self.mount != NOTHING:
            self._leave()
            return
        if self.refused:
            self.name = os.path.dirname(self.name or b"").rstrip(b"/")
            return
        self._physically_up()
        if self.name is not None:
            self.name = os.path.dirname(self.name).rstrip(b"/")
        else:
            self._find_name()

    def _leave(self) -> None:
        assert self.name is not None
        if self._crossed and self._crossed[-1][0] == self.name:
            self._go_to(self._crossed.pop()[1])
            return
        self.touched = True  # for the kernel `..` is the directory above the place
        above = os.path.dirname(self.name)
        self._to_root()
        self.todo.extend(part for part in reversed(above.split(b"/")) if part)

    def _physically_up(self) -> None:
        above = os.path.dirname(self.here) if self.here.count(b"/") > 1 else b""
        if self.local:
            self.here = above
            return
        before = self.inode
        try:
            self._enter(above)
        except (FileNotFoundError, NotADirectoryError):
            if before is None:
                raise
            self.inode, self.uncacheable = before, True  # gone, with the directory that the walk came from

    def _enter(self, path: bytes) -> None:
        """Go to the canonical directory *path*, whatever it is."""
        self.here, self.inode, self.node = path, None, None
        self.tree = self.namespace.tree_of(path)
        if self.tree is not None:
            self.inode = self.namespace.lookup(self.tree, path)
            self.touched = True

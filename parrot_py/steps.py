"""One path walk in progress: component by component over bytes, symbolic links by the book (path_resolution(7)).

Links lead freely inside a repository, between repositories, from /cvmfs to native paths and back.  At most 40 links are
followed in one walk, ``link/..`` is physical, a trailing slash asks for a directory.
"""

from __future__ import annotations

import errno
import os
import stat
from typing import TYPE_CHECKING

from parrot_py.drivers.base import Inode, Variant
from parrot_py.fdtable import Node
from parrot_py.mounts import is_virtual
from parrot_py.namespace import Tree
from parrot_py.places import DOT, DOTDOT, NORMAL, TOP, Native, Target, fail
from parrot_py.process import environment, jumps, own_proc, still_leads_to
from parrot_py.trail import Trail

if TYPE_CHECKING:
    from parrot_py.walk import Walker

MAX_LINKS = 40
NAME_MAX = 255

# openat2(2)
RESOLVE_NO_XDEV, RESOLVE_NO_MAGICLINKS, RESOLVE_NO_SYMLINKS = 0x01, 0x02, 0x04
RESOLVE_BENEATH, RESOLVE_IN_ROOT, RESOLVE_CACHED = 0x08, 0x10, 0x20
RESOLVE_KNOWN = 0x3F
RESOLVE_CREATE = 0x20000  # our own: the last component may be created, so a slash behind it is EISDIR
RESOLVE_PARENT = 0x10000  # our own: the last component is a name to create or remove, whatever it is


class Walk(Trail):
    """One walk in progress."""

    def __init__(
        self, walker: Walker, tid: int, start: Node | bytes, path: bytes, follow: bool, how: int = 0, *,
        plain: bool = False,
    ) -> None:  # fmt: skip
        self.how = how
        self.slash = path.endswith(b"/")
        self.parent = bool(how & RESOLVE_PARENT)
        self.follow = (follow or self.slash) and not self.parent
        self.links_left = 0 if how & RESOLVE_NO_SYMLINKS else MAX_LINKS
        self.last = TOP
        super().__init__(walker, tid, start, [c for c in reversed(path.split(b"/")) if c], plain=plain)
        self._top, self._device = self._spot(), (self.tree, self._border())

    def _border(self) -> bytes | None:
        return self.point if self.table.is_border(self.mount) else None

    def run(self) -> Target | Native:
        """Go the whole way; raises OSError."""
        opened_link = bool(self._start) and os.path.islink(self._start)
        if self.todo and (not self.inode.is_dir if self.inode is not None else opened_link):
            fail(errno.ENOTDIR)  # before any name is looked at
        while self.todo:
            name = self.todo.pop()
            self.last = DOT if name == b"." else DOTDOT if name == b".." else NORMAL
            if name == b".." and self.how and self._stays_at_top():
                continue
            if self.parent and not self.todo and self.last != NORMAL and self._may_pass():
                self.above = self.mount
                break  # what counts is the directory before the dots
            self.above, self._governed = self.mount, (self.mount, self.point)
            end = self._step(name)
            entered = self.todo or not self.parent  # where a name is to be created, it is not
            if self.how & RESOLVE_NO_XDEV and entered and (self.tree, self._border()) != self._device:
                fail(errno.EXDEV)
            if end is not None:
                return end
        return self._end()

    def _step(self, name: bytes) -> Target | Native | None:
        if self.tree is not None:
            return self._step_ours(name)
        if self.refused and self.last != NORMAL:
            if self.last == DOTDOT:
                self._up()
            return None
        return self._step_native(name)

    def _end(self) -> Target | Native:
        if self.refused:
            fail(self.refused)
        if self.tree is None:
            dots = {DOT: b"/.", DOTDOT: b"/.."}.get(self.last, b"") if self.parent else b""
            slash = self.slash and self.here and (self.parent or self.last == NORMAL)  # dots end at a directory anyway
            return self._native(((self.here + dots) or b"/") + (b"/" if slash else b""))
        if self.slash and not self.parent and self.inode is not None and not self.inode.is_dir:
            fail(errno.EISDIR if self.how & RESOLVE_CREATE else errno.ENOTDIR)
        return self._target(self.here, self.tree, self.inode, self.name)

    def _target(self, path: bytes, tree: Tree, inode: Inode | None, name: bytes | None) -> Target:
        known = name if name is not None and name != path else b""
        here = inode is not None or path == self.here  # else it is a name in here that is missing
        place = (self.mount, self.above, self._held() if here else None)
        last = self.last if here else NORMAL
        return Target(path, tree, inode, last, self.slash, self.node if inode else None, known, *place)

    def _native(self, path: bytes, magic: bytes | None = None) -> Native:
        return Native(path, self.touched, magic, self.name, self.mount, self.above, self._held())

    def _held(self) -> bytes | None:
        """The directory that a mount begins in here, if one does."""
        if not self._crossed or self.name != self.point or (self.parent and self.last != NORMAL):
            return None
        return self.holder

    def _stays_at_top(self) -> bool:
        """Whether ``..`` is to have no effect here; raises EXDEV where it would lead out of RESOLVE_BENEATH."""
        if (self.here, self.name) != (self._top.here, self._top.name):
            return False
        self._may_turn()
        if self.how & RESOLVE_BENEATH:
            fail(errno.EXDEV)
        return bool(self.how & RESOLVE_IN_ROOT)

    # -- inside one of our trees

    def _step_ours(self, name: bytes) -> Target | Native | None:
        self._may_pass()
        assert self.tree is not None
        if name == b".":
            return None
        self.node = None
        if name == b"..":
            self._up()
            return None
        if len(name) > NAME_MAX:
            if self.parent and not self.todo:  # who creates it looks at the length, who removes it does not
                return self._missing(self.tree, self.here + b"/" + name)
            fail(errno.ENAMETOOLONG)
        if self._crosses(name):
            return None
        assert self.tree is not None
        return self._enter_child(self.tree, self.here + b"/" + name, name)

    def _enter_child(self, tree: Tree, child: bytes, name: bytes) -> Target | Native | None:
        try:
            if tree.find is not None:
                below = self.namespace.child(tree, name)
                if below is None:
                    return self._host_repository(tree, child)
                tree = below
            passage = self.namespace.passage(tree, child) if self.todo else None
            inode = passage or self.namespace.lookup(tree, child)
        except FileNotFoundError:
            return None if self._leads_to_mount(child) else self._missing(tree, child)
        if type(inode.target) is Variant:
            inode = self._for_caller(inode, inode.target)
        if inode.is_link and (self.todo or self.follow):
            self._expand(inode.target or b"", child)
            return None
        self.here, self.tree, self.inode = child, tree, inode
        self._named()
        return None

    def _named(self) -> None:
        """The place is that of the component just met."""
        if self.name is not None:
            self.name = self.child

    def _for_caller(self, inode: Inode, target: Variant) -> Inode:
        """The link *inode* as the calling program is to see it."""
        self.uncacheable = True
        text = target.expand(environment(self.tid))
        return inode._replace(target=text, size=len(text))

    def _host_repository(self, tree: Tree, child: bytes) -> Target | Native | None:
        """A name below /cvmfs that nobody configured: the host's own mount if it has one."""
        if tree is not self.namespace.root or not os.path.lexists(child):
            return self._missing(tree, child)
        self.here, self.tree, self.inode, self.uncacheable = child, None, None, True
        self._named()
        return None

    def _missing(self, tree: Tree, child: bytes) -> Target:
        self.uncacheable |= tree.find is not None
        if self.todo:
            fail(errno.ENOENT)
        return self._target(child, tree, None, None if self.name is None else self.child)

    def _expand(self, target: bytes, link: bytes) -> None:
        """Replace the *link* just met by its *target*; the directory it lies in is still ``here``."""
        self._count()
        self.walker.pass_by(link if self.name is None else self.child, link)
        if not target or (self.tree is not None and not self.walker.permits(self.here, target)):
            fail(errno.ENOENT)
        if target.endswith(b"/") and not self.todo:
            self.slash = True
        self.todo.extend(c for c in reversed(target.split(b"/")) if c)
        if target.startswith(b"/"):
            if self.how & RESOLVE_BENEATH:
                fail(errno.EXDEV)
            if self.how & RESOLVE_IN_ROOT:
                self._go_to(self._top)
            else:
                self._to_root()
        else:
            self.mount, self.point = self._governed  # what governs the link does not govern what it leads to
        self.node = None

    def _leads_to_mount(self, path: bytes) -> bool:
        """Whether the missing *path* lies on the way to a mount, which is reached all the same.

        On the host also where a pattern may match further down: if none does, the kernel finds the same name missing.
        """
        leads = self.table.leads if self.tree is None else self.table.reaches
        if self.name is None or not leads(self.child, self.mount):
            return False
        self.here, self.tree, self.inode, self.touched, self.uncacheable = path, None, None, True, True
        self.name = self.child
        return True

    # -- on the host

    def _step_native(self, name: bytes) -> Target | Native | None:
        if self.last != NORMAL:
            # Dots need the permission to search, too; processes that have ended let nobody search their directories.
            if self.here and not os.path.isdir(self._seen(self.here) + b"/."):
                return self._rest(self.here + b"/" + name)
            if self.last == DOTDOT:
                self._up()
            return None
        if self._crosses(name):
            return None
        path = self.here + b"/" + name
        if path in self.namespace.roots and not self.local:
            self._enter(path)
            self._named()
            return None
        self.uncacheable = True
        if path.startswith(b"/proc/"):
            asked, path = path, own_proc(path, self.tid)
            if path != asked:
                self._count()
        try:
            text = self._read_link(path)
        except OSError:
            return None if self._leads_to_mount(path) else self._rest(path)
        if text is not None:
            return self._native_link(path, text)
        self.here = path
        self._named()
        return None

    def _read_link(self, path: bytes) -> bytes | None:
        """The text of a link; None for all else, and for a link that the call does not follow.

        Reading a link changes its time of access, as following it does.  Those of /proc have none.
        """
        seen = self._seen(path)
        kept = not self.todo and not self.follow and not path.startswith(b"/proc/")
        return os.readlink(seen) if stat.S_ISLNK(os.lstat(seen).st_mode) and not kept else None

    def _native_link(self, path: bytes, text: bytes) -> Target | Native | None:
        magic = jumps(path)
        node = self.walker.fdtable.find(text) if magic else None
        if not self.todo and not self.follow:
            self._named()
            return self._native(path, self._told(text, node) if magic else None)
        if magic and self.how & (RESOLVE_NO_MAGICLINKS | RESOLVE_NO_SYMLINKS):
            fail(errno.ELOOP)
        if magic and self.how & (RESOLVE_BENEATH | RESOLVE_IN_ROOT):
            fail(errno.EXDEV)
        if node is not None:
            self._count()
            self._crossed.clear()
            self._jump(node)
            return None
        if not (magic or self.walker.follows):
            return self._rest(path)
        if magic and not is_virtual(text):
            if not still_leads_to(path, text):
                return self._rest(path)._replace(mount=self.table.governing_place(text))  # the kernel knows the object
            if self.table:
                self._land(text)
                return None
        self._expand(text, path)
        return None

    def _told(self, text: bytes, node: Node | None) -> bytes | None:
        """What the job is to read in a link of /proc, if not *text*."""
        if node is not None:
            return node.name
        name = self.table.name_of(text) if self.table and text[:1] == b"/" else None
        return None if name == text else name

    def _land(self, place: bytes) -> None:
        """A link of /proc leads to an object of the kernel, whatever its name stands for now."""
        self._count()
        self._crossed.clear()
        self.here, self.touched, self.uncacheable = place.rstrip(b"/"), True, True
        self._find_name()

    def _rest(self, path: bytes) -> Native:
        """The kernel settles the rest of the walk (and finds the right errno)."""
        if self.refused:
            fail(self.refused)
        if self.name is not None and not self.todo:
            self._named()
        parts = [path, *reversed(self.todo)]
        end = self._native(b"/".join(parts) + (b"/" if self.slash else b""))
        return end._replace(holder=None) if self.todo else end

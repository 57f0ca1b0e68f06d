"""One revision as it is shown.  A newer revision is another view; inodes of this one keep what they came from."""

from __future__ import annotations

import errno
import os
from collections.abc import Sequence

from parrot_py.drivers.base import Entry, Inode
from parrot_py.drivers.cvmfs.catalogs.rows import Mount
from parrot_py.drivers.cvmfs.catalogs.tree import Tree
from parrot_py.drivers.cvmfs.known import Known
from parrot_py.drivers.cvmfs.trust.session import Opened

_HOMES = 4_000
# A longer listing would push everything else out of the memory of answers.
_PREFILL = 5_000


class View:
    """The names of one revision, seen from its directory *subpath*.  Thread-safe; raises Failure.

    Answers are remembered: nothing in a revision ever changes.  ``opened`` says how the revision was chosen, ``root``
    is its root catalog.
    """

    def __init__(self, tree: Tree, opened: Opened, subpath: bytes) -> None:
        self.opened = opened
        self.root = tree.root(opened.root)
        self._tree, self._subpath = tree, subpath
        self.known: Known[Inode | int] = Known()
        self._homes: Known[Mount] = Known(_HOMES)

    @property
    def revision(self) -> int:
        """The number of the revision, as its root catalog states it."""
        return self.root.catalog.facts.revision

    def answer(self, path: bytes) -> Inode | int:
        """The inode at *path* or the errno that says why there is none; remembers the answer."""
        answer: Inode | int | None = self._entry(self._subpath + path)
        if answer is None:
            answer = self._why_not(path)
        self.known.put(path, answer)
        return answer

    def lookup(self, path: bytes) -> Inode:
        """The inode at *path*; raises ENOENT or ENOTDIR."""
        answer = self.known.get(path)
        if answer is None:
            answer = self.answer(path)
        if isinstance(answer, int):
            raise OSError(answer, os.strerror(answer), path)
        return answer

    def _entry(self, path: bytes) -> Inode | None:
        directory = path.rpartition(b"/")[0]
        mount = self._homes.get(directory)
        if mount is None:
            mount = self._find_home(directory)
            self._homes.put(directory, mount)
        return self._tree.entry(mount, path)

    def _find_home(self, directory: bytes) -> Mount:
        """The mount in whose catalog the members of *directory* are described."""
        mount = self.root
        end = 0
        while end < len(directory):
            end = directory.find(b"/", end + 1)
            if end < 0:
                end = len(directory)
            mount = self._tree.within(mount, directory[:end])
        return mount

    def _why_not(self, path: bytes) -> int:
        """ENOTDIR when the nearest thing above *path* that exists is no directory, else ENOENT."""
        if not path:
            return errno.ENOENT
        parent = path.rpartition(b"/")[0]
        above = self.known.get(parent) or self.answer(parent)
        if isinstance(above, int):
            return above
        return errno.ENOENT if above.is_dir else errno.ENOTDIR

    def fill(self, directory: Inode, entries: Sequence[Entry]) -> None:
        """Remember the *entries* of *directory*, if this view shows it: who lists it will look at what is in it."""
        if len(entries) <= _PREFILL and self.known.get(directory.path) == directory:
            for entry in entries:
                self.known.put(entry.inode.path, entry.inode)

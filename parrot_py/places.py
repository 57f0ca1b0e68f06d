"""Where a walk ends: inside one of our trees, or on the host."""

from __future__ import annotations

import errno
import os
from typing import NamedTuple, NoReturn

from parrot_py.drivers.base import Inode
from parrot_py.fdtable import Node
from parrot_py.mounts import NOTHING
from parrot_py.namespace import Tree

NORMAL, DOT, DOTDOT, TOP = "normal", "dot", "dotdot", "root"


class Target(NamedTuple):
    """Where a walk ended inside one of our trees.

    ``inode`` is ``None`` when only the last component is missing.  ``last`` says what the last component of the path
    was, ``slash`` whether the path ended in one.  ``name`` is what the job calls the place, where that is not ``path``.
    ``mount`` governs the place and ``above`` the directory that its last component is a name in: indices of the mount
    table.  ``holder`` is that directory, of the host or in a tree, where a mount begins at the place.
    """

    path: bytes
    tree: Tree
    inode: Inode | None
    last: str = NORMAL
    slash: bool = False
    node: Node | None = None
    name: bytes = b""
    mount: int = NOTHING
    above: int = NOTHING
    holder: bytes | None = None

    def found(self) -> Inode:
        """The inode; raises ENOENT when there is none."""
        if self.inode is None:
            fail(errno.ENOENT)
        return self.inode


class Native(NamedTuple):
    """Where a walk ended outside: an absolute path for the kernel.

    ``touched``: something of ours was on the way, so the kernel cannot be given the job's own text.  ``magic`` is what
    the job is to read in a link of /proc that the walk ended at without following it.  The others are as in Target;
    ``name`` is ``None`` where nothing is mounted at all.
    """

    path: bytes
    touched: bool
    magic: bytes | None = None
    name: bytes | None = None
    mount: int = NOTHING
    above: int = NOTHING
    holder: bytes | None = None


def fail(code: int) -> NoReturn:
    """Raise OSError with errno *code*."""
    raise OSError(code, os.strerror(code))

"""Where a walk ends: inside one of our trees, or on the host."""

from __future__ import annotations

import errno
import os
from typing import NamedTuple, NoReturn

from parrot_py.drivers.base import Inode
from parrot_py.fdtable import Node
from parrot_py.namespace import Tree

NORMAL, DOT, DOTDOT, TOP = "normal", "dot", "dotdot", "root"


class Target(NamedTuple):
    """Where a walk ended inside one of our trees.

    ``inode`` is ``None`` when only the last component is missing.  ``last`` says what the last component of the path
    was, ``slash`` whether the path ended in one.
    """

    path: bytes
    tree: Tree
    inode: Inode | None
    last: str = NORMAL
    slash: bool = False
    node: Node | None = None

    def found(self) -> Inode:
        """The inode; raises ENOENT when there is none."""
        if self.inode is None:
            fail(errno.ENOENT)
        return self.inode


class Native(NamedTuple):
    """Where a walk ended outside: an absolute path for the kernel.

    ``touched``: something of ours was on the way, so the kernel cannot be given the job's own text.  ``magic`` is the
    node behind a link of /proc that the walk ended at without following it.
    """

    path: bytes
    touched: bool
    magic: Node | None = None


def fail(code: int) -> NoReturn:
    """Raise OSError with errno *code*."""
    raise OSError(code, os.strerror(code))

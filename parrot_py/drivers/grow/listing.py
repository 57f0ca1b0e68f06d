"""A listing as a tree of inodes."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Sequence
from typing import NamedTuple

from parrot_py.drivers.base import Entry, Inode
from parrot_py.drivers.grow.format import GrowError, Line, parse


class Content(NamedTuple):
    """What the driver keeps in an inode: the listing that it is from, and the SHA-1 of the content where known."""

    listing: Listing
    digest: bytes | None


class Listing:
    """One state of an exported tree.  Never changes; inodes are numbered in the order of the listing from *first* on.

    Raises GrowError for a text that is not a listing.
    """

    def __init__(self, text: bytes, owner: tuple[int, int], first: int) -> None:
        lines: dict[bytes, Line] = {}
        names: dict[bytes, list[bytes]] = {}
        directories: dict[bytes, int] = {}
        for line in parse(text):
            if line.path in lines:
                raise GrowError(f"{ascii(line.path)[2:-1]!r} is there twice")
            lines[line.path] = line
            if stat.S_ISDIR(line.mode):
                directories[line.path] = 2
            if line.path:
                above = line.path.rpartition(b"/")[0]
                names.setdefault(above, []).append(line.path)
                directories[above] += stat.S_ISDIR(line.mode)
        self._inodes = {
            path: Inode(
                path, first + number, line.mode, directories.get(path, 1), *owner, 0, line.size,
                line.mtime * 10**9, line.target, content=Content(self, line.digest),
            )
            for number, (path, line) in enumerate(lines.items())
        }  # fmt: skip
        self._names = names

    def __len__(self) -> int:
        """How many names there are."""
        return len(self._inodes)

    def lookup(self, path: bytes) -> Inode:
        """The inode at *path*; ENOENT, ENOTDIR."""
        inode = self._inodes.get(path)
        if inode is not None:
            return inode
        above = path
        while above not in self._inodes:
            above = above.rpartition(b"/")[0]
        code = errno.ENOENT if self._inodes[above].is_dir else errno.ENOTDIR
        raise OSError(code, os.strerror(code), path)

    def entries(self, path: bytes) -> Sequence[Entry]:
        """What is in the directory *path*, in the order of the listing."""
        return [Entry(name[len(path) + 1 :], self._inodes[name]) for name in self._names.get(path, ())]

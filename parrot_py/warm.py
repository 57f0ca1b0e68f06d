"""Feeding the core's warm table: what one answer has shown, the core may answer by itself from then on.

Only facts that hold for everybody get in: names whose every directory anybody may search, objects that anybody may
read.  What depends on who asks is decided here, each time.
"""

from __future__ import annotations

import errno
import os

from parrot_py.drivers.base import Entry, Inode, Variant
from parrot_py.engine.core import Engine, Stop
from parrot_py.engine.kinds import FOLLOW, MOUNT_ROOT, NOFOLLOW
from parrot_py.fdtable import FdTable, Node
from parrot_py.namespace import Namespace
from parrot_py.places import Target
from parrot_py.syscalls.layouts import stat_bytes
from parrot_py.trail import everybody_may_search
from parrot_py.walk import Walker

BATCH = 200
"""Names of a listing that are fed at once: listing a huge directory must not hold up other threads."""

_BOTH = FOLLOW | NOFOLLOW
_LASTING = (errno.ENOENT, errno.ENOTDIR)


def key_of(stop: Stop) -> bytes | None:
    """The text by which the core knows the (only) name of *stop*; ``None`` when there is none."""
    path: bytes | None = stop.path[0]
    base: bytes | None = stop.base[0]
    if path and path.startswith(b"/"):
        return path
    if base is None:
        return None
    return base + b"//" + path if path else base


def _top(place: Target) -> int:
    return MOUNT_ROOT if place.path == place.tree.prefix else 0


class Warmer:
    """Writes to the warm table of *engine*."""

    def __init__(self, engine: Engine, namespace: Namespace, fdtable: FdTable, walker: Walker) -> None:
        self._engine = engine
        self._namespace = namespace
        self._fdtable = fdtable
        self._walker = walker

    def missing(self, stop: Stop, error: OSError, follow: bool) -> None:
        """A walk failed with *error*: remember it where it will fail for everybody."""
        key = key_of(stop) if stop.path[0] else None  # an empty path is an error of the call, not of the name
        if key is not None and self._walker.last_cacheable and error.errno in _LASTING:
            self._engine.warm_name(key, FOLLOW if follow else NOFOLLOW, error=error.errno)

    def found(self, stop: Stop, place: Target, follow: bool) -> None:
        """A walk ended at *place*."""
        key = key_of(stop)
        if key is None or not self._walker.last_cacheable:
            return
        if place.tree.find is not None:
            if place.inode is not None and place.path == place.tree.prefix:  # names in it come and go; itself, it stays
                self._name(key, (FOLLOW if follow else _BOTH) | MOUNT_ROOT, place.inode, place.tree.device)
            return
        if place.inode is None:
            # With follow, what is missing may be what a link leads to: the link itself exists.
            self._engine.warm_name(key, FOLLOW if follow else _BOTH, error=errno.ENOENT)
            return
        self._name(
            key, (FOLLOW if follow else _valid(place.inode)) | _top(place), place.inode, place.tree.device
        )
        self._siblings(place)

    def opened(self, stop: Stop, place: Target, follow: bool, path: bytes) -> None:
        """An open of *place* was redirected to *path*."""
        inode = place.inode
        if inode is None:
            return
        stat = stat_bytes(inode, place.tree.device)
        self._engine.warm_name(path, _BOTH | _top(place), stat=stat)
        key = key_of(stop)
        readable = inode.mode & 0o444 == 0o444 and (inode.is_regular or inode.is_dir)
        if key is not None and readable and self._walker.last_cacheable and place.tree.find is None:
            valid = (FOLLOW if follow else _valid(inode)) | _top(place)
            self._engine.warm_name(key, valid, stat=stat, obj=path, no_xattrs=not inode.has_xattrs)

    def _name(self, key: bytes, valid: int, inode: Inode, device: int) -> None:
        self._engine.warm_name(
            key, valid, stat=stat_bytes(inode, device), target=inode.target, no_xattrs=not inode.has_xattrs
        )

    def _siblings(self, place: Target) -> None:
        """Whoever lists a directory and then looks at one of its names will look at the others."""
        node = self._fdtable.known(os.path.dirname(place.path))
        if node is None or node.entries is None or node.fed >= len(node.entries) or node.tree is not place.tree:
            return
        if not everybody_may_search(node.inode):
            return
        placeholder = self._fdtable.directory_of(node)
        by_path = self._open_to_all(node) and not self._namespace.mounts.concerns(node.name)
        for entry in node.entries[node.fed : node.fed + BATCH]:
            self._child(node, placeholder, entry, by_path)
        node.fed += BATCH

    def _child(self, node: Node, placeholder: bytes, entry: Entry, by_path: bool) -> None:
        inode = entry.inode
        if type(inode.target) is Variant or (node.tree.veils is not None and node.tree.veils(entry.name)):
            return
        stat = stat_bytes(inode, node.tree.device)
        keys = [placeholder + b"//" + entry.name]
        if by_path:
            keys.append(node.path + b"/" + entry.name)
        for key in keys:
            self._engine.warm_name(key, _valid(inode), stat=stat, target=inode.target, no_xattrs=not inode.has_xattrs)

    def _open_to_all(self, node: Node) -> bool:
        """Whether everybody may search every directory on the way to *node*."""
        path = node.path
        while len(path) >= len(node.tree.prefix):
            there = self._namespace.passage(node.tree, path) or self._namespace.lookup(node.tree, path)
            if not everybody_may_search(there):
                return False
            path = os.path.dirname(path)
        return True


def _valid(inode: Inode) -> int:
    """For which treatment of a final link a name that was not followed holds."""
    return NOFOLLOW if inode.is_link else _BOTH

"""Resolving names for the threads of one job: walks (steps.py), and the memory of those that hold for everybody."""

from __future__ import annotations

import errno
import os
from typing import Callable

from parrot_py.fdtable import FdTable, Node
from parrot_py.mounts import MountTable
from parrot_py.namespace import Namespace
from parrot_py.places import Native, Target, fail
from parrot_py.process import Credentials
from parrot_py.resolvers import Resolvers
from parrot_py.steps import RESOLVE_BENEATH, RESOLVE_IN_ROOT, RESOLVE_NO_XDEV, Walk

_CACHED_WALKS = 20_000


class Walker:
    """Resolves names for the threads of one job."""

    def __init__(
        self,
        namespace: Namespace,
        fdtable: FdTable,
        credentials: Callable[[int], Credentials],
        *,
        follows: bool = True,
    ) -> None:
        """*follows*: whether links lead from the host into our trees, and from one service to another or out."""
        self.namespace = namespace
        self.follows = follows
        self.fdtable = fdtable
        self.credentials = credentials
        self.unmounted = MountTable()
        self.resolvers = Resolvers()
        self.last_cacheable = False
        """Whether the last walk's end depends on nothing but our own trees, and is the same for everybody."""
        self.links: list[tuple[bytes, bytes]] | None = None
        """The links that walks go by, their names and places, while somebody wants to know."""
        self._cache: dict[tuple[bytes, bytes, bool], Target] = {}

    def permits(self, here: bytes, target: bytes) -> bool:
        """Whether a link of ours in the directory *here* may lead to *target*: without *follows* only as far as the
        service (/cvmfs, /http …) reaches that it lies in.
        """
        return self.follows or os.path.normpath(os.path.join(here, target)).split(b"/")[1] == here.split(b"/")[1]

    def forget(self) -> None:
        """Forget all walks: a tree has changed, or the table of mounts."""
        self._cache.clear()

    def pass_by(self, name: bytes, place: bytes) -> None:
        """A walk follows the link at *place*, which the job calls *name*."""
        if self.links is not None:
            self.links.append((name, place))

    def plainly(self, tid: int, place: bytes) -> Target | Native:
        """Where the absolute *place* of the host or of a repository leads, with nothing mounted."""
        return Walk(self, tid, b"", place, True, plain=True).run()

    def resolve(self, tid: int, start: Node | bytes, path: bytes, follow: bool, how: int = 0) -> Target | Native:
        """Walk *path* from *start* (a node, a native directory, or ``b""`` for the root) for thread *tid*.

        *how* are the RESOLVE_ rules of openat2.  Raises EXDEV for them, and ENOENT, ENOTDIR, EACCES, ELOOP and
        ENAMETOOLONG as the kernel would, EIO when the driver cannot tell.
        """
        absolute = path[:1] == b"/" and not how & RESOLVE_IN_ROOT
        self.last_cacheable = False
        if how:
            if path[:1] == b"/" and how & RESOLVE_BENEATH:
                fail(errno.EXDEV)
            ruled = Walk(self, tid, b"" if absolute else start, path, follow, how)
            try:
                return ruled.run()
            except OSError as error:
                if error.errno != errno.ELOOP or ruled.touched or ruled.tree is not None or not how & RESOLVE_NO_XDEV:
                    raise
                return Native(b"/", touched=False)  # the kernel knows whether it crossed a mount of the host before
        key = (b"" if absolute else start.name if isinstance(start, Node) else start, path, follow)
        known = self._cache.get(key) if self.links is None else None
        if known is not None:
            self.last_cacheable = True
            return known
        walk = Walk(self, tid, b"" if absolute else start, path, follow)
        try:
            end = walk.run()
        finally:
            self.last_cacheable = not walk.uncacheable
        if isinstance(end, Target) and self.last_cacheable:
            if len(self._cache) >= _CACHED_WALKS:
                self._cache.clear()
            self._cache[key] = end
        return end

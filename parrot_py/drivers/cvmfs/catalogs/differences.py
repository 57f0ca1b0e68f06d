"""What differs between two revisions of a repository.

Two directories are compared by the rows of their catalogs, and a nested catalog that both revisions share is not opened
at all.  So the cost is that of the catalogs that differ, however large the repository.
"""

from __future__ import annotations

import stat
from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from parrot_py.drivers.base import Inode

if TYPE_CHECKING:
    from parrot_py.drivers.cvmfs.repository import Repository

ADDED, REMOVED, CHANGED = "added", "removed", "changed"


class Change(NamedTuple):
    """One path that differs.

    ``kind`` is ``added``, ``removed`` or ``changed``; ``before`` and ``after`` are the inodes (None where there is
    none).  ``what`` says what changed: ``type``, ``content``, ``size``, ``target``, ``mode``, ``owner``, ``mtime``,
    ``links``, ``device``, ``xattrs``.
    """

    path: bytes
    kind: str
    before: Inode | None = None
    after: Inode | None = None
    what: tuple[str, ...] = ()


def differences(old: Repository, new: Repository) -> Iterator[Change]:
    """All differences, sorted by name within a directory, a directory before what is in it.  Raises OSError.

    What a removed or added directory held or holds is told path by path.  Bind mountpoints are not entered.
    """
    if old.root_hash == new.root_hash:
        return
    comparison = _Comparison(old, new)
    todo = [(old.lookup(b""), new.lookup(b""))]
    what = comparison.what(*todo[0])
    if what:
        yield Change(b"", CHANGED, *todo[0], what)
    while todo:
        below: list[tuple[Inode, Inode]] = []
        yield from comparison.directories(*todo.pop(), below)
        todo += reversed(below)


class _Comparison:
    def __init__(self, old: Repository, new: Repository) -> None:
        self._old, self._new = old, new

    def directories(self, one: Inode, other: Inode, below: list[tuple[Inode, Inode]]) -> Iterator[Change]:
        """The differences between the entries of two directories; pairs of directories to go on with into *below*."""
        before = {entry.name: entry.inode for entry in self._old.listdir(one)}
        after = {entry.name: entry.inode for entry in self._new.listdir(other)}
        for name in sorted(before.keys() | after.keys()):
            was, now = before.get(name), after.get(name)
            if was is not None and now is not None:
                yield from self._entries(was, now, below)
            if was is not None and (now is None or (was.is_dir and not now.is_dir)):
                yield from self._gone(was, itself=now is None)
            if now is not None and (was is None or (now.is_dir and not was.is_dir)):
                yield from self._come(now, itself=was is None)

    def _entries(self, was: Inode, now: Inode, below: list[tuple[Inode, Inode]]) -> Iterator[Change]:
        what = self.what(was, now)
        if what:
            yield Change(now.path, CHANGED, was, now, what)
        if was.is_dir and now.is_dir and not self._shared(was, now):
            below.append((was, now))

    def _shared(self, was: Inode, now: Inode) -> bool:
        """Whether both directories begin the same nested catalog; bind mountpoints are not looked into."""
        nested = self._old.nested_catalog(was)
        if nested is not None and nested == self._new.nested_catalog(now):
            return True
        return self._old.is_bind(was) or self._new.is_bind(now)

    def _gone(self, inode: Inode, *, itself: bool) -> Iterator[Change]:
        for path, each in self._old.walk(inode):
            if itself or path != inode.path:
                yield Change(path, REMOVED, before=each)

    def _come(self, inode: Inode, *, itself: bool) -> Iterator[Change]:
        for path, each in self._new.walk(inode):
            if itself or path != inode.path:
                yield Change(path, ADDED, after=each)

    def what(self, was: Inode, now: Inode) -> tuple[str, ...]:
        """What differs between two inodes of one path."""
        if stat.S_IFMT(was.mode) != stat.S_IFMT(now.mode):
            return ("type",)
        found = [
            ("content", was.is_regular and self._content(self._old, was) != self._content(self._new, now)),
            ("size", was.is_regular and was.size != now.size),
            ("target", was.target != now.target),
            ("mode", was.mode != now.mode),
            ("owner", (was.uid, was.gid) != (now.uid, now.gid)),
            ("mtime", was.mtime_ns != now.mtime_ns),
            ("links", not was.is_dir and was.nlink != now.nlink),
            ("device", was.rdev != now.rdev),
            ("xattrs", (was.has_xattrs or now.has_xattrs) and self._old.attributes(was) != self._new.attributes(now)),
        ]
        return tuple(name for name, differs in found if differs)

    @staticmethod
    def _content(repository: Repository, inode: Inode) -> object:
        """What two regular files have in common exactly when their stored content is the same."""
        content = repository.content(inode)
        if content.digest is not None:
            return content.digest
        layout = repository.layout(inode)
        return layout.chunks if layout is not None else inode.size

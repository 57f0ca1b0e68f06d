"""One tree twice: as two repositories in memory beside a native directory, and as directories that the kernel walks."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Union

from parrot_py.config.model import Mount
from parrot_py.drivers.memory import Directory, File, Link, MemoryDriver, Node
from parrot_py.fdtable import FdTable
from parrot_py.fdtable import Node as FdNode
from parrot_py.namespace import Namespace
from parrot_py.places import Target
from parrot_py.process import Credentials
from parrot_py.walk import Walker

Outcome = Union[int, tuple[str, str]]
"""An errno, or the part of the world and the name in it that a walk ended at."""

PARTS = ("qr", "qs", "native")
ALL_POWERFUL = Credentials(0, 0, frozenset(), override=True)


def driver(tree: Mapping[str, Node | bytes], uid: int | None = None, gid: int | None = None) -> MemoryDriver:
    """A MemoryDriver with names as text."""
    return MemoryDriver({os.fsencode(path): node for path, node in tree.items()}, uid, gid)


def walker_of(
    session: Path,
    drivers: Mapping[bytes, MemoryDriver],
    redirects: list[tuple[bytes, bytes]] | None = None,
    who: Callable[[int], Credentials] = lambda _: ALL_POWERFUL,
) -> Walker:
    """A walker over *drivers*; *session* is made."""
    session.mkdir()
    mounts = [Mount(*pair) for pair in redirects or []]
    return Walker(Namespace(drivers.get, lambda: list(drivers), mounts), FdTable(session), who)


class World:
    """The parts ``qr`` and ``qs`` are repositories, ``native`` a directory of the host.

    In links, ``{qr}``, ``{qs}`` and ``{native}`` stand for the absolute names of the parts.
    """

    def __init__(
        self,
        home: Path,
        parts: Mapping[str, Mapping[str, Node]],
        who: Credentials = ALL_POWERFUL,
        owner: tuple[int, int] | None = None,
    ) -> None:
        self.home = home
        self.virtual = {"qr": "/cvmfs/qr", "qs": "/cvmfs/qs", "native": f"{home}/v/native"}
        self.real = {"qr": f"{home}/root/c/qr", "qs": f"{home}/root/c/qs", "native": f"{home}/w/native"}
        for part in PARTS:
            _build(Path(self.real[part]), parts[part], self.real, owner)
        _build(Path(self.virtual["native"]), parts["native"], self.virtual, owner)
        uid, gid = owner or (os.geteuid(), os.getegid())
        drivers = {
            part.encode(): driver({path: _named(node, self.virtual) for path, node in parts[part].items()}, uid, gid)
            for part in ("qr", "qs")
        }
        self.walker = walker_of(home / "session", drivers, who=lambda _: who)

    def virtually(self, start: tuple[str, str] | None, path: str, follow: bool) -> Outcome:
        """Where the walk of parrot_py ends; the kernel settles what is native, as it does for the engine."""
        text = os.fsencode(path.format(**self.virtual))
        try:
            begin = b"" if start is None else self._start(*start)
            end = self.walker.resolve(os.getpid(), begin, text, follow)
        except OSError as error:
            return error.errno or -1
        if isinstance(end, Target):
            return errno.ENOENT if end.inode is None else self._place(os.fsdecode(end.path), self.virtual)
        if end.touched:
            return self._kernel(os.fsdecode(end.path), None, follow, self.virtual)
        base = None if isinstance(begin, FdNode) or not begin else os.fsdecode(begin)
        return self._kernel(os.fsdecode(text), base, follow, self.virtual)

    def _start(self, part: str, name: str) -> FdNode | bytes:
        path = os.fsencode(self.virtual[part] + name)
        if part == "native":
            return path
        end = self.walker.resolve(os.getpid(), b"", path, True)
        assert isinstance(end, Target)
        assert end.tree is not None
        return self.walker.fdtable.node(end.path, end.tree, end.found())

    def really(self, start: tuple[str, str] | None, path: str, follow: bool) -> Outcome:
        """Where the kernel's walk of the real tree ends."""
        base = None if start is None else self.real[start[0]] + start[1]
        return self._kernel(path.format(**self.real), base, follow, self.real)

    def _kernel(self, path: str, base: str | None, follow: bool, names: Mapping[str, str]) -> Outcome:
        flags = os.O_PATH | (0 if follow else os.O_NOFOLLOW)
        directory = None if base is None else os.open(base, os.O_PATH)
        try:
            fd = os.open(path, flags, dir_fd=directory)
        except OSError as error:
            return error.errno or -1
        finally:
            if directory is not None:
                os.close(directory)
        try:
            return self._place(os.readlink(f"/proc/self/fd/{fd}"), names)
        finally:
            os.close(fd)

    def _place(self, path: str, names: Mapping[str, str]) -> Outcome:
        for part, top in names.items():
            if path == top or path.startswith(f"{top}/"):
                return part, path[len(top) :]
        if path in ("/cvmfs", f"{self.home}/root/c"):
            return "cvmfs", ""
        # Everything else on the way from here to the root is empty but for what leads here.
        ends = [f"{self.home}/{name}" for name in ("root/c", "v/native", "w/native")]
        inside = (end.startswith(path.rstrip("/") + "/") for end in ends)
        return ("above", "") if any(inside) else ("elsewhere", path)


def _named(node: Node, names: Mapping[str, str]) -> Node:
    return Link(os.fsencode(os.fsdecode(node.target).format(**names))) if isinstance(node, Link) else node


def _build(top: Path, tree: Mapping[str, Node], names: Mapping[str, str], owner: tuple[int, int] | None) -> None:
    top.mkdir(parents=True)
    made = [top]
    for name, node in tree.items():
        place = top / name[1:]
        place.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(node, Link):
            place.symlink_to(os.fsdecode(node.target).format(**names))
        elif isinstance(node, Directory):
            place.mkdir()
        elif isinstance(node, File):
            place.write_bytes(node.data)
        made.append(place)
    for place, node in zip(reversed(made), reversed([Directory(), *tree.values()])):
        if owner is not None:
            os.chown(place, *owner, follow_symlinks=False)
        if isinstance(node, (Directory, File)):
            place.chmod(node.mode)


@contextmanager
def effective(who: Credentials) -> Iterator[None]:
    """Be somebody else for the kernel's permission checks; only root can."""
    groups = os.getgroups()
    os.setgroups(sorted(who.groups))
    os.setegid(who.gid)
    os.seteuid(who.uid)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(0)
        os.setgroups(groups)

"""The mount table: which names are ours, and which driver or path stands behind them.

Three kinds of things are mounted: drivers (``/cvmfs/<repository>``, made when a name is first used), the directory
``/cvmfs`` itself, and what the user's mount table says (:mod:`parrot_py.mounts`).  The walk through it is in
:mod:`parrot_py.walk`.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Optional, Union

from parrot_py.config.model import Mount
from parrot_py.drivers.base import Driver, Entry, Inode, StatFs, WouldBlock
from parrot_py.mounts import CVMFS, MountTable, table_of

ROOT = CVMFS
Finder = Callable[[bytes], Optional[Driver]]
Service = Union[Driver, Finder]
Question = tuple[Callable[..., Any], tuple[Any, ...]]
_FIRST_DEVICE = 0xFF000  # anonymous devices (major 0); the kernel hands their minors out from 1 upwards


class Park(Exception):
    """The answer has to be waited for: run *call* on a worker, then repeat the handler with its outcome under *key*.

    *question* is what is called, with its arguments: see :meth:`Namespace.about`.
    """

    def __init__(self, key: object, call: Callable[[], object], question: Question) -> None:
        super().__init__(key)
        self.key = key
        self.call = call
        self.question = question


class Tree:
    """A mounted driver: its *prefix* in the job's namespace and the device number that its inodes show.

    *find* is set for a collection: the names in it are trees of their own, whose drivers it gives (``None``: no such
    name).  *passage* is set where a walk has to ask, before it goes on through a directory, whether that is one at all;
    *veils* where a look-up of some names tells otherwise than a listing.
    """

    __slots__ = ("device", "driver", "find", "passage", "prefix", "veils")

    def __init__(self, prefix: bytes, driver: Driver, number: int, find: Finder | None = None) -> None:
        self.prefix = prefix
        self.driver = driver
        self.device = os.makedev(0, _FIRST_DEVICE + number)
        self.find = find
        self.passage: Callable[[bytes], Inode | None] | None = getattr(driver, "passage", None)
        self.veils: Callable[[bytes], bool] | None = getattr(driver, "veils", None)


class _Collection:
    """The driver of ``/cvmfs`` and its like: an empty-handed directory whose children are mounts of their own."""

    def __init__(self, names: Callable[[], Sequence[bytes]]) -> None:
        self._names = names

    def lookup(self, path: bytes) -> Inode:
        if path:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))
        return Inode(b"", 1, stat.S_IFDIR | 0o555, 2, os.getuid(), os.getgid(), 0, 4096, 0)

    def listdir(self, inode: Inode) -> Sequence[Entry]:
        # d_ino of a mount point is that of the directory below the mount, never the mounted root's: any stable number.
        return [Entry(n, inode._replace(path=b"/" + n, ino=2 + i)) for i, n in enumerate(self._names())]

    def materialise(self, inode: Inode) -> str:  # noqa: ARG002 - the contract's signature, here and below
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))

    def getxattr(self, inode: Inode, name: bytes, gid: int | None = None) -> bytes:  # noqa: ARG002
        raise OSError(errno.ENODATA, os.strerror(errno.ENODATA))

    def listxattr(self, inode: Inode) -> Sequence[bytes]:  # noqa: ARG002
        return ()

    def watch(self, news: Callable[[], None]) -> None:
        pass

    def settle(self) -> bool:
        return False

    def statfs(self) -> StatFs:
        return StatFs()

    def origins(self, inode: Inode) -> Sequence[str]:  # noqa: ARG002
        return ()

    def digests(self, inode: Inode) -> Mapping[str, str]:  # noqa: ARG002
        return {}

    def counters(self) -> Mapping[str, int]:
        return {}

    def close(self) -> None:
        pass


class Namespace:
    """The mount table and the one way to ask drivers: :meth:`ask` parks what would block.

    *find* gives the driver of a repository by name, or ``None`` when nobody configured it; *names* are the configured
    names, *mounts* is what the user's table says, the job may take that away if it is *dynamic*.  *services* are what
    else has a place of its own: by its prefix either a driver, or what finds the drivers of the names below.
    *dress* is put on each driver.
    """

    def __init__(
        self,
        find: Callable[[bytes], Driver | None],
        names: Callable[[], Sequence[bytes]],
        mounts: Sequence[Mount] = (),
        *,
        dynamic: bool = False,
        services: Mapping[bytes, Service] = MappingProxyType({}),
        dress: Callable[[Driver], Driver] = lambda driver: driver,
    ) -> None:
        self._names = names
        self._dress = dress
        self.mounts = table_of(mounts, dynamic=dynamic)
        self._trees: dict[bytes, Tree | None] = {}
        self.memo: dict[object, object] | None = None
        self.generation = 0
        """How often a tree has come to have another state: what was found out in an earlier generation is history."""
        self.on_news: Callable[[], None] = lambda: None
        self._news = False
        self.root = self._mount(ROOT, _Collection(self._listing), find)
        self.roots = {ROOT: self.root}
        """The trees that names lead into from the host's own, by their prefixes."""
        for prefix, service in services.items():
            if callable(service):
                self.roots[prefix] = self._mount(prefix, _Collection(tuple), service)
            else:
                self.roots[prefix] = self._mount(prefix, service)

    def _mount(self, prefix: bytes, driver: Driver, find: Finder | None = None) -> Tree:
        if find is None:
            driver = self._dress(driver)
        tree = Tree(prefix, driver, len(self._trees), find)
        self._trees[prefix] = tree
        driver.watch(self._has_news)
        return tree

    def _has_news(self) -> None:
        """On any thread: a tree has a newer state ready."""
        self._news = True
        self.on_news()

    def settle(self) -> bool:
        """Let all trees show their newest states; whether one changed.  No walk may be in progress."""
        if not self._news:
            return False
        self._news = False
        changed = [tree.driver.settle() for tree in self._trees.values() if tree is not None]
        if not any(changed):
            return False
        self.generation += 1
        return True

    def renew(self) -> None:
        """Let what was found out so far be history, as if a tree had another state.  No walk may be in progress."""
        self.generation += 1

    def remount(self, mounts: MountTable) -> None:
        """Let *mounts* be the table from now on.  No walk may be in progress."""
        self.mounts = mounts
        self.renew()

    def capacity(self) -> int:
        """How many bytes of content the smallest store behind a tree may hold; 0: none of them tells.  May wait."""
        answers = [tree.driver.statfs() for tree in list(self._trees.values()) if tree is not None]
        return min((answer.blocks * answer.bsize for answer in answers if answer.blocks), default=0)

    def _listing(self) -> list[bytes]:
        names = {n for n in self._names() if b"/" not in n}
        names.update(p[len(ROOT) + 1 :] for p, tree in self._trees.items() if tree and p.startswith(ROOT + b"/"))
        names.update(name[len(ROOT) + 1 :] for name in self.mounts.reached() if os.path.dirname(name) == ROOT)
        try:
            names.update(os.listdir(ROOT))
        except OSError:
            pass  # the host has no /cvmfs, or hides it: then only ours are there
        return sorted(names)

    def ask(self, method: Callable[..., Any], *args: Any) -> Any:
        """Call a driver's *method*; raises Park where it would block and OSError where it fails.

        While a handler is repeated after parking, the outcome of the worker's call is the answer; unless a tree has
        another state by now, for a handler must not mix two.
        """
        if self.memo is not None:
            key = self._key(method, args)
            if key in self.memo:
                outcome = self.memo[key]
                if isinstance(outcome, BaseException):
                    raise outcome
                return outcome
        try:
            return method(*args)
        except WouldBlock:
            raise Park(self._key(method, args), lambda: method(*args), (method, args)) from None

    def about(self, question: Question) -> tuple[str, bytes]:
        """What a *question* of :meth:`ask` wants to know: the name of the method, and the path that it is about."""
        method, args = question
        owner = getattr(method, "__self__", None)
        subject = args[0] if args else b""
        path = subject if isinstance(subject, bytes) else getattr(subject, "path", b"")
        trees = [tree for tree in list(self._trees.values()) if tree is not None]
        prefix = next((tree.prefix for tree in trees if tree.driver is owner), None)
        if prefix is None:
            collection = next((tree.prefix for tree in trees if tree.find == method), None)
            return method.__name__, path if collection is None else collection + b"/" + path
        return method.__name__, prefix + path

    def ways(self) -> dict[str, Sequence[Any]]:
        """Requests, bytes and failures by server and proxy, for each mount whose driver counts them."""
        trees = [(prefix, tree.driver) for prefix, tree in self._trees.items() if tree is not None]
        told: dict[str, Sequence[Any]] = {
            os.fsdecode(prefix): getattr(driver, "ways", tuple)() for prefix, driver in trees
        }
        return {prefix: ways for prefix, ways in told.items() if ways}

    def forget(self, method: Callable[..., Any], *args: Any) -> None:
        """Ask again the next time, even within a repeated handler: the answer has gone stale."""
        if self.memo is not None:
            self.memo.pop(self._key(method, args), None)

    def _key(self, method: Callable[..., Any], args: tuple[Any, ...]) -> tuple[object, ...]:
        return (self.generation, id(getattr(method, "__self__", method)), getattr(method, "__name__", ""), *args)

    def child(self, collection: Tree, name: bytes) -> Tree | None:
        """The tree mounted at *name* in a *collection* (``/cvmfs/<name>``); ``None`` when there is none.

        Finding out may have to read configuration, so this raises Park and OSError as :meth:`ask` does.
        """
        prefix = collection.prefix + b"/" + name
        if prefix not in self._trees:
            assert collection.find is not None
            driver = self.ask(collection.find, name)
            if driver is None:
                return None  # not remembered: a job may probe any number of names
            return self._mount(prefix, driver)
        return self._trees[prefix]

    def mounted(self) -> list[Tree]:
        """/cvmfs and the repositories that were used in this session, as a table of mounts has them."""
        trees = [tree for tree in self._trees.values() if tree is not None]
        return [tree for tree in trees if tree is self.root or tree.prefix.startswith(ROOT + b"/")]

    def lookup(self, tree: Tree, path: bytes) -> Inode:
        """The inode at the job's *path* inside *tree*; raises what the driver raises."""
        inode: Inode = self.ask(tree.driver.lookup, path[len(tree.prefix) :])
        return inode

    def passage(self, tree: Tree, path: bytes) -> Inode | None:
        """The directory at the job's *path* in *tree*, where a walk may go on through it without looking at it."""
        if tree.passage is None or path == tree.prefix:
            return None
        found: Inode | None = self.ask(tree.passage, path[len(tree.prefix) :])
        return found

    def tree_of(self, path: bytes) -> Tree | None:
        """The tree that the canonical virtual *path* lies in; ``None`` for native paths."""
        top, _, rest = path[1:].partition(b"/")
        root = self.roots.get(b"/" + top)
        if root is None or not rest or root.find is None:
            return root
        return self.child(root, rest.split(b"/", 1)[0])

    def prefixes(self) -> list[bytes]:
        """All prefixes that the engine's gate must send to Python."""
        return [*self.roots, *self.mounts.prefixes()]

    def counters(self) -> dict[str, dict[str, int]]:
        """What the drivers counted, by the names of their mounts."""
        told = {os.fsdecode(prefix): tree.driver.counters() for prefix, tree in self._trees.items() if tree is not None}
        return {prefix: dict(counters) for prefix, counters in told.items() if counters}

    def close(self) -> None:
        """Close all drivers."""
        for tree in self._trees.values():
            if tree is not None:
                tree.driver.close()

"""What a handler works with: the call in hand, the answers it may give, and the registry of handlers.

A handler is named after its system call and reads like its man page.  It gets the :class:`Call` and, resolved before,
what its path arguments (or its descriptor) stand for; at least one of them is ours.  It returns an integer (the call's
result), :data:`PASS` (the kernel runs the call as it is) or an :class:`Action`; it raises ``OSError`` for an errno and
nothing else.
"""

from __future__ import annotations

import errno
import os
import struct
from collections.abc import Sequence
from typing import Callable, NamedTuple, Union

from parrot_py.control.door import Door
from parrot_py.drivers.base import Inode
from parrot_py.engine.core import Engine, Stop
from parrot_py.engine.kinds import Abi
from parrot_py.fdtable import FdTable, Node
from parrot_py.guise import TRUTH, Guise
from parrot_py.namespace import Namespace
from parrot_py.places import Native, Target, fail
from parrot_py.process import Credentials, X, file_flags
from parrot_py.syscalls import table
from parrot_py.syscalls.layouts import LAYOUTS, Layout
from parrot_py.walk import Walker

AT_FDCWD = -100
AT_SYMLINK_NOFOLLOW = 0x100
AT_EMPTY_PATH = 0x1000

OPEN_FLAGS = {"open": 1, "openat": 2}
"""Calls that open a file → which argument has the flags; those of openat2 lie in memory."""

_LONGEST = 4096  # bytes of a structure
_VANISHED = 8  # attempts to get hold of a file that others keep replacing

Place = Union[Target, Native]


class Context(NamedTuple):
    """The parts of one run that handlers use."""

    engine: Engine
    namespace: Namespace
    fdtable: FdTable
    walker: Walker
    credentials: Callable[[int], Credentials]
    derived: str  # directory of programs whose loader had to be replaced
    door: Door | None = None  # how the job's processes talk to us
    guise: Guise = TRUTH
    loader: bytes | None = None  # of every program that has one


class Action:
    """An answer other than a plain result: carried out on the engine by :meth:`apply`."""

    def apply(self, engine: Engine, stop: Stop) -> None:
        """Answer *stop*."""
        raise NotImplementedError


class _Pass(Action):
    def apply(self, engine: Engine, stop: Stop) -> None:
        """Let the kernel run the call as it is."""
        engine.resume(stop)


PASS = _Pass()


class Redirect(Action):
    """The kernel runs the call with path argument *arg* replaced by *path*; the job does not see it."""

    __slots__ = ("arg", "one_stop", "path")

    def __init__(self, arg: int, path: bytes, *, one_stop: bool = True) -> None:
        self.arg = arg
        self.path = path
        self.one_stop = one_stop

    def apply(self, engine: Engine, stop: Stop) -> None:
        """Run the call with the other path."""
        engine.redirect(stop, self.arg, self.path, one_stop=self.one_stop)


class Rewrite(Action):
    """The kernel runs call *nr* with *args*; a ``bytes`` argument is put into scratch memory first.

    In a list, integers stand for themselves and ``bytes`` for pointers to them (an argv).  *exec_name* is what
    AT_EXECFN is to say, *result* what a successful call is to return, or, with *instead_of*, one that fails with that
    errno.  *after* is what to write where once the call has succeeded.
    """

    def __init__(
        self,
        args: Sequence[int | bytes | list[int | bytes]],
        *,
        nr: int = -1,
        exec_name: bytes | None = None,
        result: int | None = None,
        instead_of: int = 0,
        after: tuple[int, bytes] | None = None,
    ) -> None:
        self.args = args
        self.nr = nr
        self.exec_name = exec_name
        self.result = result
        self.instead_of = instead_of
        self.after = after

    def apply(self, engine: Engine, stop: Stop) -> None:
        """Place what the call needs in scratch memory and run it."""
        layout = LAYOUTS[stop.abi]
        size = sum(_room(arg, layout) for arg in self.args)
        base = engine.scratch(stop, size) if size else 0
        if base is None:
            return
        blob, values = bytearray(), []
        for arg in self.args:
            values.append(_place(arg, base, blob, layout))
        if blob and not engine.poke(stop, base, bytes(blob)):
            return
        if self.after is not None:
            engine.after(stop, *self.after)
        engine.rewrite(
            stop, values, nr=self.nr, exec_name=self.exec_name, result=self.result, instead_of=self.instead_of
        )


def _room(arg: int | bytes | list[int | bytes], layout: Layout) -> int:
    if isinstance(arg, int):
        return 0
    if isinstance(arg, bytes):
        return (len(arg) + 8) & ~7
    return sum(_room(a, layout) for a in arg) + layout.width * (len(arg) + 1)


def _place(arg: int | bytes | list[int | bytes], base: int, blob: bytearray, layout: Layout) -> int:
    """Append *arg* to *blob*, which will lie at *base*; its value as a register."""
    if isinstance(arg, int):
        return arg
    if isinstance(arg, bytes):
        at = base + len(blob)
        blob += arg + bytes(_room(arg, layout) - len(arg))
        return at
    pointers = [_place(a, base, blob, layout) for a in arg]
    at = base + len(blob)
    blob += struct.pack(f"<{len(pointers) + 1}{layout.pointer}", *pointers, 0)
    return at


class Call:
    """One stopped call and the means to answer it."""

    __slots__ = ("abi", "args", "context", "name", "stop", "tid")

    def __init__(self, context: Context, stop: Stop, name: str) -> None:
        self.context = context
        self.stop = stop
        self.name = name
        self.args = stop.args
        self.tid = stop.tid
        self.abi: Abi = stop.abi

    def number(self, name: str) -> int:
        """The number of call *name* for the thread in hand."""
        return table.number(name, self.abi)

    @property
    def layout(self) -> Layout:
        """How structures look in the thread's memory."""
        return LAYOUTS[self.abi]

    def int32(self, position: int) -> int:
        """Argument *position* as a signed 32-bit integer (an ``int`` of C)."""
        value = self.args[position] & 0xFFFFFFFF
        return value - (1 << 32) if value & 0x80000000 else value

    def flags(self, position: int) -> int:
        """Argument *position* as an unsigned 32-bit integer."""
        return self.args[position] & 0xFFFFFFFF

    def write(self, address: int, data: bytes) -> None:
        """Write into the job's memory; raises EFAULT."""
        self.context.engine.write(self.tid, address, data)

    def read(self, address: int, size: int) -> bytes:
        """Read the job's memory; raises EFAULT."""
        return self.context.engine.read(self.tid, address, size)

    def string(self, address: int, limit: int) -> bytes:
        """Read a string; raises EFAULT, ENAMETOOLONG."""
        return self.context.engine.read_string(self.tid, address, limit)

    def structure(self, address: int, size: int, known: struct.Struct) -> tuple[int, ...]:
        """The fields of a structure that later kernels may know more of, of which the job gives *size* bytes.

        Raises what copy_struct_from_user() does: EINVAL, E2BIG (for all that nobody knows but zeros), EFAULT.
        """
        if size < known.size:
            fail(errno.EINVAL)
        if size > _LONGEST:
            fail(errno.E2BIG)
        raw = self.read(address, size)
        if any(raw[known.size :]):
            fail(errno.E2BIG)
        return known.unpack(raw[: known.size])

    @property
    def path_only(self) -> bool:
        """Whether this open asks for O_PATH."""
        position = OPEN_FLAGS.get(self.name)
        return position is not None and bool(self.args[position] & os.O_PATH)

    def need_opened(self, fd: int) -> None:
        """Raise EBADF for a descriptor that was opened with O_PATH."""
        if file_flags(self.tid, fd) & os.O_PATH:
            fail(errno.EBADF)

    def credentials(self) -> Credentials:
        """The credentials of the calling thread."""
        return self.context.credentials(self.tid)

    def node(self, target: Target) -> Node:
        """The node of *target* (which exists)."""
        return target.node or self.context.fdtable.node(target.path, target.tree, target.found(), target.name)

    def may(self, inode: Inode, mask: int) -> bool:
        """Whether the calling thread has *mask* (of R, W, X) on *inode*; who it is is asked only where that matters."""
        everybody = mask * 0o111
        return inode.mode & everybody == everybody or self.credentials().may(inode, mask)

    def need_enterable(self, inode: Inode) -> None:
        """Raise ENOTDIR or EACCES unless the calling thread may make *inode* its working (or root) directory."""
        if not inode.is_dir:
            fail(errno.ENOTDIR)
        if not self.may(inode, X):
            fail(errno.EACCES)

    def resolve(self, path: bytes, base: bytes | None, *, follow: bool, how: int = 0) -> Place:
        """Walk *path* from the directory that the /proc text *base* stands for (``None``: the path is absolute)."""
        node = self.context.fdtable.find(base)
        start = base or b"" if node is None else node
        return self.context.walker.resolve(self.tid, start, path, follow, how)

    def materialise(self, node: Node) -> str:
        """A local file with the content of *node*; raises Park when it has to be fetched.

        It may vanish at any time (evicted, or replaced by another process that fetched the same): see file_of.
        """
        path: str = self.context.namespace.ask(node.tree.driver.materialise, node.inode)
        return path

    def file_of(self, node: Node) -> bytes:
        """The object of a regular file in the session directory, which stays; raises Park, EIO."""
        namespace, fdtable = self.context.namespace, self.context.fdtable
        made = fdtable.made_file(node)
        for _ in range(_VANISHED):
            if made is not None:
                return made
            content = self.materialise(node)
            try:
                made = namespace.ask(fdtable.file_of, node, content)
            except FileNotFoundError:
                namespace.forget(node.tree.driver.materialise, node.inode)
                namespace.forget(fdtable.file_of, node, content)
        raise OSError(errno.EIO, f"it is gone from the cache as often as it is put there: {content}")


Answer = Union[int, Action]
Handler = Callable[..., Answer]
handlers: dict[str, Handler] = {}


def handles(*names: str) -> Callable[[Handler], Handler]:
    """Register the decorated function as the handler of the named calls."""

    def register(function: Handler) -> Handler:
        for name in names:
            handlers[name] = function
        return function

    return register

"""The contract between a driver and the rest of parrot_py.

A driver is a read-only tree.  The tracer asks it for names, listings and complete local files; the kernel
does all reading.  Methods may wait (network, decompression, locks, slow disks), but the thread that traces the
job must never wait, so a driver calls :func:`may_block` right before anything that can:

* on a worker thread and in library use that is a no-op;
* on the tracer's thread it raises :class:`WouldBlock`, the dispatcher repeats the same call on a worker, and
  the job's thread stays parked until the worker is done.

A driver raises ``OSError`` with an errno and nothing else: ``ENOENT`` and ``ENOTDIR`` are answers about the
tree, ``EIO`` says that the truth could not be had (network, verification), with one line in the log.
"""

from __future__ import annotations

import stat
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple, Protocol


class WouldBlock(Exception):
    """The call would have to wait, and this thread must not.  Repeat it on a worker."""


_thread = threading.local()


def may_block() -> None:
    """Announce that what follows may wait; raises :class:`WouldBlock` where waiting is forbidden."""
    if getattr(_thread, "must_not_block", False):
        raise WouldBlock


@contextmanager
def nonblocking() -> Iterator[None]:
    """Forbid waiting in this thread: every :func:`may_block` inside raises :class:`WouldBlock`."""
    before = getattr(_thread, "must_not_block", False)
    _thread.must_not_block = True
    try:
        yield
    finally:
        _thread.must_not_block = before


@contextmanager
def blocking() -> Iterator[None]:
    """Permit waiting in this thread, inside :func:`nonblocking`: for the case that nobody else could wait."""
    before = getattr(_thread, "must_not_block", False)
    _thread.must_not_block = False
    try:
        yield
    finally:
        _thread.must_not_block = before


class Variant(bytes):
    """The target of a symbolic link that depends on who asks.

    As bytes it is the target for a caller of whom nothing is known; *expand* makes the target for a caller with the
    given environment.
    """

    expand: Callable[[Mapping[bytes, bytes]], bytes]

    def __new__(cls, target: bytes, expand: Callable[[Mapping[bytes, bytes]], bytes]) -> Variant:
        """*target* for nobody in particular, and how to find others."""
        made = super().__new__(cls, target)
        made.expand = expand
        return made


class Inode(NamedTuple):
    """What ``stat`` tells about one path of a driver, plus what its driver needs to find the content.

    ``path`` is relative to the driver's root: ``b""`` for the root itself, else ``b"/a/b"``.  ``mode`` is a full
    ``st_mode``.  ``size`` is in bytes and, for a symbolic link, the length of ``target`` (already expanded; where that
    is a :class:`Variant` both depend on the caller).
    ``ino`` is unique within the driver, stable as long as the tree has one state, and shared by the members of a hard
    link group only.  ``content`` is private to the driver, and hashable.
    """

    path: bytes
    ino: int
    mode: int
    nlink: int
    uid: int
    gid: int
    rdev: int
    size: int
    mtime_ns: int
    target: bytes | None = None
    has_xattrs: bool = False
    content: Any = None

    @property
    def is_dir(self) -> bool:
        """Whether this is a directory."""
        return stat.S_ISDIR(self.mode)

    @property
    def is_link(self) -> bool:
        """Whether this is a symbolic link."""
        return stat.S_ISLNK(self.mode)

    @property
    def is_regular(self) -> bool:
        """Whether this is a regular file."""
        return stat.S_ISREG(self.mode)


class Entry(NamedTuple):
    """One line of a directory listing: the name and the inode that ``lookup`` of that name gives."""

    name: bytes
    inode: Inode


class StatFs(NamedTuple):
    """The answer to ``statfs``: sizes in blocks of ``bsize`` bytes, counts of inodes."""

    bsize: int = 512
    blocks: int = 0
    bfree: int = 0
    bavail: int = 0
    files: int = 0
    ffree: int = 0
    namelen: int = 255


def place(url: str) -> str:
    """*url* as HOST:PATH, which is how origins are told."""
    host, _, path = url.partition("://")[2].partition("/")
    return f"{host.rpartition('@')[2] or 'localhost'}:/{path}"


class Driver(Protocol):
    """A read-only tree.  All methods are thread-safe, may call :func:`may_block`, raise only ``OSError``.

    A tree has one *state* at a time.  It may come to have a newer one, which shows by :meth:`lookup` from one moment
    on.  An inode belongs to the state that it was looked up in: whatever is asked about it later is answered for that
    state.  The numbers of two states may differ for one file, but are never the same for different content.
    """

    def lookup(self, path: bytes) -> Inode:
        """The inode at *path* (``b""`` or ``b"/a/b"``: no dots, no doubled or trailing slashes).

        Symbolic links are not followed, neither inside nor at the end of *path*: the caller walks component by
        component.  Raises ENOENT, ENOTDIR (a parent is not a directory), EIO.
        """
        ...

    def listdir(self, inode: Inode) -> Sequence[Entry]:
        """Entries of the directory *inode* in a stable order, without ``.`` and ``..``.  Raises ENOTDIR, EIO."""
        ...

    def materialise(self, inode: Inode) -> str:
        """Path of a local file with exactly the content of the regular file *inode*.

        The file is complete, verified and immutable; it carries read and execute permission for its owner.  It may be
        evicted at any later time: the caller makes a hard link or opens it at once, and asks again on ENOENT.
        Raises EIO, ENOSPC, EISDIR, EINVAL (not a regular file).
        """
        ...

    def getxattr(self, inode: Inode, name: bytes, gid: int | None = None) -> bytes:
        """Value of the extended attribute *name* (full name, ``b"user.x"``).  Raises ENODATA, EIO.

        *gid* is the main group of who asks, where that is somebody else: a driver may keep attributes from some.
        """
        ...

    def listxattr(self, inode: Inode) -> Sequence[bytes]:
        """Full names of the attributes that a listing shows."""
        ...

    def watch(self, news: Callable[[], None]) -> None:
        """Leave it to the caller when a newer state is shown: *news* is called, on any thread, when one is ready.

        Without this the driver itself decides, between two calls.  Never blocks.
        """
        ...

    def settle(self) -> bool:
        """Show the newest state from now on; whether that is another one than before.  Never blocks."""
        ...

    def statfs(self) -> StatFs:
        """Sizes of the whole tree.  Must not raise for an unreachable server."""
        ...

    def origins(self, inode: Inode) -> Sequence[str]:
        """Where *inode* comes from: HOST:PATH for each server, the nearest first.  Never blocks."""
        ...

    def digests(self, inode: Inode) -> Mapping[str, str]:
        """Digests of the regular file *inode* that need no reading: hashlib's names → hex.  May block."""
        ...

    def counters(self) -> Mapping[str, int]:
        """What was asked for and fetched so far, by name.  Never blocks."""
        ...

    def close(self) -> None:
        """Release descriptors and threads.  Idempotent; nothing else is called afterwards."""
        ...

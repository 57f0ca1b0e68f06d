"""getdents(2), chdir(2), fchdir(2), getcwd(2): directories and the working directory."""

from __future__ import annotations

import errno
import os
import stat as st
import struct
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from parrot_py.drivers.base import Entry
from parrot_py.engine.kinds import NR_LSEEK
from parrot_py.fdtable import Node
from parrot_py.namespace import ROOT
from parrot_py.places import Target, fail
from parrot_py.process import X, file_offset
from parrot_py.syscalls.call import PASS, Answer, Call, Redirect, Rewrite, handles
from parrot_py.syscalls.layouts import Layout

_DIR = st.S_IFDIR >> 12  # d_type is the type part of st_mode


class Dirent(NamedTuple):
    """One line of a listing as getdents tells it."""

    name: bytes
    ino: int
    type: int


@handles("chdir")
def chdir(call: Call, target: Target) -> Answer:
    """chdir(path): the kernel's working directory becomes the placeholder, from which everything else follows."""
    call.need_enterable(target.found())
    return Redirect(0, call.context.fdtable.directory_of(call.node(target)))


@handles("fchdir")
def fchdir(call: Call, node: Node) -> Answer:
    """fchdir(fd): the descriptor is a real one on the placeholder (or on a file, which the kernel refuses itself)."""
    if node.inode.is_dir and not call.may(node.inode, X):
        fail(errno.EACCES)
    return PASS


@handles("getcwd")
def getcwd(call: Call, node: Node) -> Answer:
    """getcwd(buf, size): the length with its NUL, or ERANGE."""
    return _tell(call, node.name)


def _tell(call: Call, name: bytes) -> int:
    text = name + b"\0"
    if len(text) > call.args[1]:
        fail(errno.ERANGE)
    call.write(call.args[0], text)
    return len(text)


def named_directory(call: Call) -> Answer:
    """Getcwd in a directory of the host that the job knows by another name than the kernel."""
    place = call.stop.base[0] or b""
    name = call.context.namespace.mounts.name_of(place.rstrip(b"/"))
    if name is None or (place.endswith(b" (deleted)") and not os.path.lexists(place)):
        return PASS
    return _tell(call, name or b"/")


def _listing(call: Call, node: Node) -> Sequence[Dirent]:
    """The listing of *node*, taken once: positions in it stay valid for as long as the job keeps the directory open."""
    if node.listing is None:
        namespace = call.context.namespace
        entries: Sequence[Entry] = namespace.ask(node.tree.driver.listdir, node.inode)
        dots = [Dirent(b".", node.inode.ino, _DIR), *_above(call, node)]
        node.entries = entries
        node.listing = dots + [Dirent(e.name, e.inode.ino, st.S_IFMT(e.inode.mode) >> 12) for e in entries]
        call.context.fdtable.keep_listing(node)
    return node.listing


def _above(call: Call, node: Node) -> list[Dirent]:
    """The line for ``..``: none in the top directory of a repository, as in the real client."""
    namespace = call.context.namespace
    if node.tree.find is not None:
        return [Dirent(b"..", node.inode.ino, _DIR)]
    if node.path == node.tree.prefix:
        return [] if node.path.startswith(ROOT + b"/") else [Dirent(b"..", node.inode.ino, _DIR)]
    try:
        parent = namespace.lookup(node.tree, os.path.dirname(node.path))
    except FileNotFoundError:  # gone since this directory was opened
        parent = node.inode
    return [Dirent(b"..", parent.ino, _DIR)]


def _type(entry: os.DirEntry[bytes]) -> int:
    """d_type as far as it can be told without looking at the entry itself, which may lie on a dead server."""
    if entry.is_symlink():
        return st.S_IFLNK >> 12
    if entry.is_dir(follow_symlinks=False):
        return _DIR
    return st.S_IFREG >> 12 if entry.is_file(follow_symlinks=False) else 0


def _top_listing() -> list[Dirent]:
    """``/`` of the host plus our mount point."""
    with os.scandir(b"/") as entries:
        real = [Dirent(entry.name, entry.inode(), _type(entry)) for entry in entries]
    top = os.stat(b"/").st_ino
    return [Dirent(b".", top, _DIR), Dirent(b"..", top, _DIR), *real, Dirent(ROOT[1:], 1, _DIR)]


def _pack64(entries: Sequence[Dirent], start: int) -> Iterator[bytes]:
    """``struct linux_dirent64`` for the entries from position *start* on; d_off is the position behind the entry."""
    for at in range(start, len(entries)):
        name, ino, kind = entries[at]
        length = (19 + len(name) + 1 + 7) & ~7
        yield struct.pack("<QqHB", ino, at + 1, length, kind) + name + bytes(length - 19 - len(name))


def _pack(entries: Sequence[Dirent], start: int, layout: Layout) -> Iterator[bytes]:
    """``struct linux_dirent``, whose type hides in the last byte; EOVERFLOW at a number that is too big."""
    head, align = layout.dirent, layout.width
    for at in range(start, len(entries)):
        name, ino, kind = entries[at]
        if ino >> layout.long_bits:
            fail(errno.EOVERFLOW)
        length = (head.size + len(name) + 2 + align - 1) & -align
        body = head.pack(ino, at + 1, length) + name
        yield body + bytes(length - 1 - len(body)) + bytes((kind,))


def _position(call: Call, fd: int) -> int:
    """Where in the listing the descriptor is."""
    start = call.context.engine.seek(call.tid, fd, 0, os.SEEK_CUR)
    if start == -errno.ENOSYS:
        start = file_offset(call.tid, fd)
    if start < 0:
        fail(-start)
    return start


def _advance(call: Call, fd: int, position: int, result: int) -> Answer:
    """*result*, with the descriptor at *position*."""
    if call.context.engine.seek(call.tid, fd, position, os.SEEK_SET) < 0:
        return Rewrite((fd, position, os.SEEK_SET, 0, 0, 0), nr=NR_LSEEK[call.abi], result=result)
    return result


@handles("getdents64", "getdents")
def getdents64(call: Call, node: Node | None) -> Answer:
    """getdents64(fd, buf, size): from the driver's listing, with the position kept in the kernel's open file.

    EINVAL when the next entry does not fit at all, ENOTDIR for a file, EBADF for what was opened with O_PATH.
    The placeholder's own offset is the position, so lseek, dup and fork need no help.
    """
    if node is not None and not node.inode.is_dir:
        call.need_opened(call.int32(0))
        fail(errno.ENOTDIR)
    fd, buffer, size = call.int32(0), call.args[1], call.int32(2)
    entries = _top_listing() if node is None else _listing(call, node)
    start = _position(call, fd)
    if node is not None and start == 0:
        call.context.engine.warm_dirents(call.stop.base[0] or b"", list(_pack64(entries, 0)))
    packed = _pack64(entries, start) if call.name == "getdents64" else _pack(entries, start, call.layout)
    records = _first(packed, size)
    if not records:
        return 0
    count, length = _deliver(call, records, buffer)
    return _advance(call, fd, start + count, length)


def _first(packed: Iterator[bytes], size: int) -> list[bytes]:
    """As many records as go into *size* bytes; trouble counts only before the first one."""
    records: list[bytes] = []
    try:
        for record in packed:
            size -= len(record)
            if size < 0:
                fail(errno.EINVAL)
            records.append(record)
    except OSError:
        if not records:
            raise
    return records


@handles("readdir")
def readdir(call: Call, node: Node | None) -> Answer:
    """readdir(fd, buf): the next entry as a ``struct old_linux_dirent``; 1, or 0 at the end."""
    if node is not None and not node.inode.is_dir:
        fail(errno.ENOTDIR)
    fd = call.int32(0)
    entries = _top_listing() if node is None else _listing(call, node)
    start = _position(call, fd)
    if start >= len(entries):
        return 0
    name, ino, _ = entries[start]
    if ino >> call.layout.long_bits:
        fail(errno.EOVERFLOW)
    call.write(call.args[1], call.layout.dirent.pack(ino, start, len(name)) + name + b"\0")
    return _advance(call, fd, start + 1, 1)


def _deliver(call: Call, records: list[bytes], buffer: int) -> tuple[int, int]:
    """Write as many *records* as the job's memory takes; their number and length.  EFAULT when not even one fits."""
    try:
        call.write(buffer, b"".join(records))
        return len(records), sum(map(len, records))
    except OSError:
        call.write(buffer, records[0])
    at, count = len(records[0]), 1
    for record in records[1:]:
        try:
            call.write(buffer + at, record)
        except OSError:
            break  # the kernel, too, returns what it could hand over before the fault
        at += len(record)
        count += 1
    return count, at

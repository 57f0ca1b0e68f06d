"""Content of files, with the holes that they have."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from parrot_py.packages.source import Found, Source

_BLOCK = 1 << 20
_PAGE = 4096


def copy_content(source: Source, found: Found, to: int) -> None:
    """Write the content of *found* to the descriptor *to*.  Raises OSError, also if it changes meanwhile."""
    fd = source.open(found)
    try:
        before = os.fstat(fd)
        for start, end in _data(fd, before.st_size):
            _copy(fd, to, start, end)
        os.ftruncate(to, before.st_size)
        after = os.fstat(fd)
    finally:
        os.close(fd)
    size = before.st_size if found.place is not None else found.size
    if (after.st_size, after.st_mtime_ns) != (size, before.st_mtime_ns):
        raise OSError(errno.EAGAIN, "it changed while it was read")


def _data(fd: int, size: int) -> Iterator[tuple[int, int]]:
    """The parts of a file that are no holes."""
    at = 0
    while at < size:
        try:
            start = os.lseek(fd, at, os.SEEK_DATA)
            at = os.lseek(fd, start, os.SEEK_HOLE)
        except OSError as error:
            if error.errno != errno.ENXIO:  # a file system that knows of no holes; else there is nothing but a hole
                yield at, size
            return
        yield start, at


def _copy(fd: int, to: int, at: int, end: int) -> None:
    while at < end:
        block = os.pread(fd, min(_BLOCK, end - at), at)
        if not block:
            raise OSError(errno.EAGAIN, "it changed while it was read")
        write_at(to, block, at)
        at += len(block)


def write_at(fd: int, data: bytes, at: int) -> None:
    """Write all of *data* at the offset *at*."""
    view = memoryview(data)
    while view:
        done = os.pwrite(fd, view, at)
        view, at = view[done:], at + done


def write_sparsely(fd: int, data: bytes, at: int) -> None:
    """The same for a file that is empty there, leaving out pages of zeros."""
    for start in range(0, len(data), _PAGE):
        page = data[start : start + _PAGE]
        if page.count(0) != len(page):
            write_at(fd, page, at + start)

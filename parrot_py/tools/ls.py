"""``parrot_cvmfs ls``."""

from __future__ import annotations

import argparse
import os
import stat
import sys
import time
from collections.abc import Iterable, Iterator, Sequence

from parrot_py.drivers.base import Inode
from parrot_py.drivers.cvmfs.repository import Repository
from parrot_py.tools import facts, output, status
from parrot_py.tools.context import Context


def add(parser: argparse.ArgumentParser) -> None:
    """The arguments."""
    parser.add_argument("place", metavar="REPO[/PATH]", nargs="+", help="directories and files; all names are shown")
    parser.add_argument("-l", "--long", action="store_true", help="with mode, owner, size and time")
    parser.add_argument("-R", "--recursive", action="store_true", help="and what is below, bind mountpoints apart")


def run(arguments: argparse.Namespace, context: Context) -> int:
    """List each path.  JSON: lines, an object for each entry."""
    several = len(arguments.place) > 1 or arguments.recursive
    for number, text in enumerate(arguments.place):
        repository, path = context.locate(text)
        top = repository.lstat(path)
        if not context.output.json and several and number:
            context.output.text("\n")
        for at, (directory, entries) in enumerate(_listings(repository, top, recursive=arguments.recursive)):
            if context.output.json:
                for _, inode in entries:
                    context.output.record({"repository": repository.fqrn, **facts.record(inode)})
                continue
            if several and directory is not None:
                context.output.text("\n" if at else "")
                context.output.names([f"/cvmfs/{repository.fqrn}".encode() + directory.path + b":"])
            _show(context, entries, long=arguments.long)
    return status.OK


_Named = Sequence[tuple[bytes, Inode]]


def _listings(repository: Repository, top: Inode, *, recursive: bool) -> Iterator[tuple[Inode | None, _Named]]:
    """Directory by directory, with names; for what is no directory just that, without one."""
    inside = repository.stat(top) if top.is_link else top
    if not inside.is_dir:
        yield None, [(top.path.rpartition(b"/")[2], top)]
        return
    directories: Iterable[Inode] = [inside]
    if recursive:
        directories = (inode for _, inode in repository.walk(inside) if inode.is_dir)
    for directory in directories:
        shut = recursive and directory is not inside and repository.is_bind(directory)
        entries = () if shut else repository.scandir(directory)
        yield directory, sorted((entry.name, entry.inode) for entry in entries)


def _show(context: Context, entries: _Named, *, long: bool) -> None:
    if not long:
        context.output.names([name for name, _ in entries])
        return
    rows = [_row(inode) for _, inode in entries]
    widths = [max((len(row[column]) for row in rows), default=0) for column in range(6)]
    visible = sys.stdout.isatty()
    for (name, inode), row in zip(entries, rows):
        columns = " ".join(text.rjust(width) for text, width in zip(row, widths))
        tail = name + (b" -> " + inode.target if inode.target is not None else b"")
        context.output.raw(columns.encode() + b" " + (output.shown(tail).encode() if visible else tail) + b"\n")


def _row(inode: Inode) -> tuple[str, ...]:
    device = f"{os.major(inode.rdev)},{os.minor(inode.rdev)}"
    date = time.strftime("%Y-%m-%d %H:%M", time.gmtime(inode.mtime_ns // 10**9))
    numbers = [str(number) for number in (inode.nlink, inode.uid, inode.gid)]
    return (stat.filemode(inode.mode), *numbers, device if inode.rdev else str(inode.size), date)

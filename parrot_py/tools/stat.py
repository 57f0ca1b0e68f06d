"""``parrot_cvmfs stat``."""

from __future__ import annotations

import argparse
import os
import stat
from typing import Any

from parrot_py.drivers.base import Inode
from parrot_py.tools import facts, status
from parrot_py.tools.context import Context


def add(parser: argparse.ArgumentParser) -> None:
    """The arguments."""
    parser.add_argument("place", metavar="REPO[/PATH]", nargs="+", help="what to look at; a link itself is shown")
    parser.add_argument("-L", "--dereference", action="store_true", help="follow links")


def run(arguments: argparse.Namespace, context: Context) -> int:
    """Show everything about each path.  JSON: one object for one path, a list for several."""
    records = []
    for text in arguments.place:
        repository, path = context.locate(text)
        inode = repository.stat(path) if arguments.dereference else repository.lstat(path)
        about = {"repository": repository.fqrn, "revision": repository.revision, **facts.record(inode)}
        about.update(facts.details(repository, inode))
        records.append(about)
        if not context.output.json:
            context.output.fields(f"/cvmfs/{repository.fqrn}{os.fsdecode(inode.path)}", _fields(inode, about))
    if context.output.json:
        context.output.document(records[0] if len(records) == 1 else records)
    return status.OK


def _fields(inode: Inode, about: dict[str, Any]) -> list[tuple[str, str]]:
    catalog = about["catalog"]
    fields = [
        ("path", f"/cvmfs/{about['repository']}{os.fsdecode(inode.path)}"),
        ("type", about["type"]),
        ("link to", about.get("target", "")),
        ("size", str(inode.size)),
        ("mode", f"{stat.filemode(inode.mode)} ({about['mode']})"),
        ("owner", f"{inode.uid}:{inode.gid}"),
        ("links", str(inode.nlink)),
        ("modified", facts.when(inode.mtime_ns / 10**9)),
        ("inode", str(inode.ino)),
        ("device", f"{os.major(inode.rdev)},{os.minor(inode.rdev)}" if inode.rdev else ""),
        ("content", about.get("hash") or ""),
        ("compression", about.get("compression") or ""),
        ("chunks", str(len(about.get("chunks", []))) if about.get("chunks") else ""),
        ("external", about.get("external_url") or ""),
        ("catalog", f"{catalog['hash']} (of {catalog['mountpoint']})"),
        ("revision", str(about["revision"])),
    ]
    return fields + [(f"xattr {name}", value) for name, value in about["xattrs"].items()]

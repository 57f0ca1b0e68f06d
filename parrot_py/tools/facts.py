"""What is known about an inode, in JSON and for people."""

from __future__ import annotations

import os
import stat
import time
from typing import Any

from parrot_py.drivers.base import Inode
from parrot_py.drivers.cvmfs.repository import Repository

KINDS = {
    stat.S_IFREG: "file",
    stat.S_IFDIR: "directory",
    stat.S_IFLNK: "link",
    stat.S_IFIFO: "fifo",
    stat.S_IFSOCK: "socket",
    stat.S_IFCHR: "character device",
    stat.S_IFBLK: "block device",
}


def kind(inode: Inode) -> str:
    """The word for the type of *inode*."""
    return KINDS[stat.S_IFMT(inode.mode)]


def record(inode: Inode) -> dict[str, Any]:
    """What a listing knows, for JSON.  ``mode`` are the permission bits, ``mtime`` Unix time in seconds."""
    facts: dict[str, Any] = {
        "path": os.fsdecode(inode.path) or "/",
        "type": kind(inode),
        "mode": f"{stat.S_IMODE(inode.mode):04o}",
        "size": inode.size,
        "nlink": inode.nlink,
        "uid": inode.uid,
        "gid": inode.gid,
        "inode": inode.ino,
        "mtime": inode.mtime_ns / 10**9 if inode.mtime_ns % 10**9 else inode.mtime_ns // 10**9,
    }
    if inode.target is not None:
        facts["target"] = os.fsdecode(inode.target)
    return facts


def details(repository: Repository, inode: Inode) -> dict[str, Any]:
    """What is known besides: how the content is stored, and which catalog describes the path."""

    def magic(name: str) -> str | None:
        try:
            return os.fsdecode(repository.getxattr(inode, f"user.{name}"))
        except OSError:
            return None

    facts: dict[str, Any] = {}
    if inode.is_regular:
        chunks = (magic("chunk_list") or "").split("\n")[1:-1]
        facts["hash"] = magic("hash")
        facts["compression"] = magic("compression")
        facts["chunks"] = [_chunk(line) for line in chunks] if len(chunks) > 1 else []
        facts["external_url"] = magic("external_url") if magic("external_file") == "1" else None
    place = dict(line.split(": ", 1) for line in (magic("catalog_counters") or "").split("\n") if ": " in line)
    facts["catalog"] = {"hash": place.get("catalog_hash"), "mountpoint": place.get("catalog_mountpoint") or "/"}
    attributes = repository.attributes(inode)
    facts["xattrs"] = {os.fsdecode(name): os.fsdecode(value) for name, value in attributes.items()}
    return facts


def _chunk(line: str) -> dict[str, Any]:
    hash_, offset, size = line.split(",")
    return {"hash": hash_, "offset": int(offset), "size": int(size)}


def when(seconds: float) -> str:
    """A time stamp for people, in UTC."""
    return time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(seconds)) + " UTC"

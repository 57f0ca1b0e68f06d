"""The two trees that sequences are about: made once, published, and copied for the native side in the same order."""

from __future__ import annotations

import os
import random
import socket
import sqlite3
import stat
from pathlib import Path

from parrot_py.drivers.cvmfs.publish import PublishOptions, publish
from parrot_py.drivers.cvmfs.publish.keys import open_keys
from parrot_py.drivers.cvmfs.publish.objects import ChunkSizes
from tests.support import places
from tests.support.programs import SOURCES, compile_c

NAME, OTHER = "diff.parrot.test", "other.parrot.test"
OUTSIDE, SCRATCH = "/outside", "/scratch/s"  # the host, and where sequences work: in the root of both sides
TOP, OTHER_TOP = f"/cvmfs/{NAME}", f"/cvmfs/{OTHER}"
FORBIDDEN = {"unreadable": 0, "noexec": 0o600, "noread": 0o300, "execonly": 0o111, "shut": 0}
"""Modes that would keep an ordinary user from publishing the tree; both sides get them afterwards."""

KIB = 1024
NAMES = (
    b"n" * 255,
    b"with blank",
    b"new\nline",
    b"\xc3\xa9\xe2\x82\xac",
    b"\xff\xfe",
    b"...",
    b"..x",
    b"-dash",
    b"a=b,c",
)
LINKS = {
    "file": "../file", "dir": "../dir", "up": "..", "self": ".", "dangling": "nowhere", "loop": "loop",
    "loop-a": "loop-b", "loop-b": "loop-a", "abs": f"{TOP}/file", "abs-dir": f"{TOP}/dir/sub", "slash": "../dir/",
    "file-slash": "../file/", "other": OTHER_TOP, "other-file": f"{OTHER_TOP}/file", "unknown": "/cvmfs/no.such.test/x",
    "null": "/dev/null", "root": "/", "out-file": f"{OUTSIDE}/include/stdio.h", "out-dir": f"{OUTSIDE}/include",
    "cwd": "/proc/self/cwd", "fd": "/proc/self/fd/3", "exe": "/proc/self/exe", "fifo": "../fifo", "shut": "../shut/in",
    "noexec": "../noexec/in", "round": f"..//./dir/..//../{NAME}/file", "prog": "../prog", "long": "y/" * 600 + "end",
    "longest": "./" * 2044 + "../dir", "deep": "../deep/" + "d/" * 30 + "bottom",
    "odd": "a target, with = odd \t bytes", "cvmfs": "..", "dots": "../dir/../dir/./sub/..", "file-dot": "../file/.",
    "name": "n" * 300,
}  # fmt: skip
CHAIN = 42
DIRECTORIES = ("dir/sub", "emptydir", "nested/sub", "deep/" + "/".join(["d"] * 30), "noexec", "noread", "shut", "names")


def fill(root: Path) -> None:
    """The main tree, in the empty directory *root*."""
    noise = random.Random(7)
    for rel in DIRECTORIES:
        (root / rel).mkdir(parents=True)
    for rel, data, mode in (
        ("file", b"hello, world\n", 0o644), ("empty", b"", 0o644), ("private", b"mine\n", 0o600),
        ("big", noise.randbytes(70_000), 0o644), ("chunked", noise.randbytes(900_000), 0o444),
        ("unreadable", b"nobody\n", 0o644), ("execonly", b"#!/bin/true\n", 0o755), ("suid", b"suid\n", 0o4755),
        ("script", f"#!{TOP}/prog from the script\n".encode(), 0o755), ("script-bad", b"#!/no/such\n", 0o755),
        ("script-dir", f"#!{TOP}/dir\n".encode(), 0o755), ("script-loop", f"#!{TOP}/script-loop\n".encode(), 0o755),
        ("text", b"no program\n", 0o755), ("dir/file", b"in dir\n", 0o644), ("dir/two", b"second\n", 0o644),
        ("dir/.hidden", b"hidden\n", 0o644), ("dir/sub/leaf", b"leaf\n", 0o644), ("dir/sub/more", b"more\n", 0o640),
        ("nested/.cvmfscatalog", b"", 0o644), ("nested/inside", b"inside\n", 0o644), ("nested/sub/x", b"x\n", 0o644),
        ("noexec/in", b"in\n", 0o644), ("noread/in", b"in\n", 0o644), ("shut/in", b"in\n", 0o644),
        ("deep/" + "d/" * 30 + "bottom", b"bottom\n", 0o644), ("attributes", b"attributed\n", 0o644),
    ):  # fmt: skip
        _write(root / rel, data, mode)
    for number in range(120):
        _write(root / "many" / f"f{number:03d}", b"%d\n" % number, 0o644)
    for name in NAMES:
        _write(Path(os.fsdecode(os.path.join(os.fsencode(root), b"names", name))), name, 0o644)
    os.link(root / "file", root / "hard")
    compile_c(SOURCES / "report.c", root / "prog", "-static")
    os.mkfifo(root / "fifo", 0o644)
    _links(root / "links")
    _socket(root)
    for attribute, value in (("one", b"1"), ("empty", b""), ("large", b"x" * 200)):
        os.setxattr(root / "attributes", f"user.{attribute}", value)
    os.setxattr(root / "dir", "user.one", b"of dir")
    _times(root)


def fill_other(root: Path) -> None:
    """The second tree, for links from one to the other."""
    (root / "links").mkdir()
    _write(root / "file", b"the other file\n", 0o644)
    for name, target in {"back": f"{TOP}/dir", "self": "..", "there": f"../../{NAME}/links/other-file"}.items():
        (root / "links" / name).symlink_to(target)
    _times(root)


def fill_outside(root: Path) -> None:
    """What there is of the host."""
    for rel in ("file", "include/stdio.h", "include/sys/stat.h"):
        _write(root / rel, rel.encode(), 0o644)


def _write(path: Path, data: bytes, mode: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    path.chmod(mode)


def _links(place: Path) -> None:
    place.mkdir()
    for name, target in LINKS.items():
        (place / name).symlink_to(target)
    for number in range(1, CHAIN):
        (place / f"c{number}").symlink_to(f"c{number - 1}" if number > 1 else "../file")


def _socket(root: Path) -> None:
    here = os.getcwd()
    os.chdir(root)
    with socket.socket(socket.AF_UNIX) as unix:
        unix.bind("sock")
    os.chdir(here)


def _times(root: Path) -> None:
    moment = 1_500_000_000
    for directory, names, files in os.walk(os.fsencode(root), topdown=False):
        for name in [*sorted(files), *sorted(names), b"."]:
            moment += 1
            ns = moment * 10**9 + moment % 7
            os.utime(os.path.join(directory, name), ns=(ns, ns), follow_symlinks=False)


def trees() -> Path:
    """A directory with ``NAME`` and ``OTHER`` (the plain trees), ``outside``, ``web`` and ``keys``; made once a run."""
    return places.once("differ", _build)


def _build(place: Path) -> None:
    place.mkdir()
    before = os.umask(0o022)
    for name, content in ((NAME, fill), (OTHER, fill_other)):
        plain = places.fresh(place / name)
        content(plain)
        places.give_all(plain)
        options = PublishOptions(chunk_sizes=ChunkSizes(128 * KIB, 256 * KIB, 512 * KIB), edit_catalog=_forbid)
        publish(plain, place / "web", open_keys(place / "keys", name), options)
    fill_outside(places.fresh(place / "outside"))
    os.umask(before)


def _forbid(_: bytes, catalog: sqlite3.Connection) -> None:
    for rel, mode in FORBIDDEN.items():
        sql = "UPDATE catalog SET mode = (mode & ~4095) | ? WHERE CAST(name AS BLOB) = ? AND (mode & 61440) != 40960"
        catalog.execute(sql, (mode, rel.encode()))


def copy(source: bytes, target: bytes, uid: int, seen: dict[tuple[int, int], bytes]) -> None:
    """Copy the content of directory *source*: a tmpfs lists it in the order of the repository: directories last.

    A tmpfs lists what was made last first, hence the order here.
    """
    with os.scandir(source) as entries:
        order = sorted(((e.is_dir(follow_symlinks=False), e.name) for e in entries), reverse=True)
    for _, name in order:
        old, new = os.path.join(source, name), os.path.join(target, name)
        found = os.lstat(old)
        if stat.S_ISDIR(found.st_mode):
            os.mkdir(new)
            copy(old, new, uid, seen)
        elif (found.st_dev, found.st_ino) in seen:
            os.link(seen[found.st_dev, found.st_ino], new)
            continue
        elif stat.S_ISLNK(found.st_mode):
            os.symlink(os.readlink(old), new)
        elif stat.S_ISREG(found.st_mode):
            Path(os.fsdecode(new)).write_bytes(Path(os.fsdecode(old)).read_bytes())
        else:
            os.mknod(new, found.st_mode)
        seen[found.st_dev, found.st_ino] = new
        os.chown(new, uid, uid, follow_symlinks=False)
        _copy_facts(old, new, found)


def _copy_facts(old: bytes, new: bytes, found: os.stat_result) -> None:
    link = stat.S_ISLNK(found.st_mode)
    if not link:
        os.chmod(new, stat.S_IMODE(found.st_mode))
        for name in os.listxattr(old):
            os.setxattr(new, name, os.getxattr(old, name))
    os.utime(new, ns=(found.st_mtime_ns, found.st_mtime_ns), follow_symlinks=False)

"""A process with a file system of its own, in which one side of the fuzzer runs; run as ``python jail.py REQUEST``.

Everything of the host is there, read-only, but for one directory that can be written; and OUTSIDE, which is what the
sequences know of the host, because nobody changes it meanwhile.  With ``trees`` in the request
(JSON) there is also a /cvmfs of read-only file systems: the native side.  Commands are lines of JSON on stdin, answers
lines of JSON on stdout, as those of ``tests/support/oracle_keeper.py``.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import struct
import sys
from functools import partial
from pathlib import Path
from typing import Any, NoReturn

sys.path.insert(0, str(Path(__file__).resolve().parent.parent.parent))

from tests.differential.trees import FORBIDDEN, NAME, OUTSIDE, SCRATCH, copy
from tests.support.mounted import (
    MS_BIND,
    MS_RDONLY,
    MS_REMOUNT,
    enter,
    host_root,
    mount,
    mount_trees,
    private_namespace,
    read_only,
    unmount,
)
from tests.support.oracle_keeper import run, say

FS_IOC_SETFLAGS, FS_IMMUTABLE_FL = 0x40086602, 0x10


def build(asked: dict[str, Any]) -> None:
    """The root directory: the host's, read-only, with OUTSIDE, and /cvmfs if there are trees (name to plain tree)."""
    root, uid = asked["root"], asked["uid"]
    for place in host_root(root):
        if place not in (f"{root}/proc", f"{root}/sys"):
            read_only(place)
    mount(asked["writable"], root + asked["writable"], "", MS_BIND)
    os.mkdir(root + OUTSIDE)
    mount(asked["outside"], root + OUTSIDE, "", MS_BIND)
    read_only(root + OUTSIDE)
    os.mkdir(root + os.path.dirname(SCRATCH), 0o555)
    os.mkdir(root + SCRATCH)
    if asked["trees"]:
        mount_trees(root, {name: partial(_fill, name, source, uid) for name, source in asked["trees"].items()}, uid)
    mount("root", root, "", MS_REMOUNT | MS_RDONLY, "mode=755")
    enter(root)


def _fill(name: str, source: str, uid: int, place: str) -> None:
    os.chown(place, uid, uid)
    copy(os.fsencode(source), os.fsencode(place), uid, {})
    if name == NAME:
        for rel, mode in FORBIDDEN.items():
            os.chmod(f"{place}/{rel}", mode)
    found = os.stat(source)
    os.utime(place, ns=(found.st_mtime_ns, found.st_mtime_ns))


def _make_immutable(directory: str) -> None:
    """As ``chattr +i``: nobody can make or remove a name there, or change its attributes."""
    fd = os.open(directory, os.O_RDONLY)
    try:
        fcntl.ioctl(fd, FS_IOC_SETFLAGS, struct.pack("l", FS_IMMUTABLE_FL))
    except OSError as error:
        if error.errno not in (errno.ENOTTY, errno.EOPNOTSUPP):  # a tmpfs has no flags before Linux 6.6
            raise
    finally:
        os.close(fd)


def _serve(uid: int, request: dict[str, Any]) -> dict[str, Any]:
    """Run one command, with a new file system at SCRATCH that another command has filled before."""
    mount("scratch", SCRATCH, "tmpfs", 0, f"mode=755,uid={uid},gid={uid}")
    if uid == 0:
        mount("proc", "/proc", "proc", 0)  # root may change the owner of the host's /proc/self, for everybody
    try:
        run(uid, {**request, "argv": request["before"]})
        os.chmod(SCRATCH, 0o555)  # no sequence is to see what another one leaves
        if os.getuid() == 0:
            os.chown(SCRATCH, 0, 0)  # nor what another one forbids
        if uid == 0:
            _make_immutable(SCRATCH)  # modes don't keep root from anything
        return run(uid, request)
    finally:
        if uid == 0:
            unmount("/proc")
        unmount(SCRATCH)


def main() -> NoReturn:
    """Build it, then serve requests until stdin ends."""
    asked: dict[str, Any] = json.loads(sys.argv[1])
    try:
        private_namespace()
        build(asked)
    except OSError as error:
        say({"error": f"{error.filename}: {error.strerror}"})
        sys.exit(1)
    say({"ready": True})
    for line in sys.stdin:
        say(_serve(asked["uid"], json.loads(line)))
    sys.exit(0)


if __name__ == "__main__":
    main()

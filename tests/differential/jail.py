"""A process with a file system of its own, in which one side of the fuzzer runs; run as ``python jail.py REQUEST``.

Everything of the host is there, read-only, but for one directory that can be written.  With ``trees`` in the request
(JSON) there is also a /cvmfs of read-only file systems: the native side.  Commands are lines of JSON on stdin, answers
lines of JSON on stdout, as those of ``tests/support/oracle_keeper.py``.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any, NoReturn

sys.path.insert(0, str(Path(__file__).resolve().parent.parent.parent))

from tests.differential.trees import FORBIDDEN, NAME, copy
from tests.support.oracle_keeper import (
    LISTED_TOO,
    MS_BIND,
    MS_RDONLY,
    MS_REC,
    MS_REMOUNT,
    check,
    libc,
    mount,
    private_namespace,
    run,
    say,
)

_KEPT = {os.ST_NOSUID: 2, os.ST_NODEV: 4, os.ST_NOEXEC: 8, os.ST_NOATIME: 1024, os.ST_RELATIME: 1 << 21}
_MNT_DETACH = 2


def _read_only(place: str) -> None:
    """Make one mount read-only, with the flags that it has already (in a user namespace they may not be dropped)."""
    flags = os.statvfs(place).f_flag
    kept = sum(flag for seen, flag in _KEPT.items() if flags & seen)
    mount("none", place, "", MS_REMOUNT | MS_BIND | MS_RDONLY | kept)


def build(root: str, writable: str, trees: dict[str, str], uid: int) -> None:
    """The root directory: the host's, read-only, and /cvmfs if there are *trees* (name to plain directory)."""
    mount("jail", root, "tmpfs", 0, "mode=755")
    for entry in os.scandir("/"):
        here = f"{root}/{entry.name}"
        if entry.is_symlink():
            os.symlink(os.readlink(entry.path), here)
        elif entry.is_dir() and entry.name != "cvmfs":
            os.mkdir(here)
            mount(entry.path, here, "", MS_BIND | MS_REC)
            if entry.name not in ("proc", "sys"):
                _read_only(here)
    mount(writable, root + writable, "", MS_BIND)
    if trees:
        _mount_trees(f"{root}/cvmfs", trees, uid)
    mount("jail", root, "", MS_REMOUNT | MS_RDONLY, "mode=755")
    os.chroot(root)
    os.chdir("/")


def _mount_trees(cvmfs: str, trees: dict[str, str], uid: int) -> None:
    os.mkdir(cvmfs)
    mount("cvmfs", cvmfs, "tmpfs", 0, "mode=555")
    os.chown(cvmfs, uid, uid)
    for name in sorted([*trees, LISTED_TOO], reverse=True):
        os.mkdir(f"{cvmfs}/{name}")
    for name, source in trees.items():
        place = f"{cvmfs}/{name}"
        mount("tree", place, "tmpfs", 0, "mode=755")
        os.chown(place, uid, uid)
        copy(os.fsencode(source), os.fsencode(place), uid, {})
        if name == NAME:
            for rel, mode in FORBIDDEN.items():
                os.chmod(f"{place}/{rel}", mode)
        found = os.stat(source)
        os.utime(place, ns=(found.st_mtime_ns, found.st_mtime_ns))
        mount("tree", place, "", MS_REMOUNT | MS_RDONLY)
    os.utime(cvmfs, (0, 0))
    mount("cvmfs", cvmfs, "", MS_REMOUNT | MS_RDONLY)


def _serve(uid: int, request: dict[str, Any]) -> dict[str, Any]:
    """Run one command, with a new file system as its scratch directory that another command has filled before."""
    scratch = request["scratch"]
    mount("scratch", scratch, "tmpfs", 0, f"mode=755,uid={uid},gid={uid}")
    try:
        run(uid, {**request, "argv": request["before"]})
        os.chmod(scratch, 0o555)  # no sequence is to see what another one leaves
        if os.getuid() == 0:
            os.chown(scratch, 0, 0)  # nor what another one forbids
        return run(uid, request)
    finally:
        check(libc.umount2(os.fsencode(scratch), _MNT_DETACH), "umount")


def main() -> NoReturn:
    """Build it, then serve requests until stdin ends."""
    asked: dict[str, Any] = json.loads(sys.argv[1])
    try:
        private_namespace()
        build(asked["root"], asked["writable"], asked["trees"], asked["uid"])
    except OSError as error:
        say({"error": f"{error.filename}: {error.strerror}"})
        sys.exit(1)
    say({"ready": True})
    for line in sys.stdin:
        say(_serve(asked["uid"], json.loads(line)))
    sys.exit(0)


if __name__ == "__main__":
    main()

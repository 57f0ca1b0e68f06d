"""A root directory like the host's with a /cvmfs of mounted, read-only trees, in a mount namespace of one's own.

The host never sees it; an ordinary user gets the same through a user namespace, where the host allows one.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable, Mapping
from pathlib import Path

CLONE_NEWNS, CLONE_NEWUSER = 0x20000, 0x10000000
MNT_DETACH = 2
MS_RDONLY, MS_REMOUNT, MS_BIND, MS_REC, MS_PRIVATE = 1, 32, 4096, 16384, 1 << 18
_KEPT = {os.ST_NOSUID: 2, os.ST_NODEV: 4, os.ST_NOEXEC: 8, os.ST_NOATIME: 1024, os.ST_RELATIME: 1 << 21}
_LISTED_TOO = "demo.parrot.local"  # parrot_run always shows the demonstration repository

_libc = ctypes.CDLL(None, use_errno=True)


def _check(result: int, what: str) -> None:
    """Raise OSError when a call of the C library answered -1."""
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), what)


def mount(source: str, target: str, kind: str, flags: int, data: str = "") -> None:
    """mount(2)."""
    arguments = (os.fsencode(source), os.fsencode(target), os.fsencode(kind), ctypes.c_ulong(flags), os.fsencode(data))
    _check(_libc.mount(*arguments), f"mount {target}")


def unmount(target: str) -> None:
    """umount2(2), whoever still uses it."""
    _check(_libc.umount2(os.fsencode(target), MNT_DETACH), f"umount {target}")


def private_namespace() -> None:
    """Enter a mount namespace of our own; without privileges inside a user namespace that changes no ids."""
    uid, gid = os.getuid(), os.getgid()
    _check(_libc.unshare(CLONE_NEWNS if uid == 0 else CLONE_NEWNS | CLONE_NEWUSER), "unshare")
    if uid != 0:
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"{uid} {uid} 1")
        Path("/proc/self/gid_map").write_text(f"{gid} {gid} 1")
    mount("none", "/", "", MS_REC | MS_PRIVATE)


def read_only(place: str) -> None:
    """Make one mount read-only, with the flags that it has already (in a user namespace they may not be dropped)."""
    flags = os.statvfs(place).f_flag
    kept = sum(flag for seen, flag in _KEPT.items() if flags & seen)
    mount("none", place, "", MS_REMOUNT | MS_BIND | MS_RDONLY | kept)


def host_root(root: str) -> list[str]:
    """Mount a root directory at *root* that has everything of the host but a /cvmfs; the places of what was bound."""
    mount("root", root, "tmpfs", 0, "mode=755")
    bound = []
    for entry in os.scandir("/"):
        here = f"{root}/{entry.name}"
        if entry.is_symlink():
            os.symlink(os.readlink(entry.path), here)
        elif entry.is_dir() and entry.name != "cvmfs":
            os.mkdir(here)
            mount(entry.path, here, "", MS_BIND | MS_REC)
            bound.append(here)
    return bound


def mount_trees(root: str, trees: Mapping[str, Callable[[str], None]], uid: int) -> None:
    """Mount ``/cvmfs`` below *root*, and in it a file system for each of *trees*, which its function fills.

    The *file systems* are made read-only then: a read-only bind mount would answer access(2) and open(2) differently.
    A tmpfs lists what was made last first, hence the order.
    """
    cvmfs = f"{root}/cvmfs"
    os.mkdir(cvmfs)
    mount("cvmfs", cvmfs, "tmpfs", 0, "mode=555")
    os.chown(cvmfs, uid, uid)
    for name in sorted([*trees, _LISTED_TOO], reverse=True):
        os.mkdir(f"{cvmfs}/{name}")
    for name, fill in trees.items():
        place = f"{cvmfs}/{name}"
        mount("tree", place, "tmpfs", 0, "mode=755")
        fill(place)
        mount("tree", place, "", MS_REMOUNT | MS_RDONLY)
    os.utime(cvmfs, (0, 0))
    mount("cvmfs", cvmfs, "", MS_REMOUNT | MS_RDONLY)


def enter(root: str) -> None:
    """Make *root* the root directory."""
    os.chroot(root)
    os.chdir("/")

"""A process that holds a mounted, read-only /cvmfs and runs commands there: what twins are compared with.

    python oracle_keeper.py UID SOURCE NAME ROOT MODES

The tree SOURCE is copied to a tmpfs of its own at ``/cvmfs/NAME``, and that *file system* is made read-only (a
read-only bind mount would answer access(2) and open(2) differently).  All of it lives in a private mount namespace
under a private root, so the host never sees it; an ordinary user gets the same through a user namespace, where the
host allows one.  ROOT is an empty directory for the purpose.  MODES (JSON) are modes for paths of the copy, which
would keep an ordinary user from copying it.

Requests are lines of JSON on stdin, answers lines of JSON on stdout.
"""

from __future__ import annotations

import ctypes
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, NoReturn

CLONE_NEWNS, CLONE_NEWUSER = 0x20000, 0x10000000
MNT_DETACH = 2
MS_RDONLY, MS_REMOUNT, MS_BIND, MS_REC, MS_PRIVATE = 1, 32, 4096, 16384, 1 << 18
LISTED_TOO = "demo.parrot.local"  # parrot_run always shows the demonstration repository

libc = ctypes.CDLL(None, use_errno=True)


def check(result: int, what: str) -> None:
    """Raise OSError when a call of the C library answered -1."""
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), what)


def mount(source: str, target: str, kind: str, flags: int, data: str = "") -> None:
    """mount(2)."""
    arguments = (os.fsencode(source), os.fsencode(target), os.fsencode(kind), ctypes.c_ulong(flags), os.fsencode(data))
    check(libc.mount(*arguments), f"mount {target}")


def private_namespace() -> None:
    """Enter a mount namespace of our own; without privileges inside a user namespace that changes no ids."""
    uid, gid = os.getuid(), os.getgid()
    check(libc.unshare(CLONE_NEWNS if uid == 0 else CLONE_NEWNS | CLONE_NEWUSER), "unshare")
    if uid != 0:
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"{uid} {uid} 1")
        Path("/proc/self/gid_map").write_text(f"{gid} {gid} 1")
    mount("none", "/", "", MS_REC | MS_PRIVATE)


def build_root(uid: int, root: str, source: str, name: str, modes: dict[str, int]) -> None:
    """A root directory like the host's, with ``/cvmfs/NAME``."""
    mount("oracle", root, "tmpfs", 0, "mode=755")
    for entry in os.scandir("/"):
        here = f"{root}/{entry.name}"
        if entry.is_symlink():
            os.symlink(os.readlink(entry.path), here)
        elif entry.is_dir() and entry.name != "cvmfs":
            os.mkdir(here)
            mount(entry.path, here, "", MS_BIND | MS_REC)
    cvmfs = f"{root}/cvmfs"
    os.mkdir(cvmfs)
    mount("cvmfs", cvmfs, "tmpfs", 0, "mode=755")
    for repository in (name, LISTED_TOO):
        os.mkdir(f"{cvmfs}/{repository}")
    mount("tree", f"{cvmfs}/{name}", "tmpfs", 0, "mode=755")
    # Under parrot_run everything belongs to who started it.
    kept = "--preserve=mode,timestamps,links,xattr" if uid == 0 else "--preserve=all"
    subprocess.run(["cp", "-dR", kept, f"{source}/.", f"{cvmfs}/{name}"], check=True)
    for path, mode in modes.items():
        os.chmod(f"{cvmfs}/{name}/{path}", mode)
    mount("tree", f"{cvmfs}/{name}", "", MS_REMOUNT | MS_RDONLY)
    mount("cvmfs", cvmfs, "", MS_REMOUNT | MS_RDONLY)
    os.chroot(root)
    os.chdir("/")


def run_bound(uid: int, request: dict[str, Any]) -> dict[str, Any]:
    """``run`` with pairs of directories of the request bound: the first of each appears at the second, writable."""
    bound = []
    try:
        for source, target in request["binds"]:
            mount(source, target, "", MS_BIND)
            bound.append(target)
        return run(uid, request)
    finally:
        for target in reversed(bound):
            check(libc.umount2(os.fsencode(target), MNT_DETACH), f"umount {target}")


def run(uid: int, request: dict[str, Any]) -> dict[str, Any]:
    """Run one command as *uid* and answer its status as ``subprocess`` gives it (None: it took too long)."""
    user: dict[str, Any] = {"user": uid, "group": uid, "extra_groups": []} if os.getuid() == 0 else {}
    with (
        open(request["stdin"], "rb") as stdin,
        open(request["stdout"], "wb") as out,
        open(request["stderr"], "wb") as err,
    ):
        job = subprocess.Popen(
            request["argv"],
            cwd=request["cwd"],
            env=request["env"],
            stdin=stdin,
            stdout=out,
            stderr=err,
            start_new_session=True,
            **user,
        )
        try:
            return {"status": job.wait(request["timeout"])}
        except subprocess.TimeoutExpired:
            os.killpg(job.pid, 9)
            job.wait()
            return {"status": None}


def say(answer: dict[str, Any]) -> None:
    """Write one line of JSON."""
    print(json.dumps(answer), flush=True)


def main() -> NoReturn:
    """Build the namespace, then serve requests until stdin ends."""
    uid, source, name, root, modes = int(sys.argv[1]), *sys.argv[2:5], json.loads(sys.argv[5])
    try:
        private_namespace()
        build_root(uid, root, source, name, modes)
    except OSError as error:
        say({"error": f"{error.filename}: {error.strerror}"})
        sys.exit(1)
    say({"ready": True})
    for line in sys.stdin:
        say(run_bound(uid, json.loads(line)))
    sys.exit(0)


if __name__ == "__main__":
    main()

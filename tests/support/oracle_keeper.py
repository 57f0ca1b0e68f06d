"""A process that holds a mounted, read-only /cvmfs and runs commands there: what twins are compared with.

    python oracle_keeper.py UID SOURCE NAME ROOT MODES

The tree SOURCE is copied to a tmpfs of its own at ``/cvmfs/NAME``, all of it in a private mount namespace under a
private root (mounted.py).  ROOT is an empty directory for the purpose.  MODES (JSON) are modes for paths of the copy,
which would keep an ordinary user from copying it.

Requests are lines of JSON on stdin, answers lines of JSON on stdout.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, NoReturn

sys.path.insert(0, str(Path(__file__).resolve().parent.parent.parent))

from tests.support.mounted import MS_BIND, enter, host_root, mount, mount_trees, private_namespace, unmount


def build_root(uid: int, root: str, source: str, name: str, modes: dict[str, int]) -> None:
    """A root directory like the host's, with ``/cvmfs/NAME``."""

    def fill(place: str) -> None:
        # Under parrot_run everything belongs to who started it.
        kept = "--preserve=mode,timestamps,links,xattr" if uid == 0 else "--preserve=all"
        subprocess.run(["cp", "-dR", kept, f"{source}/.", place], check=True)
        for path, mode in modes.items():
            os.chmod(f"{place}/{path}", mode)

    host_root(root)
    mount_trees(root, {name: fill}, uid)
    enter(root)


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
            unmount(target)


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

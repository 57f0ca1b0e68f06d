"""The real repositories of ``tests/data/repos`` and what their truth files say."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from parrot_py.drivers.base import Inode
from parrot_py.drivers.cvmfs import Repository
from tests.support.truth_walk import KINDS

ARCHIVES = Path(__file__).parents[2] / "data" / "repos"
BASIC, SHAKE, RMD = "basic.parrot.test", "shake.parrot.test", "rmd.parrot.test"
# Every revision there is a truth for; the empty one is the newest.
REVISIONS = [(BASIC, ""), (BASIC, ".rev1"), (SHAKE, ""), (SHAKE, ".rev1"), (SHAKE, ".rev2"), (RMD, ""), (RMD, ".rev1")]


def load_truth(directory: Path, name: str, revision: str) -> dict[bytes, dict[str, Any]]:
    """The lines of a truth file by path, the root as ``b""``."""
    truth = {}
    for line in (directory / f"{name}{revision}.jsonl").read_text().splitlines():
        fact = json.loads(line)
        path = base64.b64decode(fact["path_b64"]) if "path_b64" in fact else os.fsencode(fact["path"])
        truth[b"" if path == b"/" else path] = fact
    return truth


def root_hash(directory: Path, name: str, revision: str) -> str:
    """The root hash that pins a revision."""
    return (directory / f"{name}{revision}.roothash").read_text().strip()


def expand(target: str, variables: Mapping[str, str]) -> bytes:
    """A link target with its variables replaced."""

    def value(match: re.Match[str]) -> str:
        name, _, default = match[1].partition(":-")
        return variables.get(name, default)

    return os.fsencode(re.sub(r"\$\(([^)]*)\)", value, target))


def differences(
    repository: Repository, truth: Mapping[bytes, dict[str, Any]], variables: Mapping[str, str]
) -> list[str]:
    """Everything in which *repository* is not what *truth* says."""
    seen = dict(repository.walk())
    found = [f"{path!r}: missing" for path in truth.keys() - seen.keys()]
    found += [f"{path!r}: not in the truth" for path in seen.keys() - truth.keys()]
    for path in truth.keys() & seen.keys():
        for field, want in _facts(truth[path], variables).items():
            got = _shown(repository, seen[path], field)
            if not path and field == "mtime_ns":  # the root's truth has whole seconds only
                got -= got % 10**9
            if got != want:
                found.append(f"{path!r}: {field} is {got!r}, not {want!r}")
    return found + _group_differences(seen, truth)


def _facts(fact: dict[str, Any], variables: Mapping[str, str]) -> dict[str, Any]:
    """What a truth line demands, by the names that :func:`_shown` knows."""
    kind = fact["type"]
    facts: dict[str, Any] = {"type": kind, "uid": fact["uid"], "gid": fact["gid"]}
    facts["mtime_ns"] = fact["mtime"] * 10**9 + fact.get("mtime_ns", 0)
    facts["xattrs"] = {k: base64.b64decode(v) for k, v in fact.get("xattrs_b64", {}).items()}
    if kind == "symlink":
        facts["target"] = expand(fact["target"], variables)
        facts["size"] = len(facts["target"])
    else:
        facts["mode"] = int(fact["mode"], 8)
    if kind in ("chardev", "blockdev"):
        facts["rdev"] = os.makedev(*fact["rdev"])
    if kind == "file":
        facts.update(size=fact["size"], nlink=fact["nlink"], sha256=fact["sha256"])
    return facts


def _shown(repository: Repository, inode: Inode, field: str) -> Any:
    if field == "type":
        return KINDS[stat.S_IFMT(inode.mode)]
    if field == "mode":
        return stat.S_IMODE(inode.mode)
    if field == "xattrs":
        # The root lists the magic attributes; no root here has any of its own.
        names = repository.listxattr(inode) if inode.path else []
        return {os.fsdecode(name): repository.getxattr(inode, name) for name in names}
    if field == "sha256":
        with open(repository.materialise(inode), "rb") as file:
            return hashlib.sha256(file.read()).hexdigest()
    return getattr(inode, field)


def _group_differences(seen: Mapping[bytes, Inode], truth: Mapping[bytes, dict[str, Any]]) -> list[str]:
    """Paths share an inode number exactly when they are one hard link group."""
    groups: dict[int, set[bytes]] = {}
    for path, inode in seen.items():
        groups.setdefault(inode.ino, set()).add(path)
    wanted: dict[bytes, set[bytes]] = {}
    for path, fact in truth.items():
        leader = os.fsencode(fact.get("hardlink_of", "")) or path
        wanted.setdefault(leader, set()).add(path)
    want = sorted(map(sorted, wanted.values()))
    got = sorted(map(sorted, groups.values()))
    return [f"hard link group {group!r}" for group in want + got if group not in want or group not in got]

"""``truth_walk.py TRUTH ROOT [--names-only]``: does the tree at ROOT hold exactly what TRUTH says?  Runs as a job.

TRUTH has one JSON object per path, as the makers of the real repositories wrote it.  Link targets in it are those
before ``$(VAR)`` and ``$(VAR:-default)`` are expanded; that is done here with this process's environment.  Everything
belongs to the caller (claimed ownership), so the owner's permission bits decide what an ordinary user may do; what
they forbid must fail with EACCES.  Prints one line per difference (thirty at most), then the totals.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
import stat
import sys
from collections.abc import Iterator
from typing import Any

KINDS = {
    stat.S_IFREG: "file",
    stat.S_IFDIR: "dir",
    stat.S_IFLNK: "symlink",
    stat.S_IFIFO: "fifo",
    stat.S_IFSOCK: "socket",
    stat.S_IFCHR: "chardev",
    stat.S_IFBLK: "blockdev",
}
MOST = 30


class Walk:
    """One comparison; *differences* are the lines to print."""

    def __init__(self, truth: str, root: str, names_only: bool) -> None:
        with open(truth, "rb") as lines:
            entries = [json.loads(line) for line in lines]
        self.entries = {self._name(entry): entry for entry in entries}
        self.root = os.fsencode(root)
        self.names_only = names_only
        self.superuser = os.geteuid() == 0
        self.groups: dict[str, set[tuple[int, int]]] = {}
        self.differences: list[str] = []

    @staticmethod
    def _name(entry: dict[str, Any]) -> bytes:
        name = base64.b64decode(entry["path_b64"]) if "path_b64" in entry else os.fsencode(entry["path"])
        return b"" if name == b"/" else name

    def complain(self, name: bytes, what: str, got: object = "", wanted: object = "") -> None:
        """Note one difference."""
        self.differences.append(f"{name!r}: {what}: got {got!r}, expected {wanted!r}")

    def allows(self, name: bytes, bit: int) -> bool:
        """Whether the owner's *bit* of the mode of *name* is set, or does not matter."""
        return self.superuser or bool(int(self.entries[name]["mode"], 8) & bit)

    def reachable(self, name: bytes) -> bool:
        """Whether every directory above *name* may be searched."""
        while name:
            name = name.rpartition(b"/")[0]
            if not self.allows(name, 0o100):
                return False
        return True

    def run(self) -> None:
        """Compare everything."""
        for name, entry in self.entries.items():
            try:
                found = os.lstat(self.root + name)
            except OSError as error:
                if self.reachable(name) or not isinstance(error, PermissionError):
                    self.complain(name, "lstat", error)
                continue
            if not self.reachable(name):
                self.complain(name, "seen through a directory without x")
            self.compare(name, entry, found)
        for group, identities in self.groups.items():
            if len(identities) != 1:
                self.complain(os.fsencode(group), "hard links have several inodes", identities)
        listed = set(self.listed(b""))
        hidden = {name for name in self.entries if name and not self._listable(name)}
        for name in sorted(set(self.entries) - {b""} - listed - hidden):
            self.complain(name, "in no listing")
        for name in sorted(listed - set(self.entries)):
            self.complain(name, "listed, but it should not be there")

    def _listable(self, name: bytes) -> bool:
        above = name.rpartition(b"/")[0]
        return self.allows(above, 0o400) and (not above or (self._listable(above) and self.reachable(above)))

    def listed(self, name: bytes) -> Iterator[bytes]:
        """Every name below *name* that a listing shows; a listing agrees with lstat."""
        try:
            entries = list(os.scandir(self.root + (name or b"/")))
        except OSError as error:
            may = self.allows(name, 0o400) and self.reachable(name)
            if may or not isinstance(error, PermissionError):
                self.complain(name, "listing", error)
            return
        if not (self.allows(name, 0o400) and self.reachable(name)):
            self.complain(name, "a listing that the mode forbids")
        for entry in entries:
            below = name + b"/" + entry.name
            if self.allows(name, 0o100):
                found = os.lstat(entry.path)
                if (entry.inode(), entry.is_symlink()) != (found.st_ino, stat.S_ISLNK(found.st_mode)):
                    self.complain(below, "d_ino or d_type", entry.inode(), found.st_ino)
            yield below
            if entry.is_dir(follow_symlinks=False):
                yield from self.listed(below)

    def compare(self, name: bytes, entry: dict[str, Any], found: os.stat_result) -> None:
        """Compare one path with its line."""
        kind = KINDS.get(stat.S_IFMT(found.st_mode))
        if kind != entry["type"]:
            self.complain(name, "type", kind, entry["type"])
            return
        if kind != "symlink" and stat.S_IMODE(found.st_mode) != int(entry["mode"], 8):
            self.complain(name, "mode", oct(found.st_mode), entry["mode"])
        if (found.st_uid, found.st_gid) != (os.geteuid(), os.getegid()):
            self.complain(name, "owner", (found.st_uid, found.st_gid))
        if name:
            self._times(name, entry, found)
        if kind == "file":
            self._file(name, entry, found)
        elif kind == "symlink":
            self._link(name, entry, found)
        elif "rdev" in entry and [os.major(found.st_rdev), os.minor(found.st_rdev)] != entry["rdev"]:
            self.complain(name, "device", found.st_rdev, entry["rdev"])
        self._attributes(name, entry)

    def _times(self, name: bytes, entry: dict[str, Any], found: os.stat_result) -> None:
        seconds, rest = divmod(found.st_mtime_ns, 10**9)
        if seconds != entry["mtime"] or rest != (entry.get("mtime_ns") or rest):
            self.complain(name, "mtime", (seconds, rest), (entry["mtime"], entry.get("mtime_ns")))

    def _file(self, name: bytes, entry: dict[str, Any], found: os.stat_result) -> None:
        if (found.st_size, found.st_nlink) != (entry["size"], entry["nlink"]):
            self.complain(name, "size, nlink", (found.st_size, found.st_nlink), (entry["size"], entry["nlink"]))
        if entry["nlink"] > 1:
            self.groups.setdefault(entry["hardlink_of"], set()).add((found.st_dev, found.st_ino))
        if self.names_only:
            return
        digest = hashlib.sha256()
        try:
            with open(self.root + name, "rb", buffering=0) as file:
                opened = os.fstat(file.fileno())
                # st_atime is the one field that reading changes.
                if opened[:7] != found[:7] or opened.st_mtime_ns != found.st_mtime_ns:
                    self.complain(name, "fstat differs from lstat", opened, found)
                while data := file.read(1 << 20):
                    digest.update(data)
        except OSError as error:
            if self.allows(name, 0o400) or not isinstance(error, PermissionError):
                self.complain(name, "reading", error)
            return
        if not self.allows(name, 0o400):
            self.complain(name, "opened against its mode")
        if digest.hexdigest() != entry["sha256"]:
            self.complain(name, "sha256", digest.hexdigest(), entry["sha256"])

    def _link(self, name: bytes, entry: dict[str, Any], found: os.stat_result) -> None:
        def value(match: re.Match[bytes]) -> bytes:
            variable, _, default = match[1].partition(b":-")
            return os.environb.get(variable, default)

        wanted = re.sub(rb"\$\(([^)]*)\)", value, os.fsencode(entry["target"]))
        target = os.readlink(self.root + name)
        if target != wanted or found.st_size != len(target):
            self.complain(name, "target", (target, found.st_size), wanted)

    def _attributes(self, name: bytes, entry: dict[str, Any]) -> None:
        for attribute, value in entry.get("xattrs_b64", {}).items():
            try:
                got: object = os.getxattr(self.root + name, attribute, follow_symlinks=False)
            except OSError as error:
                got = error
            forbidden = attribute.startswith("user.") and not self.allows(name, 0o400)
            if got != base64.b64decode(value) and not (forbidden and isinstance(got, PermissionError)):
                self.complain(name, attribute, got, base64.b64decode(value))


def main() -> int:
    """Run as a command; 0 when there is no difference."""
    arguments = [argument for argument in sys.argv[1:] if not argument.startswith("--")]
    walk = Walk(arguments[0], arguments[1], "--names-only" in sys.argv)
    walk.run()
    for line in walk.differences[:MOST]:
        print(line)
    print(f"{len(walk.entries)} entries, {len(walk.differences)} differences")
    return 1 if walk.differences else 0


if __name__ == "__main__":
    sys.exit(main())

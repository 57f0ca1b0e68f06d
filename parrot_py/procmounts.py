"""The tables of mounts in /proc, with the repositories and the job's own mounts in them."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from typing import NamedTuple

from parrot_py.mounts import MountTable, is_pattern, under
from parrot_py.namespace import Tree

_FIRST_MOUNT = 1 << 30  # far above the ids that the kernel gives to mounts
_FIRST_BIND = _FIRST_MOUNT + (1 << 20)
_SOURCE, _TYPE = b"cvmfs2", b"fuse"
_OPTIONS = b"ro,nosuid,nodev,relatime"
_OWN_OPTIONS = b"ro,user_id=0,group_id=0,default_permissions,allow_other"
_STATS = re.compile(rb"device (\S+) mounted on (\S+) with fstype (\S+)")


class _Line(NamedTuple):
    """One mount: in a table without ids and roots those fields are empty."""

    number: bytes
    parent: bytes
    device: bytes
    root: bytes
    point: bytes
    options: bytes
    kind: bytes
    source: bytes
    own: bytes

    def text(self, table: bytes) -> bytes:
        """The line of *table* (``mountinfo``, ``mounts`` or ``mountstats``)."""
        if table == b"mountstats":
            return b"device %s mounted on %s with fstype %s\n" % (self.source, self.point, self.kind)
        if table == b"mounts":
            return b"%s %s %s %s 0 0\n" % (self.source, self.point, self.kind, self.options + self.own)
        return b"%s %s %s %s %s %s - %s %s %s\n" % self


def mount_id(tree: Tree) -> int:
    """The number of a repository's mount."""
    return _FIRST_MOUNT + os.minor(tree.device)


def mounts(name: bytes, text: bytes, trees: Sequence[Tree], table: MountTable | None = None) -> bytes:
    """The *text* of the file called *name* (mounts, mountinfo, mountstats) with *trees*, the first being /cvmfs.

    What *table* puts in other places is shown as bind mounts are.
    """
    real = [line for line in map(_PARSERS[name], text.splitlines()) if line is not None]
    root = next((line.number for line in real if line.point == b"/"), b"1")
    ours = [_of_tree(tree, trees, root, name) for tree in trees]
    if table:
        ours += _binds(real + ours, table, root)
    return text + b"".join(line.text(name) for line in ours)


def _of_tree(tree: Tree, trees: Sequence[Tree], root: bytes, name: bytes) -> _Line:
    parent = root if tree is trees[0] else b"%d" % mount_id(trees[0])
    device = b"%d:%d" % (os.major(tree.device), os.minor(tree.device))
    own = _OWN_OPTIONS[2:] if name == b"mounts" else _OWN_OPTIONS
    where = (b"%d" % mount_id(tree), parent, device, b"/", _escaped(tree.prefix), _OPTIONS)
    return _Line(*where, _TYPE, _SOURCE, own)


def _binds(lines: Sequence[_Line], mounts: MountTable, root: bytes) -> list[_Line]:
    found = []
    for index, mount in enumerate(mounts.mounts):
        if not mounts.is_border(index) or mount.word or is_pattern(mount.prefix):
            continue
        if mounts.governing(mount.prefix)[0] != index:
            continue  # something else has been put in its place
        place = _escaped(mount.destination or b"/")
        above = [line for line in lines if under(place, line.point.rstrip(b"/"))]
        if not above:
            continue
        holder = max(above, key=lambda line: len(line.point))  # of equal ones the kernel lists what is seen last
        rest = place[len(holder.point.rstrip(b"/")) :].rstrip(b"/")
        number = b"%d" % (_FIRST_BIND + index)
        shown = (holder.root.rstrip(b"/") + rest) or b"/"
        found.append(holder._replace(number=number, parent=root, root=shown, point=_escaped(mount.prefix or b"/")))
    return found


def _info(line: bytes) -> _Line | None:
    """A line of proc_pid_mountinfo(5), without its optional fields."""
    fields = line.split(b" ")
    if b"-" not in fields[6:]:
        return None
    end = fields.index(b"-", 6)
    number, parent, device, root, point, options = fields[:6]
    kind, source, own = [*fields[end + 1 :], b"", b"", b""][:3]
    return _Line(number, parent, device, root, point, options, kind, source, own)


def _plain(line: bytes) -> _Line | None:
    fields = line.split(b" ")
    return None if len(fields) < 4 else _Line(b"", b"", b"", b"", fields[1], fields[3], fields[2], fields[0], b"")


def _stats(line: bytes) -> _Line | None:
    found = _STATS.match(line)
    return _Line(b"", b"", b"", b"", found[2], b"", found[3], found[1], b"") if found else None


_PARSERS = {b"mountinfo": _info, b"mounts": _plain, b"mountstats": _stats}


def _escaped(path: bytes) -> bytes:
    return b"".join(b"\\%03o" % byte if byte in b" \t\n\\#" else bytes((byte,)) for byte in path)

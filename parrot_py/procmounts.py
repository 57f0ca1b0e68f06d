"""What files of /proc say about mounts: /cvmfs and the repositories that were used, after what is really mounted."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence

from parrot_py.namespace import Tree

_FIRST_MOUNT = 1 << 30  # far above the ids that the kernel gives to mounts
_SOURCE, _TYPE = b"cvmfs2", b"fuse"
_OPTIONS = b"ro,nosuid,nodev,relatime"
_OWN_OPTIONS = b"ro,user_id=0,group_id=0,default_permissions,allow_other"


def mount_id(tree: Tree) -> int:
    """The id that mountinfo, and fdinfo of a file in *tree*, tell."""
    return _FIRST_MOUNT + os.minor(tree.device)


def mounts(name: bytes, text: bytes, trees: Sequence[Tree]) -> bytes:
    """The *text* of the file called *name* (mounts, mountinfo, mountstats) with *trees*, the first being /cvmfs."""
    if name == b"mountinfo":
        return text + b"".join(_mountinfo(tree, trees, _root_id(text)) for tree in trees)
    form = b"device %s mounted on %s with fstype %s\n" if name == b"mountstats" else b"%s %s %s %s 0 0\n"
    tail = (_OPTIONS + _OWN_OPTIONS[2:],) if name == b"mounts" else ()
    return text + b"".join(form % (_SOURCE, _escaped(tree.prefix), _TYPE, *tail) for tree in trees)


def _mountinfo(tree: Tree, trees: Sequence[Tree], root: int) -> bytes:
    """One line of proc_pid_mountinfo(5).  The first of *trees* is /cvmfs, and the others are mounted in it."""
    parent = root if tree is trees[0] else mount_id(trees[0])
    device = b"%d:%d" % (os.major(tree.device), os.minor(tree.device))
    where = (mount_id(tree), parent, device, _escaped(tree.prefix), _OPTIONS, _TYPE, _SOURCE, _OWN_OPTIONS)
    return b"%d %d %s / %s %s - %s %s %s\n" % where


def _root_id(text: bytes) -> int:
    """The id of the mount at ``/`` in the text of a mountinfo file."""
    found = re.search(rb"(?m)^(\d+) \d+ \S+ \S+ / ", text)
    return int(found.group(1)) if found else 1


def _escaped(path: bytes) -> bytes:
    return b"".join(b"\\%03o" % byte if byte in b" \t\n\\#" else bytes((byte,)) for byte in path)

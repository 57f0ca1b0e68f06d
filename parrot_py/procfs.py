"""Files of /proc that tell what is mapped, mounted and open, as they would be with repositories really mounted.

Each is a copy taken at the open, as a reader that reads in one go would see it.  Everything raises OSError when the
real file cannot be read.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence

from parrot_py.fdtable import FdTable, HostNode
from parrot_py.namespace import Namespace, Tree

_PROCESS = rb"/proc/(\d+)(?:/task/\d+)?/"
_FILES = re.compile(_PROCESS + rb"(maps|smaps|numa_maps|mounts|mountinfo|mountstats|fdinfo/\d+)\Z")
_HEAD = re.compile(rb"([0-9a-f]+-[0-9a-f]+ \S{4} [0-9a-f]+) [0-9a-f]+:[0-9a-f]+ \d+ +\Z")
_NAME_COLUMN = 73  # where the kernel puts the name into a line of maps (fs/proc/task_mmu.c)

_FIRST_MOUNT = 1 << 30  # far above the ids that the kernel gives to mounts
_SOURCE, _TYPE = b"cvmfs2", b"fuse"
_OPTIONS = b"ro,nosuid,nodev,relatime"
_OWN_OPTIONS = b"ro,user_id=0,group_id=0,default_permissions,allow_other"


def snapshot(fdtable: FdTable, namespace: Namespace, path: bytes) -> bytes | None:
    """A copy of the file *path* of /proc as the job is to see it; ``None`` when the real one is right."""
    match = _FILES.match(path)
    if match is None:
        return None
    process, name = match.groups()
    if name.startswith(b"fdinfo/"):
        text = _fdinfo(fdtable, path)
    elif name.startswith(b"mount"):
        text = _mounts(path, name, namespace.mounted())
    else:
        text = _maps(fdtable, path)
    if text is None:
        return None
    target = b"%s/m/%s-%s" % (fdtable.directory, process, name.replace(b"/", b"-"))
    os.makedirs(os.path.dirname(target), exist_ok=True)
    # A new file each time: who still reads the last one keeps it.
    with open(target + b".new", "wb") as copy:
        copy.write(text)
    os.replace(target + b".new", target)
    return target


def _read(path: bytes) -> bytes:
    with open(path, "rb") as file:
        return file.read()


# -- what is mapped


def _maps(fdtable: FdTable, path: bytes) -> bytes | None:
    text = _read(path)
    if fdtable.directory not in text:
        return None
    ours = re.compile(rb"([^\n]*?)(" + re.escape(fdtable.directory) + rb"/[^\n ]+)( \(deleted\))?")

    def line(found: re.Match[bytes]) -> bytes:
        before, link, _ = found.groups()
        node = fdtable.find(link)
        if node is None:
            return found.group()
        head = _HEAD.match(before)
        if head is None or isinstance(node, HostNode):
            return before + node.path
        device = b"%02x:%02x" % (os.major(node.tree.device), os.minor(node.tree.device))
        return (b"%s %s %d " % (head.group(1), device, node.inode.ino)).ljust(_NAME_COLUMN) + node.path

    return ours.sub(line, text)


# -- what is open


def _fdinfo(fdtable: FdTable, path: bytes) -> bytes | None:
    node = fdtable.find(os.readlink(path.replace(b"/fdinfo/", b"/fd/")))
    if node is None or isinstance(node, HostNode):
        return None
    text = re.sub(rb"(?m)^(mnt_id:\s*)\d+", rb"\g<1>%d" % _mount_id(node.tree), _read(path))
    return re.sub(rb"(?m)^(ino:\s*)\d+", rb"\g<1>%d" % node.inode.ino, text)


# -- what is mounted


def _mount_id(tree: Tree) -> int:
    return _FIRST_MOUNT + os.minor(tree.device)


def _mounts(path: bytes, name: bytes, trees: Sequence[Tree]) -> bytes:
    text = _read(path)
    if name == b"mountinfo":
        return text + b"".join(_mountinfo(tree, trees, _root_id(text)) for tree in trees)
    form = b"device %s mounted on %s with fstype %s\n" if name == b"mountstats" else b"%s %s %s %s 0 0\n"
    tail = (_OPTIONS + _OWN_OPTIONS[2:],) if name == b"mounts" else ()
    return text + b"".join(form % (_SOURCE, _escaped(tree.prefix), _TYPE, *tail) for tree in trees)


def _mountinfo(tree: Tree, trees: Sequence[Tree], root: int) -> bytes:
    """One line of proc_pid_mountinfo(5).  The first of *trees* is /cvmfs, and the others are mounted in it."""
    parent = root if tree is trees[0] else _mount_id(trees[0])
    device = b"%d:%d" % (os.major(tree.device), os.minor(tree.device))
    where = (_mount_id(tree), parent, device, _escaped(tree.prefix), _OPTIONS, _TYPE, _SOURCE, _OWN_OPTIONS)
    return b"%d %d %s / %s %s - %s %s %s\n" % where


def _root_id(text: bytes) -> int:
    """The id of the mount at ``/`` in the text of a mountinfo file."""
    found = re.search(rb"(?m)^(\d+) \d+ \S+ \S+ / ", text)
    return int(found.group(1)) if found else 1


def _escaped(path: bytes) -> bytes:
    return b"".join(b"\\%03o" % byte if byte in b" \t\n\\#" else bytes((byte,)) for byte in path)

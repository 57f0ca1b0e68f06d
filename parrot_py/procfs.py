"""Files of /proc that tell what is mapped, mounted and open, as they would be with repositories really mounted.

What the job opens is a copy taken at that moment (copies.py), as a reader that reads in one go would see it.
"""

from __future__ import annotations

import os
import re
from typing import Callable

from parrot_py.fdtable import FdTable, HostNode
from parrot_py.mounts import MountTable
from parrot_py.namespace import Namespace
from parrot_py.procmounts import mount_id, mounts

_HEAD = re.compile(rb"([0-9a-f]+-[0-9a-f]+ \S{4} [0-9a-f]+) [0-9a-f]+:[0-9a-f]+ \d+ +\Z")
_NAME_COLUMN = 73  # where the kernel puts the name into a line of maps (fs/proc/task_mmu.c)
_OTHER_WAYS = os.O_ACCMODE | os.O_CREAT | os.O_TRUNC | os.O_DIRECTORY | os.O_PATH


def reads(flags: int) -> bool:
    """Whether an open with *flags* is to read the file, and no more; all else the real one answers."""
    return not flags & _OTHER_WAYS


def owner(path: bytes) -> int | None:
    """The process whose private file *path* would be shown as a copy; ``None`` for any other path.

    What is mounted anybody may read.
    """
    match = _FILES.match(path)
    return None if match is None or match.group(2).startswith(b"mount") else int(match.group(1))


def snapshot(fdtable: FdTable, namespace: Namespace, path: bytes, tid: int) -> bytes | None:
    """A copy of the file *path* of /proc as thread *tid* is to see it; ``None`` when the real one is right.

    Raises OSError when the real one cannot be read.
    """
    match = _FILES.match(path)
    if match is None:
        return None
    name = match.group(2)
    make = next(make for names, make in _MAKERS.items() if name.startswith(names))
    text = make(fdtable, namespace, path)
    return None if text is None else fdtable.copies.put(path, tid, text)


def _read(path: bytes) -> bytes:
    with open(path, "rb") as file:
        return file.read()


def _renamed(mounts: MountTable, text: bytes) -> bytes:
    """*text* with the names of the job for what it knows by another name than the kernel."""
    backs = mounts.backs() if mounts else []
    if not any(back in text for back in backs):
        return text
    known = re.compile(rb"(?<=[ =])(?:" + b"|".join(map(re.escape, backs)) + rb")(?:/[^\n ]*)?(?=[\n ]|\Z)")
    return known.sub(lambda found: mounts.name_of(found.group()) or found.group(), text)


def _maps(fdtable: FdTable, namespace: Namespace, path: bytes) -> bytes | None:
    """What is mapped; ``None`` when nothing of it is ours."""
    real = _read(path)
    text = _renamed(namespace.mounts, real)
    loaders = [name for name in fdtable.loaders if name in text]
    if fdtable.directory not in text and not loaders:
        return None if text == real else text
    names = [re.escape(fdtable.directory) + rb"/[^\n ]+", *(re.escape(name) + rb"(?=[\n ]|\Z)" for name in loaders)]
    ours = re.compile(rb"([^\n]*?)(" + b"|".join(names) + rb")( \(deleted\))?")

    def line(found: re.Match[bytes]) -> bytes:
        before, link, _ = found.groups()
        node = fdtable.mapped(link)
        if node is None:
            return found.group()
        head = _HEAD.match(before)
        if head is None or isinstance(node, HostNode):
            return before + node.name
        device = b"%02x:%02x" % (os.major(node.tree.device), os.minor(node.tree.device))
        return (b"%s %s %d " % (head.group(1), device, node.inode.ino)).ljust(_NAME_COLUMN) + node.name

    return ours.sub(line, text)


def _fdinfo(fdtable: FdTable, _: Namespace, path: bytes) -> bytes | None:
    """What is open; ``None`` when it is not ours."""
    node = fdtable.find(os.readlink(path.replace(b"/fdinfo/", b"/fd/")))
    if node is None or isinstance(node, HostNode):
        return None
    text = re.sub(rb"(?m)^(mnt_id:\s*)\d+", rb"\g<1>%d" % mount_id(node.tree), _read(path))
    return re.sub(rb"(?m)^(ino:\s*)\d+", rb"\g<1>%d" % node.inode.ino, text)


def _mounts(_: FdTable, namespace: Namespace, path: bytes) -> bytes:
    """What is mounted."""
    return mounts(os.path.basename(path), _read(path), namespace.mounted(), namespace.mounts)


_MAKERS: dict[bytes | tuple[bytes, ...], Callable[[FdTable, Namespace, bytes], bytes | None]] = {
    (b"maps", b"smaps", b"numa_maps"): _maps,
    b"mount": _mounts,
    b"fdinfo/": _fdinfo,
}
_FILES = re.compile(rb"/proc/(\d+)(?:/task/\d+)?/(maps|smaps|numa_maps|mounts|mountinfo|mountstats|fdinfo/\d+)\Z")

"""What the path arguments of a call stand for: which directory they begin in, what is followed, what may be empty."""

from __future__ import annotations

import errno
import os

from parrot_py.engine.kinds import Rule
from parrot_py.fdtable import HostNode
from parrot_py.places import Native, Target, fail
from parrot_py.steps import RESOLVE_CREATE, RESOLVE_PARENT
from parrot_py.syscalls.call import AT_EMPTY_PATH, OPEN_FLAGS, Call, Place
from parrot_py.syscalls.open import follows, read_how
from parrot_py.syscalls.table import ALWAYS_EMPTY, NULL_PATH, Row

_NULL_OK = (
    "newfstatat", "fstatat64", "statx", "setxattrat", "getxattrat", "listxattrat", "removexattrat", "file_getattr",
    "file_setattr",
)  # fmt: skip  # since Linux 6.11, or since there is such a call
_LINKS = ("link", "linkat")
PATH_MAX = 4096
_FSPICK_EMPTY_PATH = 8


def resolve_place(call: Call, row: Row, i: int, how: int = 0, follow: bool | None = None) -> Place:
    """What path argument *i* of the call stands for."""
    path, base = call.stop.path[i], call.stop.base[i]
    if path is None and call.args[row.path[i]]:
        call.string(call.args[row.path[i]], PATH_MAX)  # raises what kept it from being read
    if not path:
        return _empty(call, row, path, base, i)
    if base is None and path[:1] != b"/":
        fail(errno.EBADF)  # the descriptor that it is relative to is none
    creates = row.creates or (i == 1 and row.name in _LINKS)
    if creates:
        how |= RESOLVE_PARENT
    elif _open_creates(call, row):
        how |= how_to_create(path)
    if follow is None:
        follow = follows_link(call, row, i)
    return call.resolve(path, base, follow=follow, how=how)


def how_to_create(path: bytes) -> int:
    """The rules for the walk of an open with O_CREAT, which looks at no name that a slash follows."""
    return RESOLVE_PARENT if path.endswith(b"/") else RESOLVE_CREATE


def follows_link(call: Call, row: Row, i: int) -> bool:
    """Whether a link at the end of path argument *i* is followed."""
    rule, arg, bits = row.follow[i]
    if rule in (Rule.ALWAYS, Rule.NEVER):
        return rule is Rule.ALWAYS
    if rule in (Rule.UNLESS, Rule.IF):
        return bool(call.args[arg] & bits) == (rule is Rule.IF)
    return follows(call.args[arg] if rule is Rule.OPEN else read_how(call)[0])


def _empty(call: Call, row: Row, path: bytes | None, base: bytes | None, i: int) -> Place:
    """An empty path (or NULL) names the descriptor itself where the call allows it."""
    if path is None:
        allowed = row.empty == NULL_PATH or (row.name in _NULL_OK and call.args[row.empty] & AT_EMPTY_PATH)
    else:
        flags = {NULL_PATH: 3 if row.name.startswith("utimensat") else -1}.get(row.empty, row.empty)
        bit = _FSPICK_EMPTY_PATH if row.name == "fspick" else AT_EMPTY_PATH
        allowed = flags == ALWAYS_EMPTY or (flags >= 0 and call.args[flags] & bit)
    if not allowed or i > 0:
        fail(errno.ENOENT if path is not None else errno.EFAULT)
    node = call.context.fdtable.find(base)
    if node is None and row.name == "readlinkat" and (base or b"").startswith(b"/proc/"):
        return call.resolve(base or b"", None, follow=False)  # a link of /proc itself, opened as such
    if isinstance(node, HostNode) and row.name == "readlinkat":
        fail(errno.ENOENT)  # the kernel's word for a descriptor that is of no link
    if node is None or isinstance(node, HostNode):
        place = base or b"" if node is None else node.path
        return Native(place, node is not None, mount=call.context.namespace.mounts.governing_place(place))
    return Target(node.path, node.tree, node.inode, node=node, name=node.name if node.name != node.path else b"")


def _open_creates(call: Call, row: Row) -> bool:
    position = OPEN_FLAGS.get(row.name)
    both = os.O_CREAT | os.O_PATH
    return row.name == "creat" or (position is not None and call.args[position] & both == os.O_CREAT)

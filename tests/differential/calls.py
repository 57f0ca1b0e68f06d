"""Random system calls as lines for the interpreter (program/line.c tells the words)."""

from __future__ import annotations

import os
import struct
from random import Random
from typing import Callable, NamedTuple

from tests.differential import names

NR = {
    "read": 0, "open": 2, "close": 3, "stat": 4, "fstat": 5, "lstat": 6, "lseek": 8, "pread64": 17, "readv": 19,
    "access": 21, "dup": 32, "dup2": 33, "sendfile": 40, "execve": 59, "fcntl": 72, "flock": 73, "truncate": 76,
    "ftruncate": 77, "getdents": 78, "getcwd": 79, "chdir": 80, "fchdir": 81, "rename": 82, "mkdir": 83, "rmdir": 84,
    "creat": 85, "link": 86, "unlink": 87, "symlink": 88, "readlink": 89, "chmod": 90, "fchmod": 91, "chown": 92,
    "fchown": 93, "lchown": 94, "umask": 95, "utime": 132, "mknod": 133, "statfs": 137, "fstatfs": 138,
    "setxattr": 188, "lsetxattr": 189, "fsetxattr": 190, "getxattr": 191, "lgetxattr": 192, "fgetxattr": 193,
    "listxattr": 194, "llistxattr": 195, "flistxattr": 196, "removexattr": 197, "lremovexattr": 198,
    "fremovexattr": 199, "getdents64": 217, "utimes": 235, "openat": 257, "mkdirat": 258, "mknodat": 259,
    "fchownat": 260, "futimesat": 261, "newfstatat": 262, "unlinkat": 263, "renameat": 264, "linkat": 265,
    "symlinkat": 266, "readlinkat": 267, "fchmodat": 268, "faccessat": 269, "unshare": 272, "utimensat": 280,
    "fallocate": 285, "dup3": 292, "preadv": 295, "prlimit64": 302, "renameat2": 316, "execveat": 322,
    "copy_file_range": 326, "preadv2": 327, "statx": 332, "openat2": 437, "faccessat2": 439, "fchmodat2": 452,
    "setxattrat": 463, "getxattrat": 464, "listxattrat": 465, "removexattrat": 466, "write": 1, "pwrite64": 18,
    "splice": 275, "close_range": 436,
}  # fmt: skip

SLOTS = 6
BAD = ("d:0", "d:1", "d:0x7fffffffffff", "d:0xffff800000000000", "d:-1", "d:0xdead000000000000")
OPEN_FLAGS = (
    os.O_DIRECTORY, os.O_NOFOLLOW, os.O_CLOEXEC, os.O_CREAT, os.O_EXCL, os.O_TRUNC, os.O_APPEND, os.O_PATH,
    os.O_NOATIME, os.O_TMPFILE, os.O_SYNC, os.O_NOCTTY, 0o100000, 0o20000, 1 << 27, 0o4000,
)  # fmt: skip  # no O_DIRECT: each file system has its own rules for it (limits.md)
AT_FLAGS = (0x100, 0x200, 0x400, 0x800, 0x1000, 0x2000, 0x4000, 0x8000, 0x1, 0x2, 0x20000)
XATTRS = (
    b"user.one", b"user.empty", b"user.large", b"user.none", b"security.selinux", b"security.capability",
    b"trusted.x", b"system.posix_acl_access", b"system.posix_acl_default", b"nothing", b"user.", b"system.x", b"",
    b"user." + b"l" * 250, b"user." + b"l" * 251, b"security.", b"trusted.",
)  # fmt: skip


def _int(value: int) -> str:
    return f"d:{value:#x}" if value >= 0 else f"d:{value}"


def _quote(text: bytes) -> str:
    safe = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._-"
    return "".join(chr(c) if c in safe else f"%{c:02x}" for c in text)


def word(r: Random, text: bytes) -> str:
    """A pointer to the string *text*; sometimes at the end of memory, sometimes nowhere."""
    kind = r.random()
    if kind < 0.94:
        return "s:" + _quote(text)
    if kind < 0.97:
        return "S:" + _quote(text)
    return "U:" + _quote(text) if kind < 0.98 else r.choice(BAD)


def path(r: Random) -> str:
    """A pointer to a path."""
    return word(r, names.path(r))


def fd(r: Random) -> str:
    """A descriptor: mostly one that a call before may have opened."""
    kind = r.random()
    if kind < 0.9:
        return f"f:{r.randrange(SLOTS)}"
    return r.choice(("d:-1", "d:999", "d:0", "d:0xffffffff00000003", "d:0x80000000", "d:1"))


def at(r: Random) -> str:
    """A descriptor that a path is relative to."""
    kind = r.random()
    if kind < 0.4:
        return "d:-100"
    if kind < 0.46:
        return r.choice(("d:0xffffff9c", "d:0x12345678ffffff9c", "d:-101", "d:-1", "d:0", "d:999"))
    return f"f:{r.randrange(SLOTS)}"


def at_flags(r: Random, usual: tuple[int, ...] = (0, 0x100, 0x1000, 0x1100)) -> str:
    """Flags of an *at call; now and then with something in the upper half of the register."""
    value = r.choice(usual) if r.random() < 0.85 else r.choice(AT_FLAGS) | r.choice((0, r.choice(AT_FLAGS)))
    return _int(value | (0x77 << 32 if r.random() < 0.04 else 0))


def buffer(r: Random, sizes: tuple[int, ...]) -> str:
    """An output buffer of one of *sizes*: whole, ending at a hole, or nowhere."""
    kind = r.random()
    if kind < 0.9:
        return f"b:{r.choice(sizes)}"
    return f"B:{r.choice(sizes)}" if kind < 0.96 else r.choice(BAD)


def struct_buffer(r: Random, size: int) -> str:
    """A buffer for a structure; sometimes with too little memory."""
    kind = r.random()
    if kind < 0.93:
        return f"b:{size}"
    return f"B:{size}" if kind < 0.96 else r.choice((f"B:{size - 8}", "B:1", *BAD))


def open_flags(r: Random) -> int:
    """Flags of open, whose FIFOs never wait."""
    flags = r.choice((0, 0, 0, 0, 1, 2, 3)) | os.O_NONBLOCK
    if r.random() < 0.3:
        flags |= os.O_DIRECTORY
    if r.random() < 0.2:
        flags |= os.O_PATH
    while r.random() < 0.3:
        flags |= r.choice(OPEN_FLAGS)
    return flags


def mode(r: Random) -> str:
    """A mode."""
    return _int(r.choice((0o644, 0o755, 0, 0o777, 0o1777, 0o4755, 0o7777, 0o177777, 0o600)))


def blob(r: Random, data: bytes) -> str:
    """A pointer to bytes."""
    kind = r.random()
    if kind < 0.94:
        return "h:" + data.hex()
    return "H:" + data.hex() if kind < 0.97 else r.choice(BAD)


class Recipe(NamedTuple):
    """How to make the line of a call: *show* as show.c knows it, *args* in order; *keeps*: it makes a descriptor."""

    name: str
    weight: float
    show: str
    args: Callable[[Random], list[str]]
    keeps: bool = False

    def line(self, r: Random) -> str:
        """One call."""
        return self.text(r, self.args(r))

    def text(self, r: Random, args: list[str]) -> str:
        """The line of the call with these arguments."""
        slot = str(r.randrange(SLOTS)) if self.keeps else "-"
        return f"call {self.name} {NR[self.name]} {self.show} {slot} {' '.join(args)}"


def how(r: Random) -> tuple[str, str]:
    """``struct open_how`` and its size."""
    flags = open_flags(r) & (0xFFFFFFFF if r.random() < 0.1 else ~(1 << 27))
    makes = flags & (os.O_CREAT | 0o20000000)
    value = r.choice((0, 0o644, 0o600, 0o10000)) if makes else (0o600 if r.random() < 0.03 else 0)
    resolve = r.choice((0, 1, 2, 4, 8, 8, 0x10, 0x10, 0x18, 0x0C, 0x14, 0x09, 0x06, 0x20, 0x40))
    if resolve == 0x20:  # answered from what the kernel happens to have in its cache
        resolve = 0
    size = r.choice((24, 24, 24, 24, 24, 24, 24, 32, 8, 23, 0, 4096, 4097))
    data = struct.pack("<QQQ", flags, value, resolve)
    extra = b"\0" * (size - 24) if size > 24 else b""
    if extra and r.random() < 0.3:
        extra = extra[:-1] + b"\1"
    return blob(r, (data + extra)[:4200]), _int(size)


def times(r: Random, unit: int) -> str:
    """Two times, in *unit* parts of a second."""
    if r.random() < 0.2:
        return "d:0"
    if r.random() < 0.2:
        ns = [r.choice((0x3FFFFFFF, 0x3FFFFFFE, unit, -1)) for _ in range(2)]
    else:
        ns = [r.randrange(unit) for _ in range(2)]
    return blob(r, struct.pack("<qqqq", 1_400_000_000, ns[0], 1_300_000_000, ns[1]))

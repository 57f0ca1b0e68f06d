"""The list of calls that sequences are made of, with their weights."""

from __future__ import annotations

import os
from random import Random

from tests.differential import names
from tests.differential.calls import (
    BAD,
    SLOTS,
    XATTRS,
    Recipe,
    _int,
    at,
    at_flags,
    blob,
    buffer,
    fd,
    how,
    mode,
    open_flags,
    path,
    struct_buffer,
    times,
    word,
)

STAT, STATX, STATFS = 144, 256, 120
LINK_SIZES = (4096, 100, 10, 1, 0, 5000)
LIST_SIZES = (32768, 32768, 4096, 512, 100, 24, 40, 1, 0)


def _own(r: Random) -> str:
    return word(r, names.own(r))


def _anything(r: Random) -> str:
    """A path for a call that changes something: often one where that is possible."""
    return _own(r) if r.random() < 0.5 else path(r)


def _attribute(r: Random) -> str:
    return word(r, r.choice(XATTRS))


def _value(r: Random) -> list[str]:
    size = r.choice((0, 1, 4, 100, 100, 300, 65536, 65537))
    return [buffer(r, (size,)), _int(size)]


def _setting(r: Random) -> list[str]:
    size = r.choice((0, 1, 5, 5, 5, 200))
    return ["w:300" if r.random() < 0.95 else r.choice(BAD), _int(size), _int(r.choice((0, 0, 0, 1, 2, 3, 4)))]


def _xattr_args(r: Random) -> list[str]:
    return [blob(r, bytes(16)), _int(r.choice((16, 16, 16, 15, 0)))]


def _seek(r: Random) -> list[str]:
    kind = r.random()
    if kind < 0.5:
        return [fd(r), f"k:{r.randrange(40)}", "d:0"]
    if kind < 0.8:
        return [fd(r), "d:0", "d:0"]
    return [fd(r), "d:0", "d:1"]


def _rlimit(r: Random) -> list[str]:
    soft = r.choice((4, 5, 6, 8, 64, 1024))
    return ["d:0", "d:7", f"h:{soft.to_bytes(8, 'little').hex()}{(4096).to_bytes(8, 'little').hex()}", "d:0"]


def _sizes(r: Random) -> str:
    return "v:" + ",".join(str(r.choice((0, 1, 7, 100, 4096))) for _ in range(r.randrange(1, 4)))


def _vector(r: Random) -> list[str]:
    sizes = _sizes(r)
    return [fd(r), sizes, _int(sizes.count(",") + 1)]


def _copy(r: Random) -> list[str]:
    """Between opened files only: what the interpreter says goes to the disk that the cache lies on (known.py)."""
    one, other = r.randrange(SLOTS), r.randrange(SLOTS)
    return [f"f:{one}", "d:0", f"f:{other}", "d:0", _int(r.choice((10, 5000))), "d:0"]


def _device(r: Random) -> str:
    """A kind of node that anybody may make, or that nobody may."""
    return _int(r.choice((0o644, 0o100600, 0o140755, 0o20666, 0o60666, 0o40755, 0o120777, 0o170000)))


ROWS = (
    Recipe("open", 8, "-", lambda r: [path(r), _int(open_flags(r)), mode(r)], keeps=True),
    Recipe("openat", 14, "-", lambda r: [at(r), path(r), _int(open_flags(r)), mode(r)], keeps=True),
    Recipe("openat2", 8, "-", lambda r: [at(r), path(r), *how(r)], keeps=True),
    Recipe("creat", 1, "-", lambda r: [_anything(r), mode(r)], keeps=True),
    Recipe("stat", 4, "S1", lambda r: [path(r), struct_buffer(r, STAT)]),
    Recipe("lstat", 4, "S1", lambda r: [path(r), struct_buffer(r, STAT)]),
    Recipe("fstat", 5, "S1", lambda r: [fd(r), struct_buffer(r, STAT)]),
    Recipe("newfstatat", 6, "S2", lambda r: [at(r), path(r), struct_buffer(r, STAT), at_flags(r)]),
    Recipe("statx", 5, "X4", lambda r: [
        at(r), path(r), at_flags(r), _int(r.choice((0x7FF, 0xFFF, 0, 0x2FF, 0x17FF, 0x80000000))),
        struct_buffer(r, STATX)]),
    Recipe("access", 3, "-", lambda r: [path(r), _int(r.choice((0, 1, 2, 3, 4, 5, 6, 7, 8, -1)))]),
    Recipe("faccessat", 2, "-", lambda r: [at(r), path(r), _int(r.randrange(9))]),
    Recipe("faccessat2", 3, "-", lambda r: [
        at(r), path(r), _int(r.randrange(9)), at_flags(r, (0, 0x100, 0x200, 0x1200))]),
    Recipe("readlink", 4, "T1", lambda r: [path(r), *_sized(r, LINK_SIZES)]),
    Recipe("readlinkat", 4, "T2", lambda r: [at(r), path(r), *_sized(r, LINK_SIZES)]),
    Recipe("getdents64", 8, "D1", lambda r: [fd(r), *_sized(r, LIST_SIZES)]),
    Recipe("getdents", 2, "d1", lambda r: [fd(r), *_sized(r, LIST_SIZES)]),
    Recipe("lseek", 4, "P", _seek),
    Recipe("chdir", 5, "-", lambda r: [path(r)]),
    Recipe("fchdir", 3, "-", lambda r: [fd(r)]),
    Recipe("getcwd", 5, "T0", lambda r: _sized(r, (4096, 4096, 64, 20, 5, 1, 0))),
    Recipe("dup", 2, "-", lambda r: [fd(r)], keeps=True),
    Recipe("dup2", 1, "-", lambda r: [fd(r), _int(r.randrange(3, 12))], keeps=True),
    Recipe("dup3", 1, "-", lambda r: [
        fd(r), _int(r.randrange(3, 12)), _int(r.choice((0, os.O_CLOEXEC, 1)))], keeps=True),
    Recipe("fcntl", 3, "-", lambda r: [fd(r), _int(r.choice((1, 3))), "d:0"]),
    Recipe("fcntl", 1, "-", lambda r: [fd(r), _int(r.choice((0, 1030))), _int(r.randrange(12))], keeps=True),
    Recipe("close", 3, "-", lambda r: [fd(r)]),
    Recipe("read", 4, "R1", lambda r: [fd(r), *_sized(r, (1, 100, 5000, 65536))]),
    Recipe("pread64", 3, "R1", lambda r: [
        fd(r), *_sized(r, (1, 100, 5000)), _int(r.choice((0, 5, 60000, 1 << 20, -1)))]),
    Recipe("readv", 2, "R1", _vector),
    Recipe("preadv", 1, "R1", lambda r: [*_vector(r), _int(r.choice((0, 3, 70000))), "d:0"]),
    Recipe("preadv2", 1, "R1", lambda r: [
        *_vector(r), _int(r.choice((0, 3, -1))), "d:0", _int(r.choice((0, 1 << 20)))]),
    Recipe("write", 2, "-", lambda r: [fd(r), "w:100", _int(r.choice((0, 1, 100)))]),
    Recipe("pwrite64", 1, "-", lambda r: [fd(r), "w:100", _int(r.choice((0, 1, 100))), _int(r.choice((0, 3, 5000)))]),
    Recipe("mkdir", 2, "-", lambda r: [_anything(r), mode(r)]),
    Recipe("mkdirat", 1.5, "-", lambda r: [at(r), _anything(r), mode(r)]),
    Recipe("mknod", 1, "-", lambda r: [_anything(r), _device(r), "d:0x103"]),
    Recipe("mknodat", 1, "-", lambda r: [at(r), _anything(r), _device(r), "d:0x103"]),
    Recipe("rmdir", 2, "-", lambda r: [_anything(r)]),
    Recipe("unlink", 2, "-", lambda r: [_anything(r)]),
    Recipe("unlinkat", 2, "-", lambda r: [at(r), _anything(r), _int(r.choice((0, 0x200, 0x200, 1, 0x300)))]),
    Recipe("rename", 2, "-", lambda r: [_anything(r), _anything(r)]),
    Recipe("renameat", 1.5, "-", lambda r: [at(r), _anything(r), at(r), _anything(r)]),
    Recipe("renameat2", 1.5, "-", lambda r: [
        at(r), _anything(r), at(r), _anything(r), _int(r.choice((0, 1, 2, 4, 3, 8)))]),
    Recipe("link", 1.5, "-", lambda r: [_anything(r), _anything(r)]),
    Recipe("linkat", 2, "-", lambda r: [
        at(r), _anything(r), at(r), _anything(r), at_flags(r, (0, 0x400, 0x1000, 0x1400))]),
    Recipe("symlink", 1.5, "-", lambda r: [path(r), _anything(r)]),
    Recipe("symlinkat", 1.5, "-", lambda r: [path(r), at(r), _anything(r)]),
    Recipe("chmod", 1.5, "-", lambda r: [_anything(r), mode(r)]),
    Recipe("fchmod", 1, "-", lambda r: [fd(r), mode(r)]),
    Recipe("fchmodat", 1, "-", lambda r: [at(r), _anything(r), mode(r)]),
    Recipe("fchmodat2", 1, "-", lambda r: [at(r), _anything(r), mode(r), at_flags(r)]),
    Recipe("chown", 1, "-", lambda r: [_anything(r), _int(r.choice((-1, 65534, 0))), "d:-1"]),
    Recipe("lchown", 1, "-", lambda r: [_anything(r), _int(r.choice((-1, 65534, 0))), "d:-1"]),
    Recipe("fchown", 1, "-", lambda r: [fd(r), _int(r.choice((-1, 65534, 0))), "d:-1"]),
    Recipe("fchownat", 1, "-", lambda r: [at(r), _anything(r), "d:-1", "d:-1", at_flags(r)]),
    Recipe("utime", 1, "-", lambda r: [_anything(r), times(r, 10**6)]),
    Recipe("utimes", 1, "-", lambda r: [_anything(r), times(r, 10**6)]),
    Recipe("futimesat", 1, "-", lambda r: [at(r), _anything(r), times(r, 10**6)]),
    Recipe("utimensat", 2, "-", lambda r: [
        at(r), "d:0" if r.random() < 0.15 else _anything(r), times(r, 10**9), at_flags(r)]),
    Recipe("truncate", 1, "-", lambda r: [_anything(r), _int(r.choice((0, 5, 5000, -1)))]),
    Recipe("ftruncate", 1, "-", lambda r: [fd(r), _int(r.choice((0, 5, 5000, -1)))]),
    Recipe("fallocate", 1, "-", lambda r: [fd(r), _int(r.choice((0, 1, 2))), "d:0", _int(r.choice((0, 100, 5000)))]),
    Recipe("statfs", 1.5, "V1", lambda r: [path(r), struct_buffer(r, STATFS)]),
    Recipe("fstatfs", 1.5, "V1", lambda r: [fd(r), struct_buffer(r, STATFS)]),
    Recipe("getxattr", 2, "T2", lambda r: [path(r), _attribute(r), *_value(r)]),
    Recipe("lgetxattr", 2, "T2", lambda r: [path(r), _attribute(r), *_value(r)]),
    Recipe("fgetxattr", 2, "T2", lambda r: [fd(r), _attribute(r), *_value(r)]),
    Recipe("listxattr", 1.5, "T1", lambda r: [path(r), *_value(r)]),
    Recipe("llistxattr", 1.5, "T1", lambda r: [path(r), *_value(r)]),
    Recipe("flistxattr", 1, "T1", lambda r: [fd(r), *_value(r)]),
    Recipe("listxattrat", 1, "T3", lambda r: [at(r), path(r), at_flags(r), *_value(r)]),
    Recipe("getxattrat", 1, "-", lambda r: [at(r), path(r), at_flags(r), _attribute(r), *_xattr_args(r)]),
    Recipe("setxattr", 1, "-", lambda r: [_anything(r), _attribute(r), *_setting(r)]),
    Recipe("lsetxattr", 1, "-", lambda r: [_anything(r), _attribute(r), *_setting(r)]),
    Recipe("fsetxattr", 1, "-", lambda r: [fd(r), _attribute(r), *_setting(r)]),
    Recipe("setxattrat", 0.5, "-", lambda r: [at(r), _anything(r), at_flags(r), _attribute(r), *_xattr_args(r)]),
    Recipe("removexattr", 1, "-", lambda r: [_anything(r), _attribute(r)]),
    Recipe("lremovexattr", 0.5, "-", lambda r: [_anything(r), _attribute(r)]),
    Recipe("fremovexattr", 0.5, "-", lambda r: [fd(r), _attribute(r)]),
    Recipe("removexattrat", 0.5, "-", lambda r: [at(r), _anything(r), at_flags(r), _attribute(r)]),
    Recipe("sendfile", 1, "-", lambda r: [fd(r), fd(r), "d:0", _int(r.choice((0, 10, 5000)))]),
    Recipe("copy_file_range", 1, "-", _copy),
    Recipe("umask", 1, "-", lambda r: [_int(r.choice((0, 0o77, 0o22, 0o777)))]),
    Recipe("flock", 1, "-", lambda r: [fd(r), _int(r.choice((5, 6, 8)))]),
    Recipe("unshare", 0.5, "-", lambda r: [_int(r.choice((0x200, 0x400, 0x600)))]),
    Recipe("prlimit64", 0.3, "-", _rlimit),
    Recipe("close_range", 0.3, "-", lambda r: [
        _int(r.randrange(3, 12)), _int(r.randrange(3, 30)), _int(r.choice((0, 2, 4)))]),
)  # fmt: skip


def _sized(r: Random, sizes: tuple[int, ...]) -> list[str]:
    """A buffer and its size; rarely a size that is not the buffer's."""
    size = r.choice(sizes)
    told = size if r.random() < 0.96 else r.choice((-1, 0, size // 2))
    return [buffer(r, (size,)), _int(told)]

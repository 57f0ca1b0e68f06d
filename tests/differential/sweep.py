"""Every form of a call with every shape of a path, and every call by descriptor with every kind of descriptor.

What the random sequences come to sooner or later is here in a row: about a million cases, in an order in which each
part is a fair sample.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

from tests.differential import names
from tests.differential.calls import NR, _int, _quote
from tests.differential.trees import TOP

PER_SEQUENCE = 10
_STRIDE = 1_000_003  # a prime, so that every case has its turn
_PATIENT = os.O_NONBLOCK  # FIFOs never wait
_NEW = f"{TOP}/new"

ENDINGS = (
    b"", b"/", b"/.", b"/..", b"//", b"/./", b"/../", b"/x", b"/x/", b"/../.", b"/.//", b"/x/..", b"/x/.",
    b"/" + b"n" * 256,
)  # fmt: skip
_INSIDE = (
    b"", b"file", b"empty", b"private", b"unreadable", b"execonly", b"suid", b"script", b"fifo", b"sock", b"dir",
    b"dir/file", b"emptydir", b"noexec", b"noexec/in", b"noread", b"noread/in", b"shut", b"shut/in", b"nested",
    b"nested/inside", b"missing", b"missing/x", b"file/x", b"x" * 256, *names.ALIASES,
    *(alias + b"/" + name for alias in names.FOLDER_ALIASES for name in (b"file", b"sub", b"none")),
)  # fmt: skip
_ELSEWHERE = (
    names.OTHER_R, names.OTHER_R + b"/file", names.OTHER_R + b"/links/back", names.OTHER_R + b"/links/there", b"/cvmfs",
    b"/cvmfs/no.such.test", b"/cvmfs/.", b"/cvmfs/..", b"/", b"/..", b"/outside", b"/outside/file", b"/dev/null",
    b"/proc/self", b"/proc/self/cwd", b"/proc/self/root", b"/proc/self/exe", b"/proc/thread-self/cwd",
    b"/proc/self/fd/0", b"/proc/self/fd/7", b"/proc/self/fd", b"/no/such", b"own", b"locked", b"odir", b"odir/inner",
    b"olink", b"dlink", b"dlink/new", b"odead", b"oloop", b"oabs", b"ofifo", b"closed", b"closed/in", b"new",
    b"new/below", b"sw", b"sw/file", b"sw/dir", b"sw/links/up", b"sw/missing", b"sw/shut/in", b"swdir", b"swdir/file",
    b"swrel", b"swrel/private", b"swtop", b"swback", b"swdead", b"swfile", b".", b"..", b"../..", b"",
)  # fmt: skip
PATHS = tuple(
    base + ending for base in (*(names.R + b"/" + name for name in _INSIDE), *_ELSEWHERE) for ending in ENDINGS
)
_OTHERS = (
    b"own", names.R + b"/file", names.R + b"/dir", names.R + b"/missing", b"odir", b"new", b"closed/x", b"/cvmfs",
    names.R + b"/links/loop/x", b"swdir/file", b"/proc/self",
)  # fmt: skip
_ADMINISTRATION = {
    "chroot": "161 {p}", "pivot_root": "155 {p} {p}", "swapon": "167 {p} d:0", "acct": "163 {p}", "uselib": "134 {p}",
    "umount2": "166 {p} d:0", "mount": "165 d:0 {p} d:0 d:0x1000 d:0", "quotactl": "179 d:0x80000700 {p} d:0 d:0",
    "inotify_add_watch": "254 f:5 {p} d:0x2", "fanotify_mark": "301 f:5 d:1 d:2 d:-100 {p}",
    "open_tree": "428 d:-100 {p} d:0", "fspick": "433 d:-100 {p} d:0", "move_mount": "429 d:-100 {p} d:-100 {p} d:0",
}  # fmt: skip
"""Calls that only a user without capabilities can make at random."""

_BY_PATH = """
stat S1 {p} b:144                       | lstat S1 {p} b:144                 | statfs V1 {p} b:120
newfstatat S2 d:-100 {p} b:144 [0 0x100 0x800 0x1000 0x1100]                 | access - {p} [0 1 2 3 4 5 6 7]
statx X4 d:-100 {p} [0 0x100 0x800 0x1000 0x1100] d:0x7ff b:256              | faccessat - d:-100 {p} [2 4]
faccessat2 - d:-100 {p} [0 1 2 4] [0x100 0x200 0x300 0x1000]                 | readlink T1 {p} b:4096 [4096 0 5]
readlinkat T2 d:-100 {p} b:100 d:0x64   | mkdir - {p} d:0x1ed                | mkdirat - d:-100 {p} d:0x1ed
mknod - {p} [0x81a4 0x11a4 0x21b6 0xc1ed 0x41ed] d:0x103                     | mknodat - d:-100 {p} d:0x81a4 d:0
rmdir - {p}                             | unlink - {p}                       | unlinkat - d:-100 {p} [0 0x200 1]
rename - {p} {q}                        | rename - {q} {p}                   | renameat - d:-100 {p} d:-100 s:new
renameat2 - d:-100 {p} d:-100 {q} [1 2 4]                                    | renameat2 - d:-100 {q} d:-100 {p} [1 2 4]
link - {p} {q}                          | link - {q} {p}                     | linkat - d:-100 {p} d:-100 {q} d:0x400
symlink - s:x {p}                       | symlink - s: {p}                   | symlinkat - s:x d:-100 {p}
symlink - {p} s:NEW                     | chmod - {p} d:0x1ed                | fchmodat - d:-100 {p} d:0x1ed
fchmodat2 - d:-100 {p} d:0x1ed [0 0x100 0x1000]                              | chown - {p} d:0xfffe d:-1
fchownat - d:-100 {p} d:-1 d:-1 [0 0x100 0x1000]                             | lchown - {p} d:-1 d:-1
utimensat - d:-100 {p} d:0 [0 0x100 0x1000]                                  | utime - {p} d:0
futimesat - d:-100 {p} d:0              | utimes - {p} h:ZEROS               | truncate - {p} [0 5 -1]
getxattr T2 {p} {a} b:100 d:0x64        | lgetxattr T2 {p} {a} b:100 d:0x64  | listxattr T1 {p} b:300 d:0x12c
setxattr - {p} {a} w:10 d:0x5 d:0       | lsetxattr - {p} {a} w:10 d:0x5 d:0 | llistxattr T1 {p} b:300 d:0x12c
removexattr - {p} {a}                   | lremovexattr - {p} {a}
"""
_BY_DESCRIPTOR = """
read R1 f:3 b:100 d:0x64                | pread64 R1 f:3 b:100 d:0x64 [2 -1] | readv R1 f:3 v:10,20 d:0x2
preadv R1 f:3 v:10,20 d:0x2 d:0x3 d:0   | write - f:3 w:10 d:0x5             | pwrite64 - f:3 w:10 d:0x5 d:0
lseek P f:3 [0 3 -1] [0 1 5]            | fstat S1 f:3 b:144                 | fstatfs V1 f:3 b:120
fchmod - f:3 d:0x1a4                    | fchown - f:3 d:-1 d:-1             | ftruncate - f:3 [0 5 -1]
getdents64 D1 f:3 b:4096 d:0x1000       | getdents d1 f:3 b:4096 d:0x1000    | getdents64 D1 f:3 b:10 d:0xa
fcntl - f:3 [1 3 8 9 11 1025 1032] d:0  | fcntl - f:3 [4] [0x800 0x400 0x40000] | flock - f:3 [5 6 8 0 99]
fallocate - f:3 [0 1 2 3 8 16 32] d:0 d:0x10                                 | sendfile - f:3 f:4 d:0 d:0xa
sendfile - f:4 f:3 d:0 d:0xa            | copy_file_range - f:3 d:0 f:4 d:0 d:0xa d:0
splice - f:3 d:0 f:4 d:0 d:0xa d:0      | fgetxattr T2 f:3 {a} b:100 d:0x64
fsetxattr - f:3 {a} w:10 d:0x5 d:0      | fremovexattr - f:3 {a}
flistxattr T1 f:3 b:300 d:0x12c         | dup - f:3                          | dup2 - f:3 d:0xb
openat - f:3 {r} [0x800 0x200000 0x220000 0x10800 0x840 0x8c0 0x801] d:0x1a4 | readlinkat T2 f:3 {r} b:100 d:0x64
newfstatat S2 f:3 {r} b:144 [0 0x100 0x1000 0x1100]                          | mkdirat - f:3 {r} d:0x1ed
statx X4 f:3 {r} [0 0x100 0x1000 0x1100] d:0x7ff b:256                       | mknodat - f:3 {r} d:0x81a4 d:0
faccessat2 - f:3 {r} d:0x4 [0 0x100 0x1000]                                  | unlinkat - f:3 {r} [0 0x200]
fchownat - f:3 {r} d:-1 d:-1 [0 0x100 0x1000]                                | symlinkat - s:x f:3 {r}
utimensat - f:3 {r} d:0 [0 0x100 0x1000]                                     | fchmodat - f:3 {r} d:0x1ed
listxattrat T3 f:3 {r} [0 0x100 0x1000] b:300 d:0x12c                        | futimesat - f:3 {r} d:0
linkat - f:3 {r} d:-100 s:NEW [0 0x400 0x1000]                               | linkat - d:-100 s:own f:3 {r} d:0
renameat - f:3 {r} d:-100 s:new         | renameat - d:-100 s:own f:3 {r}    | renameat2 - f:3 {r} f:3 {r} d:0x1
utimensat - f:3 d:0 d:0 d:0             | futimesat - f:3 d:0 d:0            | newfstatat - f:3 d:0 b:144 d:0x1000
"""
_KINDS = (
    *(names.R + b"/" + name for name in (
        b"", b"file", b"empty", b"big", b"private", b"unreadable", b"execonly", b"script", b"prog", b"fifo", b"sock",
        b"dir", b"emptydir", b"noexec", b"noread", b"shut", b"links/loop", b"links/dangling", b"links/file",
        b"links/dir", b"links/null", b"links/out-file", b"links/cwd", b"attributes", b"nested",
    )),
    b"/cvmfs", names.OTHER_R, names.OTHER_R + b"/file", b"own", b"odir", b"locked", b"olink", b"swfile", b"swdir",
    b"ofifo", b"/dev/null", b"/proc/self", b"/proc/self/cwd", b"/outside/file", b".",
)  # fmt: skip
_RELATIVE = (b"file", b"..", b".", b"x", b"sub", b"../file", b"", b"file/x", b"./file", b"..//", b"/dev/null")


def _words(text: str, choices: dict[str, tuple[str, ...]]) -> Iterator[str]:
    """*text* with each ``{x}`` and each ``[1 2 3]`` in it replaced by all that it may be; ``{p}`` stays."""
    start = text.find("[")
    if start >= 0:
        end = text.index("]", start)
        for value in text[start + 1 : end].split():
            yield from _words(f"{text[:start]}{_int(int(value, 0))}{text[end + 1 :]}", choices)
        return
    for mark, values in choices.items():
        if mark in text:
            for value in values:
                yield from _words(text.replace(mark, value), choices)
            return
    yield text


def _calls(table: str, choices: dict[str, tuple[str, ...]]) -> Iterator[str]:
    for line in table.strip().split("\n"):
        for entry in line.split(" | "):
            name, show, *rest = entry.split()
            text = " ".join(rest).replace("NEW", _NEW).replace("ZEROS", "00" * 32)
            yield from _words(f"call {name} {NR[name]} {show} - {text}", choices)


def _opens() -> Iterator[str]:
    made, new = os.O_CREAT, os.O_CREAT | os.O_EXCL
    kinds = (0, made, new, os.O_TRUNC, os.O_DIRECTORY, os.O_NOFOLLOW, made | os.O_NOFOLLOW, made | os.O_TRUNC,
             made | os.O_DIRECTORY, new | os.O_DIRECTORY, new | os.O_NOFOLLOW, os.O_EXCL, os.O_NOATIME,
             made | os.O_APPEND, os.O_TMPFILE, 1 << 30)  # fmt: skip
    paths = (0, os.O_NOFOLLOW, os.O_DIRECTORY, os.O_NOFOLLOW | os.O_DIRECTORY, made, new, new | os.O_NOFOLLOW)
    for flags in (*(a | _PATIENT | k for a in range(4) for k in kinds), *(os.O_PATH | k for k in paths)):
        yield f"call open 2 - 0 {{p}} {_int(flags)} d:0x1a4"
    for resolve in (1, 2, 4, 8, 0x10, 0xC, 0x9, 0x11, 0x14):
        for kind in (0, made, new, os.O_DIRECTORY, os.O_NOFOLLOW, made | os.O_NOFOLLOW, 1, os.O_PATH):
            words = ((kind if kind & os.O_PATH else kind | _PATIENT), 0o644 if kind & made else 0, resolve)
            yield f"call openat2 437 - 0 d:-100 {{p}} h:{b''.join(w.to_bytes(8, 'little') for w in words).hex()} d:0x18"


def _strings(paths: tuple[bytes, ...]) -> tuple[str, ...]:
    return tuple("s:" + _quote(path) for path in paths)


_ATTRIBUTES = {"{a}": ("s:user.one", "s:user.none", "s:security.capability", "s:trusted.x", "s:")}


def _path_forms(*, root: bool) -> Iterator[str]:
    yield from _opens()
    yield from _calls(_BY_PATH, {**_ATTRIBUTES, "{q}": _strings(_OTHERS)})
    yield "kid fork 3\ncall chdir 80 - - {p}\ncall getcwd 79 T0 - b:4096 d:0x1000\ncall stat 4 S1 - s:.. b:144"
    yield "exec execve 59 {p} a:x a:"
    yield "exec execveat 322 d:-100 {p} a:x a: d:0x100"
    for name, text in {} if root else _ADMINISTRATION.items():
        number, _, rest = text.partition(" ")
        yield f"call {name} {number} - - {rest}"


def _descriptor_forms() -> Iterator[str]:
    yield from _calls(_BY_DESCRIPTOR, {**_ATTRIBUTES, "{r}": _strings(_RELATIVE)})
    yield "kid fork 3\ncall fchdir 81 - - f:3\ncall getcwd 79 T0 - b:4096 d:0x1000\ncall stat 4 S1 - s:.. b:144"
    yield from (f"exec execveat 322 f:3 s: a:x a: {flags}" for flags in ("d:0x1000", "d:0x1100"))
    for protection in (0, 1, 2, 3, 5):
        yield from (f"map f:3 d:0x1000 {_int(protection)} {_int(flags)} d:0" for flags in (1, 2, 3))


class Sweep:
    """All cases, by the number of the sequence that they are in.  *root*: those that root may make in the jail."""

    def __init__(self, *, root: bool = False) -> None:
        ways = (_PATIENT, _PATIENT | os.O_NOFOLLOW, _PATIENT | os.O_DIRECTORY, os.O_PATH, os.O_PATH | os.O_NOFOLLOW,
                _PATIENT | 1, _PATIENT | 2, _PATIENT | os.O_CLOEXEC, _PATIENT | 3)  # fmt: skip
        first = "call openat 257 - 4 d:-100 s:own d:0x802 d:0\ncall openat 257 - 3 d:-100"
        opened = tuple(f"{first} s:{_quote(path)} {_int(flags)} d:0\n" for path in _KINDS for flags in ways)
        self._tables = (
            (tuple(_path_forms(root=root)), _strings(PATHS)),
            (tuple(_descriptor_forms()), opened),
        )
        self.cases = sum(len(forms) * len(things) for forms, things in self._tables)

    def __len__(self) -> int:
        """How many sequences there are."""
        return -(-self.cases // PER_SEQUENCE)

    def sequence(self, number: int) -> list[str]:
        """The lines of sequence *number*, which counts on from the end at the beginning."""
        number %= len(self)
        cases = range(number * PER_SEQUENCE, min(self.cases, (number + 1) * PER_SEQUENCE))
        return [line for case in cases for line in self.case(case).split("\n")]

    def case(self, number: int) -> str:
        """The lines of one case."""
        number = number * _STRIDE % self.cases
        forms, things = self._tables[0]
        if number < len(forms) * len(things):
            return forms[number % len(forms)].replace("{p}", things[number // len(forms)])
        number -= len(forms) * len(things)
        forms, things = self._tables[1]
        return things[number // len(forms)] + forms[number % len(forms)]


__all__ = ["Sweep"]

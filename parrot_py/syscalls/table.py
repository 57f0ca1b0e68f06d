"""The table of system calls: one line per call that the engine stops.

A line gives the name, its number in each ABI, what the core needs to decide whether a call can concern us (kind and
argument positions), how a link at the end of its path is treated, and the support level with a note where it is not
full.  Calls without a line take no path and touch no descriptor that could betray us: the kernel runs them untouched;
they are listed, with the reason, in passed.py.
"""

from __future__ import annotations

from typing import NamedTuple

from parrot_py.engine.kinds import Abi, CallSpec, Follow, Kind, Rule, Warm
from parrot_py.syscalls.passed import FULL, PARTIAL, REFUSED

_YES = (Follow(), Follow())


class Row(NamedTuple):
    """One call.

    A number is ``None`` where the ABI has no such call, or one with its arguments elsewhere.  ``path`` and ``dirfd``
    are argument positions (two each where it takes two paths).  ``follow`` says for each path whether a link at its end
    is followed.  ``empty`` is the position of the flags that may hold AT_EMPTY_PATH, -1 where an empty path is ENOENT,
    ``ALWAYS_EMPTY`` where it needs no flag, ``NULL_PATH`` where a NULL pointer does.  ``creates``: the last component
    is a name to create or remove, so nothing is followed there.  ``rooted``: even an absolute path may be relative to
    the descriptor.  ``warm``: how the core may answer the call itself once Python has.
    ``always``: Python is told of it even where nothing of ours is concerned (see parrot_py/guise).
    """

    name: str
    x86_64: int | None
    i386: int | None
    kind: Kind
    path: tuple[int, ...] = ()
    dirfd: tuple[int, ...] = ()
    follow: tuple[Follow, ...] = _YES
    fd: int = -1
    empty: int = -1
    creates: bool = False
    rooted: bool = False
    warm: Warm = Warm.NONE
    always: bool = False
    support: str = FULL
    note: str = ""

    def spec(self) -> CallSpec:
        """What the core gets."""
        paths = (*self.path, -1, -1)
        dirfds = (*self.dirfd, -1, -1)
        numbers = tuple(-1 if number is None else number for number in self.numbers)
        return CallSpec(
            (numbers[0], numbers[1]), self.kind, (paths[0], paths[1]), (dirfds[0], dirfds[1]), self.fd, self.rooted,
            self.warm, (self.follow[0], self.follow[-1]), self.always,
        )  # fmt: skip

    @property
    def numbers(self) -> tuple[int | None, int | None]:
        """The numbers, to be indexed by :class:`Abi`."""
        return self.x86_64, self.i386


ALWAYS_EMPTY = 9
NULL_PATH = 10
_PATH, _FD, _EXEC = Kind.PATH, Kind.FD, Kind.EXEC
_NOFOLLOW, _FOLLOW_FLAG = 0x100, 0x400
_DONT_FOLLOW = 0x4  # FAN_MARK_DONT_FOLLOW
_IN_DONT_FOLLOW = 0x02000000
_UMOUNT_NOFOLLOW = 8
_NO = (Follow(Rule.NEVER), Follow(Rule.NEVER))
_ADMIN = "EPERM for names in a repository: its mount is not the kernel's"


def _unless(position: int, bits: int = _NOFOLLOW) -> tuple[Follow, ...]:
    """Follow unless AT_SYMLINK_NOFOLLOW (or another of *bits*) is in the flags at *position*."""
    return (Follow(Rule.UNLESS, position, bits),)


def _if(position: int, bits: int = _FOLLOW_FLAG) -> tuple[Follow, ...]:
    """Follow if AT_SYMLINK_FOLLOW (or another of *bits*) is in the flags at *position*."""
    return (Follow(Rule.IF, position, bits),)


def _open(position: int) -> tuple[Follow, ...]:
    """Follow as open does, with its flags at *position*."""
    return (Follow(Rule.OPEN, position),)


ROWS: tuple[Row, ...] = (
    Row("open", 2, 5, _PATH, (0,), follow=_open(1), warm=Warm.OPEN),
    Row("stat", 4, 106, _PATH, (0,), warm=Warm.STAT),
    Row("fstat", 5, 108, _FD, fd=0, warm=Warm.FSTAT),
    Row("lstat", 6, 107, _PATH, (0,), follow=_NO, warm=Warm.LSTAT),
    Row("access", 21, 33, _PATH, (0,), warm=Warm.ACCESS),
    Row("connect", 42, 362, Kind.SOCKADDR, (1,)),
    Row("sendto", 44, 369, Kind.SENDTO, (4,), note="stops only with an address"),
    Row("bind", 49, 361, Kind.SOCKADDR, (1,), follow=_NO, creates=True),
    Row("clone", 56, 120, Kind.UNTRACED, note="CLONE_UNTRACED is cleared; all other clones run without a stop"),
    Row("execve", 59, 11, _EXEC, (0,)),
    Row("truncate", 76, 92, _PATH, (0,)),
    Row("getdents", 78, 141, Kind.DIRENTS, fd=0),
    Row("getcwd", 79, 183, Kind.CWD),
    Row("chdir", 80, 12, _PATH, (0,)),
    Row("fchdir", 81, 133, _FD, fd=0),
    Row("rename", 82, 38, _PATH, (0, 1), follow=_NO, creates=True),
    Row("mkdir", 83, 39, _PATH, (0,), follow=_NO, creates=True),
    Row("rmdir", 84, 40, _PATH, (0,), follow=_NO, creates=True),
    Row("creat", 85, 8, _PATH, (0,)),
    Row("link", 86, 9, _PATH, (0, 1), follow=_NO),
    Row("unlink", 87, 10, _PATH, (0,), follow=_NO, creates=True),
    Row("symlink", 88, 83, _PATH, (1,), follow=_NO, creates=True),
    Row("readlink", 89, 85, _PATH, (0,), follow=_NO, warm=Warm.READLINK),
    Row("chmod", 90, 15, _PATH, (0,)),
    Row("fchmod", 91, 94, _FD, fd=0),
    Row("chown", 92, 182, _PATH, (0,)),
    Row("fchown", 93, 95, _FD, fd=0),
    Row("lchown", 94, 16, _PATH, (0,), follow=_NO),
    Row("ptrace", 101, None, Kind.PTRACE, support=PARTIAL,
        note="carried out by parrot_run, which is the tracer: see compatibility.md"),
    Row("utime", 132, 30, _PATH, (0,)),
    Row("mknod", 133, 14, _PATH, (0,), follow=_NO, creates=True),
    Row("statfs", 137, 99, _PATH, (0,)),
    Row("fstatfs", 138, 100, _FD, fd=0),
    Row("pivot_root", 155, 217, _PATH, (0, 1), support=REFUSED, note=_ADMIN),
    Row("prctl", 157, 172, Kind.PRCTL, support=PARTIAL,
        note="PR_SET_DUMPABLE to 0 succeeds without effect; stops only for no_new_privs and seccomp"),
    Row("chroot", 161, 61, _PATH, (0,), support=REFUSED, note="EPERM for a directory in a repository"),
    Row("acct", 163, 51, _PATH, (0,)),
    Row("mount", 165, 21, _PATH, (1,), support=REFUSED, note=_ADMIN),
    Row("umount2", 166, 52, _PATH, (0,), follow=_unless(1, _UMOUNT_NOFOLLOW), support=REFUSED,
        note=_ADMIN),
    Row("swapon", 167, 87, _PATH, (0,)),
    Row("quotactl", 179, 131, _PATH, (1,)),
    Row("setxattr", 188, 226, _PATH, (0,)),
    Row("lsetxattr", 189, 227, _PATH, (0,), follow=_NO),
    Row("fsetxattr", 190, 228, _FD, fd=0),
    Row("getxattr", 191, 229, _PATH, (0,), warm=Warm.GETXATTR),
    Row("lgetxattr", 192, 230, _PATH, (0,), follow=_NO, warm=Warm.LGETXATTR),
    Row("fgetxattr", 193, 231, _FD, fd=0),
    Row("listxattr", 194, 232, _PATH, (0,)),
    Row("llistxattr", 195, 233, _PATH, (0,), follow=_NO),
    Row("flistxattr", 196, 234, _FD, fd=0),
    Row("removexattr", 197, 235, _PATH, (0,)),
    Row("lremovexattr", 198, 236, _PATH, (0,), follow=_NO),
    Row("fremovexattr", 199, 237, _FD, fd=0),
    Row("getdents64", 217, 220, Kind.DIRENTS, fd=0, warm=Warm.DIRENTS),
    Row("utimes", 235, 271, _PATH, (0,)),
    Row("inotify_add_watch", 254, 292, _PATH, (1,), follow=_unless(2, _IN_DONT_FOLLOW),
        support=PARTIAL, note="events of the watched object itself only, none for the names in a directory"),
    Row("openat", 257, 295, _PATH, (1,), (0,), _open(2), warm=Warm.OPENAT),
    Row("mkdirat", 258, 296, _PATH, (1,), (0,), _NO, creates=True),
    Row("mknodat", 259, 297, _PATH, (1,), (0,), _NO, creates=True),
    Row("fchownat", 260, 298, _PATH, (1,), (0,), _unless(4), empty=4),
    Row("futimesat", 261, 299, _PATH, (1,), (0,), empty=NULL_PATH),
    Row("newfstatat", 262, None, _PATH, (1,), (0,), _unless(3), empty=3, warm=Warm.FSTATAT),
    Row("unlinkat", 263, 301, _PATH, (1,), (0,), _NO, creates=True),
    Row("renameat", 264, 302, _PATH, (1, 3), (0, 2), _NO, creates=True),
    Row("linkat", 265, 303, _PATH, (1, 3), (0, 2), _if(4) + _NO[:1], empty=4),
    Row("symlinkat", 266, 304, _PATH, (2,), (1,), _NO, creates=True),
    Row("readlinkat", 267, 305, _PATH, (1,), (0,), _NO, empty=ALWAYS_EMPTY, warm=Warm.READLINKAT),
    Row("fchmodat", 268, 306, _PATH, (1,), (0,)),
    Row("faccessat", 269, 307, _PATH, (1,), (0,), warm=Warm.FACCESSAT),
    Row("utimensat", 280, 320, _PATH, (1,), (0,), _unless(3), empty=NULL_PATH),
    Row("fanotify_mark", 301, None, _PATH, (4,), (3,), _unless(1, _DONT_FOLLOW), empty=NULL_PATH,
        support=REFUSED, note="ENODEV in a repository, as on a mount without an id of its own"),
    Row("name_to_handle_at", 303, 341, _PATH, (1,), (0,), _if(4), empty=4,
        support=REFUSED, note="EOPNOTSUPP in a repository, as on any FUSE mount without export support"),
    Row("renameat2", 316, 353, _PATH, (1, 3), (0, 2), _NO, creates=True),
    Row("seccomp", 317, 354, Kind.SECCOMP, note="our own filter is kept out of sight"),
    Row("execveat", 322, 358, _EXEC, (1,), (0,), _unless(4), empty=4),
    Row("statx", 332, 383, _PATH, (1,), (0,), _unless(2), empty=2, warm=Warm.STATX),
    Row("io_uring_setup", 425, 425, Kind.REFUSE, support=REFUSED, note="ENOSYS: a ring opens paths behind our back"),
    Row("open_tree", 428, 428, _PATH, (1,), (0,), _unless(2), empty=2, support=PARTIAL,
        note="without OPEN_TREE_CLONE; a copy of a repository's mount is EPERM"),
    Row("move_mount", 429, 429, _PATH, (1, 3), (0, 2),
        _if(4, 1) + _if(4, 0x10),
        empty=ALWAYS_EMPTY, support=REFUSED, note=_ADMIN),
    Row("fspick", 433, 433, _PATH, (1,), (0,), _unless(2, 2), empty=2, support=REFUSED, note=_ADMIN),
    Row("clone3", 435, 435, Kind.CLONE3, note="CLONE_UNTRACED is cleared"),
    Row("openat2", 437, 437, _PATH, (1,), (0,), (Follow(Rule.HOW, 2),), rooted=True),
    Row("faccessat2", 439, 439, _PATH, (1,), (0,), _unless(3), empty=3, warm=Warm.FACCESSAT2),
    Row("mount_setattr", 442, 442, _PATH, (1,), (0,), _unless(2), empty=2, support=REFUSED, note=_ADMIN),
    Row("quotactl_fd", 443, 443, _FD, fd=0),
    Row("fchmodat2", 452, 452, _PATH, (1,), (0,), _unless(3), empty=3),
    Row("setxattrat", 463, 463, _PATH, (1,), (0,), _unless(2), empty=2),
    Row("getxattrat", 464, 464, _PATH, (1,), (0,), _unless(2), empty=2),
    Row("listxattrat", 465, 465, _PATH, (1,), (0,), _unless(2), empty=2),
    Row("removexattrat", 466, 466, _PATH, (1,), (0,), _unless(2), empty=2),
    Row("open_tree_attr", 467, 467, _PATH, (1,), (0,), _unless(2), empty=2, support=PARTIAL,
        note="without OPEN_TREE_CLONE and attributes; EPERM with them"),
    Row("file_getattr", 468, 468, _PATH, (1,), (0,), _unless(4), empty=4),
    Row("file_setattr", 469, 469, _PATH, (1,), (0,), _unless(4), empty=4),
    # From here on calls of i386 that are not, or not with these arguments, among those of x86_64.
    Row("oldstat", None, 18, _PATH, (0,)),
    Row("umount", None, 22, _PATH, (0,), support=REFUSED, note=_ADMIN),
    Row("oldfstat", None, 28, _FD, fd=0),
    Row("oldlstat", None, 84, _PATH, (0,), follow=_NO),
    Row("readdir", None, 89, Kind.DIRENTS, fd=0),
    Row("socketcall", None, 102, Kind.SOCKETCALL, note="stops only to bind, connect or sendto, as which it is treated"),
    Row("truncate64", None, 193, _PATH, (0,)),
    Row("stat64", None, 195, _PATH, (0,), warm=Warm.STAT64),
    Row("lstat64", None, 196, _PATH, (0,), follow=_NO, warm=Warm.LSTAT64),
    Row("fstat64", None, 197, _FD, fd=0, warm=Warm.FSTAT64),
    Row("lchown32", None, 198, _PATH, (0,), follow=_NO),
    Row("fchown32", None, 207, _FD, fd=0),
    Row("chown32", None, 212, _PATH, (0,)),
    Row("statfs64", None, 268, _PATH, (0,)),
    Row("fstatfs64", None, 269, _FD, fd=0),
    Row("fstatat64", None, 300, _PATH, (1,), (0,), _unless(3), empty=3, warm=Warm.FSTATAT64),
    Row("fanotify_mark", None, 339, _PATH, (5,), (4,), _unless(1, _DONT_FOLLOW), empty=NULL_PATH,
        support=REFUSED, note="the same with a mask in two arguments"),
    Row("utimensat_time64", None, 412, _PATH, (1,), (0,), _unless(3), empty=NULL_PATH),
)  # fmt: skip

MOUNTED_ROWS: tuple[Row, ...] = (Row("sendmsg", 46, 370, Kind.SENDMSG, (1,)),)
"""Lines of runs that are given mounts, or may be later: the address of a message may be a name that something is
mounted at.  Other runs are spared the stop, which each message costs."""

_NUMBERS = [{row.name: nr for row in (*ROWS, *MOUNTED_ROWS) if (nr := row.numbers[abi]) is not None} for abi in Abi]


def number(name: str, abi: Abi) -> int:
    """The number of the call *name* in *abi*, for handlers that put it in the place of another."""
    return _NUMBERS[abi][name]

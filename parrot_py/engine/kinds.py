"""What the system-call table and the C core call things: ABIs, kinds of calls, how the warm table may answer."""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple

from parrot_py.engine._core import ffi, lib

NR_LSEEK: list[int] = ffi.unpack(lib.pp_nr_lseek, lib.PP_ABIS)
"""The number of lseek in each ABI."""


class Abi(IntEnum):
    """How a call was made: by which instruction, with which numbers, registers and layouts in memory."""

    X86_64 = lib.PP_X86_64
    I386 = lib.PP_I386


class Kind(IntEnum):
    """What a call of the table takes, and so how the core decides whether it can concern us."""

    PATH = lib.PP_PATH
    FD = lib.PP_FD
    DIRENTS = lib.PP_DIRENTS
    CWD = lib.PP_CWD
    EXEC = lib.PP_EXEC
    SOCKADDR = lib.PP_SOCKADDR
    SOCKETCALL = lib.PP_SOCKETCALL
    SENDTO = lib.PP_SENDTO
    SENDMSG = lib.PP_SENDMSG
    PRCTL = lib.PP_PRCTL
    SECCOMP = lib.PP_SECCOMP
    UNTRACED = lib.PP_UNTRACED
    CLONE3 = lib.PP_CLONE3
    PTRACE = lib.PP_PTRACE
    REFUSE = lib.PP_REFUSE
    NOTHING = lib.PP_NOTHING
    ASKED = lib.PP_ASKED


class Warm(IntEnum):
    """How the core's warm table can answer a call of the table by itself."""

    NONE = lib.PP_W_NONE
    STAT = lib.PP_W_STAT
    LSTAT = lib.PP_W_LSTAT
    FSTAT = lib.PP_W_FSTAT
    FSTATAT = lib.PP_W_FSTATAT
    STATX = lib.PP_W_STATX
    ACCESS = lib.PP_W_ACCESS
    FACCESSAT = lib.PP_W_FACCESSAT
    FACCESSAT2 = lib.PP_W_FACCESSAT2
    READLINK = lib.PP_W_READLINK
    READLINKAT = lib.PP_W_READLINKAT
    OPEN = lib.PP_W_OPEN
    OPENAT = lib.PP_W_OPENAT
    DIRENTS = lib.PP_W_DIRENTS
    GETXATTR = lib.PP_W_GETXATTR
    LGETXATTR = lib.PP_W_LGETXATTR
    STAT64 = lib.PP_W_STAT64
    LSTAT64 = lib.PP_W_LSTAT64
    FSTAT64 = lib.PP_W_FSTAT64
    FSTATAT64 = lib.PP_W_FSTATAT64


FOLLOW, NOFOLLOW, MOUNT_ROOT = 1, 2, 4


class Rule(IntEnum):
    """How the bits of an argument tell whether a link at the end of a path is followed."""

    ALWAYS = lib.PP_R_ALWAYS
    NEVER = lib.PP_R_NEVER
    UNLESS = lib.PP_R_UNLESS
    IF = lib.PP_R_IF
    OPEN = lib.PP_R_OPEN
    HOW = lib.PP_R_HOW


class Follow(NamedTuple):
    """Whether a call follows a link at the end of one of its paths, as its argument *arg* tells."""

    rule: Rule = Rule.ALWAYS
    arg: int = 0
    bits: int = 0


class CallSpec(NamedTuple):
    """One line of the table as the core needs it: numbers by ABI, argument positions 0 to 5, ``-1`` for none."""

    nr: tuple[int, int]
    kind: Kind
    path: tuple[int, int] = (-1, -1)
    dirfd: tuple[int, int] = (-1, -1)
    fd: int = -1
    rooted: bool = False
    warm: int = 0
    follow: tuple[Follow, Follow] = (Follow(), Follow())
    always: bool = False


class Thread(NamedTuple):
    """What a thread of the job would be told of itself without us.

    *confined*: it has no_new_privs and a filter from us; only then the two facts before it are right.
    """

    debugger: int
    no_new_privs: bool
    filtered: bool
    confined: bool

"""``mount_walk.py SEED COUNT``: random calls on names that lead over the borders of mounts, each with its outcome.

Runs as a job where directories are mounted at ``$M``, ``$M/sub`` and ``$O/in``, and others at ``$R/emptydir``, or at
``$O/sw`` and ``$R/dir/sub``, with ``$M`` and ``$O`` side by side.  The same seed makes the same calls, so what two
sides say can be compared line by line.
"""

from __future__ import annotations

import ctypes
import os
import random
import socket
import struct
import subprocess
import sys
from typing import Callable

M, OTHER, R = (os.environ[name] for name in "MOR")
W = os.path.dirname(M)
LIBC = ctypes.CDLL(None, use_errno=True)
CWD = -100
SYS_OPENAT2 = 437
DIRECTORIES = ("mnt/a/b", "mnt/a/d", "mnt/sub/x/y", "other/in/p/d", "other/d/a", "plain/d/a")
FILES = ("mnt/f", "mnt/a/f", "mnt/sub/f", "mnt/sub/x/f", "other/f", "other/in/f", "plain/f", "plain/d/f")
LINKS = {
    "mnt/l1": "a/b", "mnt/l2": f"{OTHER}/in/p", "mnt/l3": "../other/d", "mnt/l9": "nowhere/x",
    "mnt/l10": f"{R}/emptydir", "mnt/loop": "loop", "mnt/sub/l4": "../a", "mnt/sub/l5": f"{M}/sub/x",
    "other/l3": "../other/in/../d", "other/l6": "../mnt", "other/l7": f"{M}/a", "other/in/l8": "../l6/sub",
    "plain/l1": f"{R}/dir", "plain/l2": "/proc/self/cwd", "plain/l3": "../mnt/nowhere", "plain/l9": "../mnt/sub/x",
    "plain/l10": "l9/../..",
}  # fmt: skip
NAMES = [
    "..", "..", "..", ".", "a", "b", "d", "f", "p", "x", "sub", "in", "mnt", "other", "plain", "new1", "new2",
    "emptydir", "loop", "sw", "one", "leaf", *(f"l{i}" for i in range(1, 11)),
]  # fmt: skip
STARTS = [M, OTHER, W, f"{W}/plain", f"{M}/sub", f"{OTHER}/in", f"{M}/a", R, f"{R}/emptydir", f"{W}/plain/d"]
FLAGS = [
    0, os.O_NOFOLLOW, os.O_DIRECTORY, os.O_PATH, os.O_PATH | os.O_NOFOLLOW, os.O_RDWR, os.O_CREAT | os.O_RDWR,
    os.O_CREAT | os.O_EXCL | os.O_WRONLY, os.O_TRUNC | os.O_WRONLY,
]  # fmt: skip

HARMLESS = (
    "stat", "lstat", "open", "readlink", "chdir", "realpath", "access", "list", "statvfs", "openat2", "keep",
    "fchdir", "connect", "program",
)  # fmt: skip


def status(found: os.stat_result) -> str:
    """What of a status two sides have in common."""
    directory = found.st_mode & 0o170000 == 0o040000
    return f"{found.st_mode:o}" if directory else f"{found.st_mode:o} {found.st_nlink} {found.st_size}"


def checked(result: int) -> int:
    """*result*, unless it tells of an errno."""
    if result < 0:
        raise OSError(ctypes.get_errno(), "")
    return result


def leads_to(fd: int) -> str:
    """The name of a descriptor, which is closed."""
    name = os.readlink(f"/proc/self/fd/{fd}")
    os.close(fd)
    return name


def inside(path: str, base: int | None) -> bool:
    """Whether *path* is a name in one of our own directories; not so the mount points' own names.

    What happens elsewhere the next side would see; and a mount moves with its directory if that is renamed, ours not.
    """
    start = os.readlink("/proc/self/cwd" if base is None else f"/proc/self/fd/{base}")
    return os.path.realpath(os.path.join(start, os.path.dirname(path.rstrip("/")))).startswith((f"{W}/", R))


def address(call: str, path: str) -> None:
    """Bind or connect a socket."""
    with socket.socket(socket.AF_UNIX) as unix:
        getattr(unix, call)(path)


def nameless(directory: str, path: bytes) -> str:
    """Give a file without a name one."""
    fd = os.open(directory, os.O_TMPFILE | os.O_RDWR, 0o600)
    try:
        checked(LIBC.linkat(CWD, b"/proc/self/fd/%d" % fd, CWD, path, 0x400))
        return os.readlink(f"/proc/self/fd/{fd}").partition("/#")[0]
    finally:
        os.close(fd)


class Walk:
    """One sequence of calls."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.kept: list[int] = []

    def path(self) -> str:
        """A name, by any way."""
        choose = self.random.choice
        path = "/".join(choose(NAMES) for _ in range(choose((1, 1, 2, 2, 3, 4))))
        start = choose(STARTS)
        ways = [
            "",
            "",
            "",
            f"{start}/",
            f"{start}/",
            "/proc/self/cwd/",
            f"/proc/self/root{start}/",
            "/proc/thread-self/cwd/",
        ]
        if self.kept:
            ways.append(f"/proc/self/fd/{choose(self.kept)}/")
        return choose(ways) + path + choose(["/", *[""] * 12])

    def call(self) -> tuple[str, Callable[[], object]]:
        """The next call and how it is made."""
        choose, path, other = self.random.choice, self.path(), self.path()
        one, two = os.fsencode(path), os.fsencode(other)
        base = choose(self.kept) if self.kept and self.random.random() < 0.3 else None
        flags, number = choose(FLAGS) | os.O_NONBLOCK, CWD if base is None else base
        how = struct.pack("QQQ", choose((os.O_PATH, os.O_NONBLOCK)), 0, choose((0, 2, 4, 8, 16, 4 | 8)))
        link, rename, mode = choose((0, 0x400)), choose((0, 1, 2)), choose((os.R_OK, os.W_OK, os.X_OK))
        calls: list[tuple[str, Callable[[], object]]] = [
            ("stat", lambda: status(os.stat(path, dir_fd=base))),
            ("lstat", lambda: status(os.lstat(path, dir_fd=base))),
            (f"open {flags:o}", lambda: leads_to(os.open(path, flags, 0o644, dir_fd=base))),
            ("readlink", lambda: os.readlink(path, dir_fd=base)),
            (f"rename {other}", lambda: os.rename(path, other, src_dir_fd=base)),
            (f"link {link} {other}", lambda: checked(LIBC.linkat(number, one, CWD, two, link))),
            (f"renameat2 {rename} {other}", lambda: checked(LIBC.renameat2(number, one, CWD, two, rename))),
            ("mkdir", lambda: os.mkdir(path, dir_fd=base)),
            ("rmdir", lambda: os.rmdir(path, dir_fd=base)),
            ("unlink", lambda: os.unlink(path, dir_fd=base)),
            (f"symlink {other}", lambda: os.symlink(other, path, dir_fd=base)),
            ("chdir", lambda: self.enter(path)),
            ("realpath", lambda: os.path.realpath(path)),
            (f"access {mode}", lambda: os.access(path, mode, dir_fd=base)),
            ("list", lambda: self.listing(path)),
            ("statvfs", lambda: os.statvfs(path).f_flag & 1),
            (f"openat2 {how[16]}", lambda: leads_to(checked(LIBC.syscall(SYS_OPENAT2, number, one, how, len(how))))),
            ("keep", lambda: self.keep(path)),
            ("fchdir", lambda: self.enter(base)),
            ("utime", lambda: os.utime(path, (1, 2), dir_fd=base)),
            ("truncate", lambda: os.truncate(path, 3)),
            ("mkfifo", lambda: os.mkfifo(path, dir_fd=base)),
            ("setxattr", lambda: os.setxattr(path, "user.x", b"1")),
            ("bind", lambda: address("bind", path)),
            ("connect", lambda: address("connect", path)),
            (f"nameless {other}", lambda: nameless(path, two)),
            ("program", lambda: subprocess.run(["/bin/pwd", "-P"], cwd=path, check=True, capture_output=True).stdout),
        ]
        name, make = choose(calls)
        harmless = name.split()[0] in HARMLESS and not flags & os.O_CREAT
        if not harmless and not (inside(path, base) and inside(other, None)):
            return "outside", lambda: None
        return f"{name} {path}{'' if base is None else f' at {self.kept.index(base)}'}", make

    def enter(self, path: str | int | None) -> str:
        """Change the working directory; what it is called then."""
        if path is not None:
            os.chdir(path)
        assert os.getcwd() == os.readlink("/proc/self/cwd")
        return os.getcwd()

    def listing(self, path: str) -> list[str]:
        """What is in a directory, if the two sides have equal ones there."""
        found = sorted(os.listdir(path))
        return found if os.path.realpath(path).startswith((W, R)) else []

    def keep(self, path: str) -> str:
        """Open a directory for later calls."""
        fd = os.open(path, self.random.choice((os.O_DIRECTORY, os.O_PATH | os.O_NOFOLLOW)))
        self.kept.append(fd)
        if len(self.kept) > 5:
            os.close(self.kept.pop(0))
        return os.readlink(f"/proc/self/fd/{fd}")

    def run(self, count: int) -> None:
        """Make *count* calls, and tell of each."""
        for i in range(count):
            if i % 40 == 0:
                os.chdir(self.random.choice(STARTS))
            name, make = self.call()
            try:
                told = make()
            except OSError as error:
                told = os.strerror(error.errno or 0)
            print(i, name, "->", str(told).replace(f"/proc/{os.getpid()}", "/proc/PID"))


def main() -> None:
    """Fill the directories and walk."""
    for name in DIRECTORIES:
        os.makedirs(f"{W}/{name}")
    for name in FILES:
        with open(f"{W}/{name}", "w") as file:
            file.write(name)
    for name, target in LINKS.items():
        os.symlink(target, f"{W}/{name}")
    Walk(int(sys.argv[1])).run(int(sys.argv[2]))


if __name__ == "__main__":
    main()

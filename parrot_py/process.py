"""What a thread of the job is at this moment, read from /proc: the kernel keeps the state, we keep none."""

from __future__ import annotations

import os
import re
import stat
from contextlib import suppress
from typing import NamedTuple

from parrot_py.drivers.base import Inode

R, W, X = 4, 2, 1

_CAP_DAC_OVERRIDE, _CAP_DAC_READ_SEARCH = 1 << 1, 1 << 2
_JUMPS = re.compile(rb"/proc/\d+(/task/\d+)?/(cwd|exe|root|fd/\d+|map_files/[^/]+|ns/[^/]+)\Z")


class Credentials(NamedTuple):
    """Who asks: the file system user and groups, and whether capabilities override permission bits."""

    uid: int
    gid: int
    groups: frozenset[int]
    override: bool = False

    def sees(self, process: int) -> bool:
        """Whether what is mapped and open in *process* is for these eyes.

        Only a tracer of root reads more than the caller may: where nobody can change the user, that will find it out.
        """
        try:
            return self.override or os.geteuid() != 0 or os.stat(f"/proc/{process}").st_uid == self.uid
        except OSError:
            return False

    def may(self, inode: Inode, mask: int) -> bool:
        """Whether *mask* (of R, W, X) is permitted on *inode*, as generic_permission() of the kernel decides."""
        mode = inode.mode
        if self.override:
            return not mask & X or stat.S_ISDIR(mode) or bool(mode & 0o111)
        if inode.uid == self.uid:
            mode >>= 6
        elif inode.gid == self.gid or inode.gid in self.groups:
            mode >>= 3
        return mode & mask == mask


class Credentialer:
    """Tells the credentials of a thread.

    An unprivileged job cannot change its user (ptrace and no_new_privs ignore setuid bits), so one answer serves all;
    a job of root can, and is asked each time.
    """

    def __init__(self) -> None:
        self._root = os.geteuid() == 0
        self._ours = Credentials(os.geteuid(), os.getegid(), frozenset(os.getgroups()))

    def of(self, tid: int) -> Credentials:
        """The credentials of thread *tid*; our own when it is gone already."""
        if not self._root:
            return self._ours
        try:
            fields = read_status(tid)
        except OSError:
            return self._ours
        capabilities = int(fields.get("CapEff", "0"), 16)
        return Credentials(
            uid=int(fields["Uid"].split()[3]),
            gid=int(fields["Gid"].split()[3]),
            groups=frozenset(int(g) for g in fields.get("Groups", "").split()),
            override=bool(capabilities & (_CAP_DAC_OVERRIDE | _CAP_DAC_READ_SEARCH)),
        )


def read_status(tid: int) -> dict[str, str]:
    """The fields of ``/proc/<tid>/status``; raises OSError when the thread is gone."""
    with open(f"/proc/{tid}/status", encoding="ascii", errors="replace") as file:
        return dict(line.rstrip("\n").split(":\t", 1) for line in file if ":\t" in line)


def proc_trouble() -> str | None:
    """Why /proc cannot tell what we need to know of the job, in one line; ``None`` when it can."""
    try:
        shown = os.readlink("/proc/self")
    except OSError as error:
        return f"/proc is not there ({error.strerror})"
    if shown != str(os.getpid()):
        return "/proc shows the processes of another pid namespace"
    return None


def environment(tid: int) -> dict[bytes, bytes]:
    """The environment that the program of thread *tid* was started with; empty when it cannot be read.

    What the program has changed since is not seen.  Of a name that is there twice the first counts, as in getenv(3).
    """
    try:
        with open(f"/proc/{tid}/environ", "rb") as file:
            entries = file.read().split(b"\0")
    except OSError:
        return {}
    pairs = [entry.partition(b"=") for entry in entries if b"=" in entry]
    return {name: value for name, _, value in reversed(pairs)}


def thread_group(tid: int) -> int:
    """The process that thread *tid* belongs to; *tid* itself when that cannot be read."""
    try:
        return int(read_status(tid)["Tgid"])
    except (OSError, KeyError, ValueError):
        return tid


def _fdinfo(tid: int, fd: int, field: str, base: int) -> int:
    with open(f"/proc/{tid}/fdinfo/{fd}", encoding="ascii") as file:
        for line in file:
            if line.startswith(field):
                return int(line[len(field) :], base)
    return 0


def file_offset(tid: int, fd: int) -> int:
    """The file offset of descriptor *fd* of thread *tid*; raises OSError."""
    return _fdinfo(tid, fd, "pos:", 10)


def file_flags(tid: int, fd: int) -> int:
    """The flags of descriptor *fd* of thread *tid*, O_CLOEXEC among them; raises OSError."""
    return _fdinfo(tid, fd, "flags:", 8)


def leads_to(tid: int, directory: bytes) -> bytes:
    """A link of /proc by which *directory*, where thread *tid* is or which it has opened, is found without its name.

    *directory* itself when there is none.
    """
    fds = b"/proc/%d/fd" % tid
    try:
        links = [b"/proc/%d/cwd" % tid, *(fds + b"/" + fd for fd in os.listdir(fds))]
    except OSError:  # it is gone, or not for our eyes
        return directory
    for link in links:
        with suppress(OSError):  # another thread closed it just now
            if os.readlink(link) == directory:
                return link
    return directory


def jumps(path: bytes) -> bool:
    """Whether *path* is a link of /proc that leads to an object, not to a path."""
    return bool(_JUMPS.match(path))


def still_leads_to(link: bytes, text: bytes) -> bool:
    """Whether *text*, read in a *link* of /proc that jumps to an object, is a path by which a walk comes to it.

    It is none of pipes and sockets, of what was removed or belongs to a process that has ended, of what lies in another
    mount namespace, nor of a symbolic link that was opened as such: a walk would follow it.
    """
    try:
        found = os.stat(link)
        return text[:1] == b"/" and not stat.S_ISLNK(found.st_mode) and os.path.samestat(found, os.lstat(text))
    except OSError:
        return False


def own_proc(path: bytes, tid: int) -> bytes:
    """``/proc/self`` and ``/proc/thread-self`` mean the thread that asks, not the tracer."""
    if path == b"/proc/self":
        return b"/proc/%d" % thread_group(tid)
    if path == b"/proc/thread-self":
        return b"/proc/%d/task/%d" % (thread_group(tid), tid)
    return path

"""Filling the directory of a package: one name after the other, with its parents."""

from __future__ import annotations

import errno
import itertools
import os
import stat
from collections.abc import Callable

from parrot_py.mounts import under
from parrot_py.packages import MACHINE
from parrot_py.packages.copying import copy_content
from parrot_py.packages.source import Found, Source

_DANGLING = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP)
_FULL = (errno.ENOSPC, errno.EDQUOT)
"""Nothing that comes after it could be packed."""
_SET_ID = stat.S_ISUID | stat.S_ISGID
# Whoever packs owns the package; with another owner these bits would give away more than they did.
_FILE_BITS, _DIRECTORY_BITS = 0o777, 0o1777
_PREFIX = b".parrot_package."


class Packer:
    """Puts names of *source* below *top*.  *trouble* is told of each name that can't be packed.

    Methods raise OSError only when there is no more room.
    """

    def __init__(
        self,
        source: Source,
        top: bytes,
        trouble: Callable[[bytes, OSError], None],
        remark: Callable[[bytes, str], None],
        *,
        archive: bool = False,
    ) -> None:
        self._source = source
        self._top = top
        self._trouble = trouble
        self._remark = remark
        self._archive = archive  # it is to be one: there are no sockets in archives
        self._directories: dict[bytes, Found] = {}
        self._listings: dict[bytes, Found] = {}
        self._done: dict[bytes, bool] = {}
        self._copies: dict[tuple[int, int], bytes] = {}
        self._numbers = itertools.count()

    def prepare(self) -> None:
        """The root, and where the machine's own directories will be."""
        for name in (b"/", *MACHINE):
            self._guarded(name, self._mount_point)

    def _mount_point(self, name: bytes) -> None:
        self._directory(name, self._source.look(name))

    def add(self, name: bytes, *, full: bool) -> None:
        """Pack *name* and the links on the way to it; if *full* with its content, and what it leads to as a link."""
        self._guarded(name, self._add, full)

    def _guarded(self, name: bytes, act: Callable[..., None], *more: object) -> None:
        try:
            act(name, *more)
        except OSError as error:
            if error.errno in _FULL:
                raise
            self._trouble(name, error)

    def _add(self, name: bytes, full: bool) -> None:
        links, end, found = self._source.meet(name, follow=False)
        for link in links:
            self._put(link, self._source.look(link), full=False)
        self._put(end, found, full=full)
        if full and stat.S_ISLNK(found.mode):
            try:
                links, end, found = self._source.meet(name, follow=True)
            except OSError as error:
                if error.errno in _DANGLING:
                    return
                raise
            for link in links:
                self._put(link, self._source.look(link), full=False)
            self._put(end, found, full=True)

    def _put(self, name: bytes, found: Found, *, full: bool) -> None:
        if any(under(name, top) for top in MACHINE):
            if name.startswith(b"/dev/") and full and stat.S_ISREG(found.mode):
                raise OSError(errno.EXDEV, "a file in /dev is not packed: a package has the /dev of the machine")
            return
        self._parents(name)
        if found.is_dir:
            self._directory(name, found)
            if full:
                self._listings[name] = found
        elif not self._done.get(name, False):
            self._make(name, found, full)
            self._done[name] = full or not stat.S_ISREG(found.mode)

    def _parents(self, name: bytes) -> None:
        at = name.find(b"/", 1)
        while at > 0:
            above = name[:at]
            if above not in self._directories:
                self._directory(above, self._source.look(above))
            at = name.find(b"/", at + 1)

    def _path(self, name: bytes) -> bytes:
        return self._top + name if name != b"/" else self._top

    # -- directories

    def _directory(self, name: bytes, found: Found) -> None:
        """Have a directory, writable for the time being; one that is there stays what it is."""
        if name in self._directories:
            return
        if not found.is_dir:
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
        path = self._path(name)
        try:
            os.mkdir(path, 0o700)
        except FileExistsError:
            there = os.lstat(path)
            if not stat.S_ISDIR(there.st_mode):
                raise NotADirectoryError(errno.ENOTDIR, "the package has something else there") from None
            if name != b"/" or not self._fresh():
                kept = (there.st_mode, 0, there.st_mtime_ns, there.st_uid, there.st_gid, 0, None)
                found = Found(*kept)
            os.chmod(path, stat.S_IMODE(there.st_mode) | 0o700)
        self._directories[name] = found

    def _fresh(self) -> bool:
        return not os.listdir(self._top)

    def _list(self, name: bytes, found: Found) -> None:
        """All that a listing of the directory shows, each without its content, unless it is there already."""
        for child, known in self._source.children(name, found):
            self._guarded(child, self._put_child, known)

    def _put_child(self, name: bytes, found: Found | None) -> None:
        try:
            self._put(name, self._source.look(name) if found is None else found, full=False)
        except FileNotFoundError:
            pass  # removed since it was listed, or a directory /cvmfs that is not there

    # -- everything else

    def _make(self, name: bytes, found: Found, full: bool) -> None:
        path, kind = self._path(name), stat.S_IFMT(found.mode)
        if kind == stat.S_IFREG and not full and os.path.lexists(path):
            return  # an earlier list wanted more
        new = os.path.dirname(path) + b"/" + _PREFIX + b"%d.%d" % (os.getpid(), next(self._numbers))
        try:
            if kind == stat.S_IFREG:
                self._file(name, new, found, full)
            elif kind == stat.S_IFLNK:
                os.symlink(found.target or b"", new)
                os.utime(new, ns=(found.mtime_ns, found.mtime_ns), follow_symlinks=False)
            else:
                self._special(new, found)
            os.rename(new, path)
            if os.path.lexists(new):
                os.unlink(new)  # rename between two names of one file does nothing
        except BaseException:
            if os.path.lexists(new):
                os.unlink(new)
            raise

    def _file(self, name: bytes, new: bytes, found: Found, full: bool) -> None:
        if found.mode & _SET_ID:
            self._remark(name, "packed without its set-user-id and set-group-id bits")
        first = self._copies.get(found.identity) if full and found.identity is not None else None
        if first is not None:
            os.link(first, new)
            return
        fd = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            if full:
                copy_content(self._source, found, fd)
            else:
                os.ftruncate(fd, found.size)
        finally:
            os.close(fd)
        _finish(new, found, _FILE_BITS)
        if full and found.identity is not None:
            self._copies[found.identity] = self._path(name)

    def _special(self, new: bytes, found: Found) -> None:
        kind = stat.S_IFMT(found.mode)
        if self._archive and kind != stat.S_IFIFO:
            what = "a socket" if kind == stat.S_IFSOCK else "a device"
            raise OSError(errno.EOPNOTSUPP, f"{what}, which is not packed into archives")
        os.mknod(new, kind | 0o600, found.rdev)
        _finish(new, found, _FILE_BITS)

    def finish(self) -> None:
        """Pack what listings show, then give the directories their modes and times."""
        # Not before: what a listing knows of the repositories in /cvmfs is less than the names themselves tell.
        for name, found in self._listings.items():
            self._guarded(name, self._list, found)
        for name in sorted(self._directories, key=len, reverse=True):
            self._guarded(name, self._finish_directory)

    def _finish_directory(self, name: bytes) -> None:
        _finish(self._path(name), self._directories[name], _DIRECTORY_BITS)


def _finish(path: bytes, found: Found, bits: int) -> None:
    """Owner (who is permitted to give things away), mode and time.

    What this process could read or execute as somebody else it can, now that it owns it.
    """
    mode = found.mode & bits
    if os.geteuid() == 0:
        os.chown(path, found.uid, found.gid, follow_symlinks=False)
    elif found.uid != os.geteuid():
        mode |= (0o400 if found.may(os.R_OK) else 0) | (0o100 if found.may(os.X_OK) else 0)
    os.chmod(path, mode)
    os.utime(path, ns=(found.mtime_ns, found.mtime_ns))

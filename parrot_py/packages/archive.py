"""Packages as tar archives: written from a directory, and unpacked into one of our own, whoever made them."""

from __future__ import annotations

import lzma
import os
import stat
import tarfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from parrot_py import codes
from parrot_py.errors import ConfigError
from parrot_py.packages import shown
from parrot_py.packages.copying import write_sparsely

_COMPRESSIONS = {
    ".tar": "", ".tar.gz": "gz", ".tgz": "gz", ".tar.bz2": "bz2", ".tbz2": "bz2", ".tar.xz": "xz", ".txz": "xz",
}  # fmt: skip
_BLOCK = 1 << 20
_PATH_MAX = 4095  # what the kernel takes, without the byte at its end
_SHOWN = 255  # characters of a name in a message
_LAST_SECOND = 1 << 62
_NAMES = {"encoding": "utf-8", "errors": "surrogateescape"}


def compression(path: Path) -> str | None:
    """How the archive *path* is compressed, by its name; ``None``: a name for a directory."""
    return next((kind for suffix, kind in _COMPRESSIONS.items() if path.name.endswith(suffix)), None)


def write(top: Path, path: Path, kind: str) -> None:
    """Write the directory *top*, which is all ours, as a new archive *path*, in order of the names.  Raises OSError.

    Directories of *top* permit everything to their owner afterwards.
    """
    mode: Any = f"x:{kind}"
    with tarfile.open(path, mode, format=tarfile.PAX_FORMAT, **_NAMES) as tar:  # type: ignore[call-overload]
        for name in _tree(top):
            where = top / name
            member = tar.gettarinfo(str(where), name or ".")
            member.pax_headers = {"mtime": _seconds(os.lstat(where).st_mtime_ns)}
            if member.isreg():
                with _content(where, member.mode) as content:
                    tar.addfile(member, content)
            else:
                tar.addfile(member)
            if member.isdir():
                os.chmod(where, member.mode | 0o700)  # to be listed


def _tree(top: Path) -> Iterator[str]:
    waiting = [""]
    while waiting:
        name = waiting.pop()
        yield name
        where = top / name
        if stat.S_ISDIR(os.lstat(where).st_mode):
            children = sorted(os.listdir(where), key=os.fsencode, reverse=True)
            waiting += [f"{name}/{child}" if name else child for child in children]


def _content(where: Path, mode: int) -> IO[bytes]:
    """The file *where* to read: ours, and perhaps one that permits nothing to its owner."""
    if mode & 0o400:
        return where.open("rb")
    os.chmod(where, mode | 0o400)
    try:
        return where.open("rb")
    finally:
        os.chmod(where, mode)


def _seconds(ns: int) -> str:
    seconds, rest = divmod(ns, 10**9)
    return f"{seconds}.{rest:09d}" if ns >= 0 else str(seconds)


def unpack(path: Path, top: Path) -> None:
    """Unpack the archive *path* into the empty directory *top*.

    Raises ConfigError where it is none, and where it has anything that does not belong below *top*: absolute names,
    ``..``, names that go through a link, two things of one name, devices.  Raises OSError.
    """
    try:
        with tarfile.open(path, "r|*", **_NAMES) as tar:  # type: ignore[call-overload]
            unpacking = _Unpacking(os.fsencode(top))
            for member in tar:
                try:
                    unpacking.member(tar, member)
                except ValueError as error:
                    raise ConfigError(
                        f"{str(path)!r} is refused: {shown(member.name[:_SHOWN])}: {error}", codes.ARCHIVE
                    ) from None
            unpacking.finish()
    except (tarfile.TarError, EOFError, zlib.error, lzma.LZMAError, ValueError) as error:
        # ValueError: tarfile takes what a header says about holes for numbers.
        raise ConfigError(f"{str(path)!r} is no archive, or damaged: {error}", codes.ARCHIVE) from error


class _Unpacking:
    """One unpacking.  Nobody else can reach *top*, so what was made is known, and nothing has to be looked at twice."""

    def __init__(self, top: bytes) -> None:
        self._top = top
        self._made: dict[bytes, bytes] = {b"": tarfile.DIRTYPE}
        self._directories: dict[bytes, tuple[int, int]] = {}

    def member(self, tar: tarfile.TarFile, member: tarfile.TarInfo) -> None:
        """Make one thing.  Raises ValueError for one that is refused."""
        name = self._name(member.name)
        if member.isdir():
            self._directory(name)
            self._directories[name] = (member.mode & 0o1777, _time(member))
            return
        self._parent(name)
        if name in self._made:
            raise ValueError("it is there twice")
        path = self._top + b"/" + name
        if member.isreg():
            self._file(tar, member, path)
        elif member.issym():
            os.symlink(os.fsencode(member.linkname), path)
        elif member.islnk():
            self._hard_link(member, path)
        elif member.isfifo():
            os.mkfifo(path, 0o600)
        else:
            raise ValueError("a device, or nothing that a package has")
        self._made[name] = tarfile.REGTYPE if member.islnk() or member.isreg() else member.type
        if member.islnk():
            return
        if not member.issym():
            os.chmod(path, member.mode & 0o777)
        os.utime(path, ns=(_time(member),) * 2, follow_symlinks=False)

    @staticmethod
    def _name(text: str) -> bytes:
        parts = [part for part in os.fsencode(text).split(b"/") if part != b"."]
        if text.startswith("/"):
            raise ValueError("an absolute name")
        if b".." in parts:
            raise ValueError("a name that leads out of the package")
        name = b"/".join(part for part in parts if part)
        if len(name) > _PATH_MAX:
            raise ValueError("a name that is too long")
        return name

    def _parent(self, name: bytes) -> None:
        if not name:
            raise ValueError("the package itself is no directory")
        self._directory(name.rpartition(b"/")[0])

    def _directory(self, name: bytes) -> None:
        missing = []
        while name not in self._made:
            missing.append(name)
            name = name.rpartition(b"/")[0]
        if self._made[name] != tarfile.DIRTYPE:
            raise ValueError("a name that goes through something else than a directory")
        for each in reversed(missing):
            os.mkdir(self._top + b"/" + each, 0o700)
            self._made[each] = tarfile.DIRTYPE

    @staticmethod
    def _file(tar: tarfile.TarFile, member: tarfile.TarInfo, path: bytes) -> None:
        content = tar.extractfile(member)
        assert content is not None, "regular files have content"
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            at = 0
            while block := content.read(_BLOCK):
                write_sparsely(fd, block, at)
                at += len(block)
            if at != member.size:
                raise tarfile.ReadError("unexpected end of data")
            os.ftruncate(fd, at)
        finally:
            os.close(fd)

    def _hard_link(self, member: tarfile.TarInfo, path: bytes) -> None:
        first = self._name(member.linkname)
        if self._made.get(first) != tarfile.REGTYPE:
            raise ValueError("another name for something that is no file of the package")
        os.link(self._top + b"/" + first, path, follow_symlinks=False)

    def finish(self) -> None:
        """Give the directories their modes and times."""
        for name in sorted(self._directories, key=len, reverse=True):
            mode, time = self._directories[name]
            os.chmod(self._top + b"/" + name, mode)
            os.utime(self._top + b"/" + name, ns=(time, time))


def _time(member: tarfile.TarInfo) -> int:
    """Its time, in nanoseconds: exactly as it was written, where that was done by us.  Raises ValueError."""
    seconds, dot, rest = member.pax_headers.get("mtime", "").partition(".")
    if dot and seconds.isdigit() and rest.isdigit():
        ns = int(seconds) * 10**9 + int(rest[:9].ljust(9, "0"))
    elif -_LAST_SECOND < member.mtime < _LAST_SECOND:  # a header may say nan, too
        ns = int(member.mtime * 10**9)
    else:
        raise ValueError("a time that no file has")
    if ns >= _LAST_SECOND * 10**9:
        raise ValueError("a time that no file has")
    return ns

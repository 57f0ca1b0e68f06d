"""The directory that gets published, seen as catalog entries: what its file system says, in the words of the format."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from io import FileIO

from parrot_py import codes
from parrot_py.drivers.cvmfs.publish.dirtab import NO_PATTERNS, Dirtab
from parrot_py.drivers.cvmfs.publish.objects import PublishError

NESTED_MARKER = b".cvmfscatalog"
_KEPT_XATTR = b"security.capability"


@dataclass(frozen=True)
class SourceEntry:
    """One name: *path* in the repository (``b""`` or ``b"/a/b"``), *source* on disk, *links* in its directory."""

    path: bytes
    source: bytes
    status: os.stat_result
    links: int
    target: bytes = b""
    xattrs: Mapping[bytes, bytes] = field(default_factory=dict)

    @property
    def name(self) -> bytes:
        """The last component; empty for the root."""
        return self.path.rpartition(b"/")[2]

    @property
    def identity(self) -> tuple[int, int]:
        """Equal for names of one inode."""
        return self.status.st_dev, self.status.st_ino


@dataclass(frozen=True)
class SourceDirectory:
    """A directory and what lies in it: the entries that are not directories; whether a nested catalog begins here."""

    entry: SourceEntry
    others: tuple[SourceEntry, ...]
    starts_catalog: bool


def walk(source: bytes, with_xattrs: bool, dirtab: Dirtab = NO_PATTERNS) -> Iterator[SourceDirectory]:
    """Every directory below *source*, parents first, each subtree in one run, names in byte order.

    Nested catalogs begin at directories with a marker, and at those that *dirtab* names.
    Raises PublishError, which names the path, for what cannot be read.
    """
    waiting = [b""]
    while waiting:
        path = waiting.pop()
        directory, below = _directory(source, path, with_xattrs)
        yield replace(directory, starts_catalog=True) if path and dirtab.matches(path) else directory
        waiting += [path + b"/" + name for name in reversed(below)]


def _directory(root: bytes, path: bytes, with_xattrs: bool) -> tuple[SourceDirectory, list[bytes]]:
    place = root + path
    with _naming(place):
        status = os.stat(place) if not path else os.lstat(place)
        found = {name: os.lstat(place + b"/" + name) for name in sorted(os.listdir(place))}
    names = [name for name, one in found.items() if not stat.S_ISDIR(one.st_mode)]
    below = [name for name, one in found.items() if stat.S_ISDIR(one.st_mode)]
    # Hard links are only known within a directory, so links from elsewhere are not counted.
    here = Counter((found[name].st_dev, found[name].st_ino) for name in names)
    others = []
    for name in names:
        one = found[name]
        others.append(
            SourceEntry(
                path=path + b"/" + name,
                source=place + b"/" + name,
                status=one,
                links=here[one.st_dev, one.st_ino],
                target=_target(place + b"/" + name) if stat.S_ISLNK(one.st_mode) else b"",
                xattrs=_xattrs(place + b"/" + name) if with_xattrs else {},
            )
        )
    entry = SourceEntry(path, place, status, 2 + len(below), b"", _xattrs(place) if with_xattrs else {})
    starts_catalog = bool(path) and NESTED_MARKER in names
    return SourceDirectory(entry, tuple(others), starts_catalog), below


def _target(place: bytes) -> bytes:
    with _naming(place):
        return os.readlink(place)


def _xattrs(place: bytes) -> dict[bytes, bytes]:
    """The attributes that are content: ``user.*`` and file capabilities.  The rest is business of the host."""
    try:
        names = [os.fsencode(name) for name in os.listxattr(place, follow_symlinks=False)]
        kept = [name for name in names if name.startswith(b"user.") or name == _KEPT_XATTR]
        return {name: os.getxattr(place, name, follow_symlinks=False) for name in kept}
    except OSError as error:
        if error.errno == errno.ENOTSUP:
            return {}
        raise _unreadable(place, error) from error


class SourceFile:
    """The content of an open file, as a stream; reading raises PublishError, which names the file."""

    def __init__(self, raw: FileIO, place: bytes) -> None:
        self._raw = raw
        self._place = place

    def read(self, size: int = -1, /) -> bytes:
        """The next *size* bytes at most, or all that are left."""
        with _naming(self._place):
            return self._raw.read(size) or b""


@contextlib.contextmanager
def opened(entry: SourceEntry) -> Iterator[SourceFile]:
    """The content of a regular file.  PublishError when it cannot be read, or is another or changed at the end."""
    with _naming(entry.source):
        handle = os.open(entry.source, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with FileIO(handle, "rb") as raw:
        _same(entry, os.fstat(handle))
        yield SourceFile(raw, entry.source)
        _same(entry, os.fstat(handle))


def _same(entry: SourceEntry, now: os.stat_result) -> None:
    then = entry.status
    if (then.st_dev, then.st_ino, then.st_size, then.st_mtime_ns) != (
        now.st_dev,
        now.st_ino,
        now.st_size,
        now.st_mtime_ns,
    ):
        raise PublishError(f"{os.fsdecode(entry.source)} changed while it was read", codes.PUBLISH_SOURCE)


@contextlib.contextmanager
def _naming(place: bytes) -> Iterator[None]:
    """Turns an OSError that has no file name of ours into a PublishError that has one."""
    try:
        yield
    except OSError as error:
        raise _unreadable(place, error) from error


def _unreadable(place: bytes, error: OSError) -> PublishError:
    name = os.fsdecode(error.filename if error.filename is not None else place)
    return PublishError(f"cannot read {name}: {error.strerror}", codes.PUBLISH_SOURCE)

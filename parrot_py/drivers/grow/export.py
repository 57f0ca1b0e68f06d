"""Writing the listing of a directory, so that a web server that shows the directory serves a GROW-FS."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Callable, Iterator
from enum import Enum
from typing import NamedTuple

from parrot_py.drivers.grow.format import CHECKSUM, GROW_EPOCH, LISTING, PATH_MAX, GrowError, Line, parse

_OURS = b".growfs"
_BLOCK = 1 << 20


class Follow(Enum):
    """Which symbolic links are replaced by what they lead to."""

    NONE = "none"
    LEAVING = "leaving"
    """Those that lead out of the directory; of the others, absolute ones are written from the top of the tree on."""
    ALL = "all"


class ExportError(Exception):
    """The directory cannot be exported; the text says which name, and why.  Nothing was replaced."""


class Options(NamedTuple):
    """How to export: with *checksums* of the files, and which links to *follow*.

    *name* hears of each path, *changed* of each file whose content was read.
    """

    checksums: bool = True
    follow: Follow = Follow.LEAVING
    name: Callable[[bytes], None] = lambda _: None
    changed: Callable[[bytes, str], None] = lambda *_: None


class Counts(NamedTuple):
    """What an export came to."""

    files: int
    links: int
    directories: int
    checksums: int


def export(top: bytes, options: Options) -> Counts:
    """Write the listing of *top* and its checksum into *top*; raises ExportError, OSError.

    Checksums of the last listing are used again for files whose size and time did not change.  Both files appear by
    rename, the checksum right after the listing.
    """
    writer = _Writer(top, options, _known(top))
    text = b"".join(writer.directory(top, b"", os.stat(top), ()))
    digest = hashlib.sha1(text, usedforsecurity=False).hexdigest()
    places = [(os.path.join(top, name.encode()), data) for name, data in (
        (LISTING, text), (CHECKSUM, f"{digest}  -\n".encode()),
    )]  # fmt: skip
    for path, data in places:
        with open(path + b"tmp", "wb") as file:
            file.write(data)
    for path, _ in places:
        os.replace(path + b"tmp", path)
    return Counts(*(writer.counts[kind] for kind in ("F", "L", "D", "sum")))


def _known(top: bytes) -> dict[bytes, Line]:
    """What the last listing says about files."""
    try:
        with open(os.path.join(top, LISTING.encode()), "rb") as file:
            return {line.path: line for line in parse(file.read()) if line.digest is not None}
    except (FileNotFoundError, GrowError):
        return {}


class _Writer:
    def __init__(self, top: bytes, options: Options, known: dict[bytes, Line]) -> None:
        self._options, self._known = options, known
        self._top = os.path.realpath(top)
        self.counts = dict.fromkeys(("F", "L", "D", "sum"), 0)

    def directory(self, real: bytes, path: bytes, status: os.stat_result, above: tuple[object, ...]) -> Iterator[bytes]:
        """The lines of the directory *real*, which is *path* in the tree, inside the directories *above*."""
        identity = (status.st_dev, status.st_ino)
        if identity in above:
            raise ExportError(f"{os.fsdecode(real)}: following this link leads into a directory that it is in")
        self.counts["D"] += bool(path)
        yield _line(b"D", os.path.basename(path) or b"root", status)
        with os.scandir(real) as entries:
            names = sorted(entry.name for entry in entries if not entry.name.startswith(_OURS))
        for name in names:
            yield from self._entry(os.path.join(real, name), path + b"/" + name, (*above, identity))
        yield b"E\n"

    def _entry(self, real: bytes, path: bytes, above: tuple[object, ...]) -> Iterator[bytes]:
        if b"\t" in path or b"\n" in path or len(path) >= PATH_MAX:
            raise ExportError(f"{os.fsdecode(real)!r}: the format has no way to write such a name")
        self._options.name(path)
        status = os.lstat(real)
        if stat.S_ISLNK(status.st_mode):
            target = self._target(real)
            if target is not None:
                self.counts["L"] += 1
                yield _line(b"L", os.path.basename(path), status, b"0 " + target, len(target))
                return
            status = os.stat(real)
        if stat.S_ISDIR(status.st_mode):
            yield from self.directory(real, path, status, above)
            return
        self.counts["F"] += 1
        yield _line(b"F", os.path.basename(path), status, self._checksum(real, path, status))

    def _target(self, real: bytes) -> bytes | None:
        """What the link *real* is to say; None for one that is replaced by what it leads to."""
        target = os.readlink(real)
        if b"\n" in target:
            raise ExportError(f"{os.fsdecode(real)!r}: the format has no way to write such a target")
        if self._options.follow is Follow.NONE or not os.path.exists(real):
            return target
        place = os.path.normpath(os.path.join(os.path.realpath(os.path.dirname(real)), target))
        inside = place == self._top or place.startswith(self._top.rstrip(b"/") + b"/")
        if self._options.follow is Follow.ALL or not inside:
            return None
        return place[len(self._top.rstrip(b"/")) :] or b"/" if target.startswith(b"/") else target

    def _checksum(self, real: bytes, path: bytes, status: os.stat_result) -> bytes:
        if not self._options.checksums or not stat.S_ISREG(status.st_mode):
            return b"0"
        known = self._known.get(path)
        if known is not None and (known.size, known.mtime) == (status.st_size, int(status.st_mtime)):
            assert known.digest is not None
            return known.digest.hex().encode()
        hasher = hashlib.sha1(usedforsecurity=False)
        with open(real, "rb") as file:
            for block in iter(lambda: file.read(_BLOCK), b""):
                hasher.update(block)
        self.counts["sum"] += 1
        self._options.changed(path, hasher.hexdigest())
        return hasher.hexdigest().encode()


def _line(kind: bytes, name: bytes, status: os.stat_result, rest: bytes = b"0", size: int | None = None) -> bytes:
    numbers = (status.st_mode, status.st_size if size is None else size, int(status.st_mtime) - GROW_EPOCH)
    return b"%s %s\t%d %d %d %s\n" % (kind, name, *numbers, rest)

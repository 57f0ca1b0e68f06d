"""The text of a ``.growfsdir``: one line for each name, directories closed by a line that begins with ``E``.

    D name<TAB>mode size mtime checksum          ... its children ...     E
    F name<TAB>mode size mtime checksum
    L name<TAB>mode size mtime checksum target

In this, the compact form, numbers are decimal and times count from GROW_EPOCH.  The legacy form has the line of an old
``stat``: mode (octal), a number, size, two numbers, mtime (absolute), a number, checksum and target.  A checksum is the
SHA-1 of the content in hex, or ``0`` where there is none.  Source: section 2.2 of the interface document.
"""

from __future__ import annotations

import re
import stat
from collections.abc import Iterator
from typing import NamedTuple

LISTING, CHECKSUM = ".growfsdir", ".growfschecksum"
GROW_EPOCH = 1199163600
"""Seconds after the epoch of Unix (1 January 2008, Chicago)."""

NAME_MAX, PATH_MAX = 255, 4096
_SIZE_MAX = 1 << 62
_TIME_MAX = 1 << 40
_KINDS = {
    b"D": (stat.S_IFDIR,),
    b"L": (stat.S_IFLNK,),
    b"F": (stat.S_IFREG, stat.S_IFIFO, stat.S_IFSOCK, stat.S_IFCHR, stat.S_IFBLK),  # whatever is neither D nor L
}
_SUM = rb"(0|[0-9a-fA-F]{40})"
_NUMBER = rb"(-?[0-9]{1,20})"
_COMPACT = re.compile(rb"([0-9]{1,9}) " + _NUMBER + rb" " + _NUMBER + rb" " + _SUM + rb"(?: (.*))?", re.DOTALL)
_LEGACY = re.compile(
    rb"([0-7]{1,9}) -?[0-9]+ +" + _NUMBER + rb" -?[0-9]+ -?[0-9]+ " + _NUMBER + rb" -?[0-9]+ " + _SUM + rb"(?: (.*))?",
    re.DOTALL,
)


class GrowError(ValueError):
    """A listing that is not one; the text says which line, and why."""


class Line(NamedTuple):
    """What a listing says about one path (``b""`` for the top).

    ``mode`` is a full st_mode, ``mtime`` in seconds of Unix; ``digest`` is the SHA-1 of the content, None where the
    listing has none.
    """

    path: bytes
    mode: int
    size: int
    mtime: int
    digest: bytes | None = None
    target: bytes | None = None


def parse(text: bytes) -> Iterator[Line]:
    """The lines of a listing, parents before their children.  Raises GrowError at the first thing that is not right."""
    above: list[bytes] = []
    begun = False
    lines = text.split(b"\n")
    if lines.pop() != b"":
        raise GrowError("the last line has no end")
    for number, line in enumerate(lines, 1):
        try:
            if begun and not above:
                raise GrowError("text behind the end of the top directory")
            if line.startswith(b"E"):
                above.pop()  # of an empty list: the check above or below was there first
                continue
            entry = _entry(line, above)
        except IndexError:
            raise GrowError(f"line {number}: the first line is not the top directory") from None
        except GrowError as error:
            raise GrowError(f"line {number}: {error}") from None
        begun = True
        if line.startswith(b"D"):
            above.append(entry.path)
        yield entry
    if above or not begun:
        raise GrowError("the listing ends in the middle")


def _entry(line: bytes, above: list[bytes]) -> Line:
    kind, blank, rest = line[:1], line[1:2], line[2:]
    name, tab, numbers = rest.partition(b"\t")
    if kind not in _KINDS or blank != b" " or not tab:
        raise GrowError("not of the form TYPE NAME<TAB>NUMBERS")
    if not above:
        if kind != b"D":
            raise GrowError("the first line is not the top directory")
        path = b""
    else:
        path = above[-1] + b"/" + _name(name)
    if len(path) >= PATH_MAX:
        raise GrowError("a path longer than any path can be")
    for form in (_legacy, _compact):
        entry = form(numbers, path, _KINDS[kind])
        if entry is not None:
            return _possible(entry)
    raise GrowError("numbers of neither the compact nor the old form, or of another type of file")


def _name(name: bytes) -> bytes:
    if not name or len(name) > NAME_MAX or name in (b".", b"..") or b"/" in name or b"\0" in name:
        raise GrowError(f"an impossible name, {ascii(name[:300])[2:-1]!r}")
    return name


def _legacy(numbers: bytes, path: bytes, types: tuple[int, ...]) -> Line | None:
    """The old form.  Both can fit the line of a link whose target looks like numbers: the type in the mode decides."""
    match = _LEGACY.fullmatch(numbers)
    if match is None or stat.S_IFMT(int(match[1], 8)) not in types:
        return None
    return _line(path, int(match[1], 8), match[2], int(match[3]), match[4], match[5])


def _compact(numbers: bytes, path: bytes, types: tuple[int, ...]) -> Line | None:
    match = _COMPACT.fullmatch(numbers)
    if match is None or stat.S_IFMT(int(match[1])) not in types:
        return None
    return _line(path, int(match[1]), match[2], int(match[3]) + GROW_EPOCH, match[4], match[5])


def _line(path: bytes, mode: int, size: bytes, mtime: int, digest: bytes, target: bytes | None) -> Line:
    known = None if digest == b"0" else bytes.fromhex(digest.decode())
    return Line(path, mode, int(size), mtime, known, target if stat.S_ISLNK(mode) else None)


def _possible(entry: Line) -> Line:
    if not 0 <= entry.size < _SIZE_MAX or not -_TIME_MAX < entry.mtime < _TIME_MAX or entry.mode > 0o177777:
        raise GrowError("a number that is out of range")
    if stat.S_ISLNK(entry.mode):
        if not entry.target or len(entry.target) >= PATH_MAX or b"\0" in entry.target:
            raise GrowError("a link with no possible target")
        target = _from_the_top(entry.path, entry.target)
        return entry._replace(target=target, size=len(target))
    return entry


def _from_the_top(path: bytes, target: bytes) -> bytes:
    """An absolute target means the top of the tree, wherever that is mounted: the same as a relative one."""
    if not target.startswith(b"/"):
        return target
    return b"../" * (path.count(b"/") - 1) + (target.lstrip(b"/") or b".")

"""Whether the rows of one catalog make sense: every one is reached by a path, and says nothing impossible.

This reads the database by itself, with none of the code that writes catalogs or shows them.
"""

from __future__ import annotations

import sqlite3
import stat
from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

from parrot_py.drivers.cvmfs.catalogs.schema import (
    FLAG_BIND_MOUNTPOINT,
    FLAG_CHUNKED,
    FLAG_DIR,
    FLAG_EXTERNAL,
    FLAG_FILE,
    FLAG_LINK,
    FLAG_NESTED_MOUNTPOINT,
    FLAG_NESTED_ROOT,
    FLAG_SPECIAL,
    flags_algorithm,
    flags_compression,
    path_key,
    unpack_xattrs,
)
from parrot_py.drivers.cvmfs.hashes import DIGEST_BYTES, FILE, PARTIAL, ContentHash
from parrot_py.drivers.cvmfs.publish.expected import Expected

_TYPE_BITS = FLAG_DIR | FLAG_FILE | FLAG_LINK | FLAG_SPECIAL
_BOUNDARY = FLAG_NESTED_MOUNTPOINT | FLAG_BIND_MOUNTPOINT
_ODD_NAMES = (b"", b".", b"..")
_COLUMNS = "md5path_1, md5path_2, name, hardlinks, hash, size, mode, mtime, {}, flags, symlink, uid, gid, xattr"


class Line(NamedTuple):
    """A row of the table ``catalog``, and its path."""

    path: bytes
    key: tuple[int, int]
    name: bytes
    hardlinks: int
    digest: bytes | None
    size: int
    mode: int
    mtime: int
    mtimens: int
    flags: int
    symlink: bytes
    uid: int
    gid: int
    xattr: bytes | None
    chunks: tuple[tuple[int, int, bytes], ...] = ()

    @property
    def attributes(self) -> tuple[int, ...]:
        """What the two entries of the top of a nested catalog have in common."""
        return self.mode, self.uid, self.gid, self.mtime, self.mtimens


class CatalogRows:
    """The rows of the open catalog *database* that begins at *prefix*.  :attr:`wrong` gets (path, what) pairs."""

    def __init__(self, database: sqlite3.Connection, prefix: bytes) -> None:
        self._database, self._prefix = database, prefix
        names = {row[1] for row in database.execute("PRAGMA table_info(catalog)").fetchall()}
        self._columns = _COLUMNS.format("ifnull(mtimens, 0)" if b"mtimens" in names else "0")
        self._groups: set[int] = set()
        self.wrong: list[tuple[bytes, str]] = []
        self.own: Counter[str] = Counter()
        self.boundaries: dict[bytes, Line] = {}
        self.top: Line | None = None

    def walk(self) -> Iterator[Line]:
        """Every row that a path leads to, checked; afterwards the attributes are complete."""
        found = self._lines("WHERE md5path_1 = ? AND md5path_2 = ?", path_key(self._prefix), self._prefix, None)
        if not found:
            self.wrong.append((self._prefix, "the catalog has no row for its own top"))
            return
        self.top = found[0]
        if bool(self._prefix) is not bool(self.top.flags & FLAG_NESTED_ROOT):
            self.wrong.append((self._prefix, "the flags of the catalog's top are wrong"))
        waiting, count = [found[0]], 0
        while waiting:
            line = waiting.pop()
            count += 1
            self._check(line)
            yield line
            if line.flags & FLAG_DIR and line.flags & _BOUNDARY and line is not self.top:
                self.boundaries[line.path] = line
            elif line.flags & FLAG_DIR:
                waiting += self._listing(line.path)
        (rows,) = self._database.execute("SELECT count(*) FROM catalog").fetchone()
        if rows != count:
            self.wrong.append((self._prefix, f"{rows - count} rows of the catalog are reached by no path"))

    def expected(self, line: Line) -> Iterator[Expected]:
        """The objects that *line* needs."""
        if not stat.S_ISREG(line.mode) or line.flags & FLAG_EXTERNAL:
            return
        try:
            algorithm, packed = flags_algorithm(line.flags), flags_compression(line.flags) == 0
        except ValueError:
            return
        if line.digest:
            yield Expected(ContentHash(algorithm, line.digest), FILE, line.size, packed, line.path)
        for _, size, digest in line.chunks:
            yield Expected(ContentHash(algorithm, digest), PARTIAL, size, packed, line.path)

    def _listing(self, directory: bytes) -> list[Line]:
        lines = self._lines("WHERE parent_1 = ? AND parent_2 = ?", path_key(directory), directory, directory)
        groups: Counter[int] = Counter(line.hardlinks >> 32 for line in lines if not line.flags & FLAG_DIR)
        for line in lines:
            group, links = line.hardlinks >> 32, line.hardlinks & 0xFFFFFFFF
            if group and not line.flags & FLAG_DIR and links != groups[group]:
                self.wrong.append((line.path, f"has {links} links, and its group has {groups[group]} names"))
        shared = self._groups & {group for group in groups if group}
        if shared:
            self.wrong.append((directory, f"the group {min(shared)} of hard links is in another directory, too"))
        self._groups.update(group for group in groups if group)
        return [line for line in lines if self._placed(line)]

    def _placed(self, line: Line) -> bool:
        """Whether *line* can be looked up by the path where a listing shows it."""
        if line.name in _ODD_NAMES or b"/" in line.name or b"\0" in line.name:
            self.wrong.append((line.path, "is no name that a directory can have"))
            return False
        if path_key(line.path) != line.key:
            self.wrong.append((line.path, "the row has another path's hash"))
            return False
        return True

    def _lines(self, where: str, values: tuple[int, int], path: bytes, directory: bytes | None) -> list[Line]:
        rows = self._database.execute(f"SELECT {self._columns} FROM catalog {where}", values).fetchall()
        lines = []
        for first, second, name, *rest in rows:
            place = path if directory is None else directory + b"/" + (name or b"")
            line = Line(place, (first, second), name or b"", *rest)
            lines.append(line._replace(chunks=self._chunks(line)) if line.flags & FLAG_CHUNKED else line)
        return lines

    def _chunks(self, line: Line) -> tuple[tuple[int, int, bytes], ...]:
        rows = self._database.execute(
            "SELECT offset, size, hash FROM chunks WHERE md5path_1 = ? AND md5path_2 = ? ORDER BY offset", line.key
        )
        return tuple(rows.fetchall())

    def _check(self, line: Line) -> None:
        self._count(line)
        for complaint in _complaints(line):
            self.wrong.append((line.path, complaint))

    def _count(self, line: Line) -> None:
        own = self.own
        own["xattr"] += line.xattr is not None
        own["chunks"] += len(line.chunks)
        if stat.S_ISDIR(line.mode):
            own["dir"] += 1
        elif stat.S_ISLNK(line.mode):
            own["symlink"] += 1
        elif not stat.S_ISREG(line.mode):
            own["special"] += 1
        else:
            own["regular"] += 1
            own["file_size"] += line.size
            if line.flags & FLAG_CHUNKED:
                own["chunked"] += 1
                own["chunked_size"] += line.size
            if line.flags & FLAG_EXTERNAL:
                own["external"] += 1
                own["external_file_size"] += line.size


def _complaints(line: Line) -> Iterator[str]:
    """What is impossible about one row."""
    kinds = {stat.S_IFDIR: FLAG_DIR, stat.S_IFREG: FLAG_FILE, stat.S_IFLNK: FLAG_FILE | FLAG_LINK}
    if line.flags & _TYPE_BITS & ~FLAG_SPECIAL != kinds.get(stat.S_IFMT(line.mode), FLAG_FILE):
        yield f"flags {line.flags:#x} and mode {line.mode:o} are of different types"
    if line.hardlinks & 0xFFFFFFFF == 0:
        yield "has no link"
    if not 0 <= line.mtimens < 10**9:
        yield f"{line.mtimens} nanoseconds are more than a second"
    if line.xattr is not None and not unpack_xattrs(line.xattr):
        yield "the extended attributes are damaged"
    if stat.S_ISLNK(line.mode) and not line.symlink:
        yield "the link has no target"
    if stat.S_ISREG(line.mode):
        yield from _content_complaints(line)
    elif line.digest:
        yield "has content, and is no file"


def _content_complaints(line: Line) -> Iterator[str]:
    try:
        flags_algorithm(line.flags)
    except ValueError:
        yield f"flags {line.flags:#x} name no hash algorithm"
    if flags_compression(line.flags) > 1:
        yield f"flags {line.flags:#x} name no compression"
    if line.digest and len(line.digest) != DIGEST_BYTES:
        yield "the hash of its content has a wrong length"
    if not line.flags & FLAG_CHUNKED:
        if not line.digest:
            yield "the file has no content"
        return
    end = 0
    for offset, size, digest in line.chunks:
        if offset != end or size <= 0 or len(digest) != DIGEST_BYTES:
            yield f"the chunk at {offset} does not follow the one before"
            return
        end += size
    if end != line.size or not line.chunks:
        yield f"its chunks have {end} bytes, the file {line.size}"

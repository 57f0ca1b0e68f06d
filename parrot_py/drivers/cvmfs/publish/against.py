"""Whether a published tree is what a directory says, entry by entry and byte by byte."""

from __future__ import annotations

import os
import sqlite3
import stat
import struct
from collections.abc import Callable, Iterator
from pathlib import Path

from parrot_py.drivers.cvmfs.catalogs.schema import FLAG_EXTERNAL, flags_algorithm, flags_compression, unpack_xattrs
from parrot_py.drivers.cvmfs.hashes import FILE, PARTIAL, ContentHash
from parrot_py.drivers.cvmfs.publish.options import PublishOptions
from parrot_py.drivers.cvmfs.publish.place import Place, Wrong, unpacked
from parrot_py.drivers.cvmfs.publish.rows import Line
from parrot_py.drivers.cvmfs.publish.tree import SourceEntry, SourceFile, opened, walk

_CHUNK = struct.Struct("<qq20s")
_FIELDS = ("name", "hardlinks", "digest", "size", "mode", "mtime", "mtimens", "flags", "symlink", "uid", "gid", "xattr")


class Comparison:
    """Collects the entries of the newest revision with :meth:`note`, then compares them with a directory.

    What *options* changes on the way into a repository (owner, times, attributes) is changed here, too.
    """

    def __init__(self, place: Place, work: Path, options: PublishOptions, complain: Callable[[str], None]) -> None:
        self._place, self._options, self._complain = place, options, complain
        self._database = sqlite3.connect(str(work / "entries"), isolation_level=None)
        self._database.executescript("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; BEGIN;")
        columns = ", ".join(_FIELDS)
        self._database.execute(f"CREATE TABLE entries (path BLOB PRIMARY KEY, {columns}, chunks BLOB, seen INTEGER)")

    def note(self, line: Line) -> None:
        """Note an entry; the top of a nested catalog takes the place of the entry that leads to it."""
        chunks = b"".join(_CHUNK.pack(*chunk) for chunk in line.chunks)
        values = [getattr(line, name) for name in _FIELDS]
        marks = ", ".join("?" * (len(values) + 3))
        self._database.execute(f"INSERT OR REPLACE INTO entries VALUES ({marks})", (line.path, *values, chunks, 0))

    def run(self, source: Path) -> None:
        """Compare with *source*; raises PublishError when that cannot be read."""
        try:
            for directory in walk(os.fsencode(source), self._options.xattrs):
                for entry in (directory.entry, *directory.others):
                    self._compare(entry)
            for (path,) in self._database.execute("SELECT path FROM entries WHERE seen = 0 ORDER BY path"):
                self._complain(f"{_shown(path)}: is not in {source}")
        finally:
            self._database.close()

    def _compare(self, entry: SourceEntry) -> None:
        row = self._database.execute("SELECT * FROM entries WHERE path = ?", (entry.path,)).fetchone()
        if row is None:
            self._complain(f"{_shown(entry.path)}: is not published")
            return
        self._database.execute("UPDATE entries SET seen = 1 WHERE path = ?", (entry.path,))
        path, *values, chunks, _ = row
        line = Line._make([path, (0, 0), *values, tuple(_CHUNK.iter_unpack(chunks))])
        for what, theirs, ours in self._attributes(entry, line):
            if theirs != ours:
                self._complain(f"{_shown(path)}: {what} is published as {ours!r}, and is {theirs!r}")
        if stat.S_ISREG(entry.status.st_mode) and stat.S_ISREG(line.mode):
            self._compare_content(entry, line)

    def _attributes(self, entry: SourceEntry, line: Line) -> Iterator[tuple[str, object, object]]:
        status, options = entry.status, self._options
        mtime = status.st_mtime_ns if options.fixed_mtime is None else options.fixed_mtime * 10**9
        yield "its type and mode", f"{status.st_mode:o}", f"{line.mode:o}"
        yield "its owner", options.owner or (status.st_uid, status.st_gid), (line.uid, line.gid)
        yield "its modification time", mtime, line.mtime * 10**9 + line.mtimens
        yield "its extended attributes", dict(entry.xattrs), unpack_xattrs(line.xattr)
        if stat.S_ISLNK(status.st_mode):
            yield "its target", entry.target, line.symlink
        if stat.S_ISREG(status.st_mode):
            yield "its size", status.st_size, line.size
        if stat.S_ISBLK(status.st_mode) or stat.S_ISCHR(status.st_mode):
            yield "its device number", status.st_rdev, line.size
        if not stat.S_ISDIR(status.st_mode):
            yield "its number of links", entry.links, line.hardlinks & 0xFFFFFFFF

    def _compare_content(self, entry: SourceEntry, line: Line) -> None:
        try:
            with opened(entry) as stream:
                same = self._same(stream, line)
        except Wrong as error:
            self._complain(f"{_shown(entry.path)}: {error}")
            return
        if not same:
            self._complain(f"{_shown(entry.path)}: the published content is another")

    def _same(self, stream: SourceFile, line: Line) -> bool:
        """Whether *stream* is the content of *line*: object by object, external ones by their hash."""
        algorithm, packed = flags_algorithm(line.flags), flags_compression(line.flags) == 0
        pieces = [(size, digest, PARTIAL) for _, size, digest in line.chunks]
        for size, digest, letter in pieces or [(line.size, line.digest or b"", FILE)]:
            name = ContentHash(algorithm, digest)
            if line.flags & FLAG_EXTERNAL:
                if algorithm.hash(_exactly(stream, size)) != name:
                    return False
                continue
            for block in unpacked(self._place, name, letter, packed):
                if _exactly(stream, len(block)) != block:
                    return False
        return not stream.read(1)


def _exactly(stream: SourceFile, size: int) -> bytes:
    """The next *size* bytes, fewer at the end."""
    data = b""
    while len(data) < size and (more := stream.read(size - len(data))):
        data += more
    return data


def _shown(path: bytes) -> str:
    return os.fsdecode(path) or "/"

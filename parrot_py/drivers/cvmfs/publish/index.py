"""What the last publication knew about the files of its source: so that only what changed is read again.

A file is taken to be as it was when device, inode, size, modification and *change* time are.  The kernel sets the
change time at every write and nobody can set it back, so content that changed under the same size and modification
time is noticed.  A file that changed less than two seconds before a publication began is not remembered: the clock of
its file system may be that coarse, or that wrong, and a second change could have the same time.

The index is a small database beside the keys.  It is only ever a shortcut: without it, or with one that is damaged or
was made with other settings, everything is read.
"""

from __future__ import annotations

import logging
import os
import sqlite3
import struct
from pathlib import Path

from parrot_py import codes
from parrot_py.drivers.cvmfs.publish.objects import Chunk, StoredContent, write_atomically

log = logging.getLogger("parrot_py.cvmfs")

_COARSE_NS = 2 * 10**9
_TABLES = """
CREATE TABLE recipe (text TEXT);
CREATE TABLE files (dev INTEGER, ino INTEGER, size INTEGER, mtime INTEGER, ctime INTEGER, digest BLOB, flags INTEGER,
  chunks BLOB, PRIMARY KEY (dev, ino)) WITHOUT ROWID;
"""
_CHUNK = struct.Struct("<qq20s")


class FileIndex:
    """The index in *file*, and the next one in the making below *work*.  Not thread-safe.

    *recipe* names whatever else decides how content is stored; *began* is when this publication began, ns.
    """

    def __init__(self, file: Path, work: Path, recipe: str, began: int) -> None:
        self._file, self._began = file, began
        self._scratch = work / "index"
        self._next = sqlite3.connect(self._scratch, isolation_level=None)
        self._next.executescript(f"PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; BEGIN; {_TABLES}")
        self._next.execute("INSERT INTO recipe VALUES (?)", (recipe,))
        self._former = _opened(file, recipe)

    def find(self, status: os.stat_result) -> StoredContent | None:
        """The content of the file with this *status*, None when that is not known for sure."""
        if self._former is None:
            return None
        row = self._former.execute(
            "SELECT digest, size, flags, chunks FROM files "
            "WHERE dev = ? AND ino = ? AND size = ? AND mtime = ? AND ctime = ?",
            (_signed(status.st_dev), _signed(status.st_ino), status.st_size, status.st_mtime_ns, status.st_ctime_ns),
        ).fetchone()
        if row is None:
            return None
        digest, size, flags, chunks = row
        return StoredContent(digest, size, flags, tuple(Chunk(*one) for one in _CHUNK.iter_unpack(chunks)))

    def remember(self, status: os.stat_result, content: StoredContent) -> None:
        """Note that the file with *status*, taken before it was read, has *content*."""
        if status.st_ctime_ns + _COARSE_NS > self._began:
            return
        chunks = b"".join(_CHUNK.pack(chunk.offset, chunk.size, chunk.digest) for chunk in content.chunks)
        key = (_signed(status.st_dev), _signed(status.st_ino), status.st_size, status.st_mtime_ns, status.st_ctime_ns)
        self._next.execute(
            "INSERT OR REPLACE INTO files VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (*key, content.digest, content.flags, chunks),
        )

    def save(self) -> None:
        """Make the next index the one in place; where that cannot be written, the next publication reads more."""
        self._next.execute("COMMIT")
        self._next.close()
        try:
            write_atomically(self._file, self._scratch.read_bytes(), 0o600)
        except OSError as error:
            log.warning(
                "%s cannot be written (%s): the next publication reads every file",
                self._file,
                error.strerror,
                extra=codes.PUBLISH_OUTPUT.extra,
            )

    def close(self) -> None:
        """Let go of both databases."""
        self._next.close()
        if self._former is not None:
            self._former.close()


def _signed(number: int) -> int:
    """*number* as SQLite has integers: 64 bits with a sign."""
    return number - (1 << 64) if number >= 1 << 63 else number


def _opened(file: Path, recipe: str) -> sqlite3.Connection | None:
    if not os.path.exists(file):
        return None
    database = sqlite3.connect(f"{file.absolute().as_uri()}?immutable=1", uri=True)
    try:
        if database.execute("SELECT text FROM recipe").fetchall() == [(recipe,)]:
            database.execute("SELECT dev, ino, size, mtime, ctime, digest, flags, chunks FROM files LIMIT 1")
            return database
    except sqlite3.Error as error:
        log.warning("%s is damaged (%s): every file is read", file, error, extra=codes.PUBLISH_DAMAGED.extra)
    database.close()
    return None

"""What is appended to the head: an index, then the files in compressed blocks, then a trailer that says where they are.

    file     head | beginning | text | index | blocks | trailer
    index    for each thing: size, mode, length of its path, flags; its path; a zero
    blocks   of each file and link in the order of the index, 1 MiB of it at a time: size, packed size, CRC-32; raw
             deflate, or the bytes themselves where that is no shorter
    trailer  a mark, where the beginning is, bytes from there to the trailer, the first half of their SHA-256

The reader is head/self.c and head/unpack.c.  The same content makes the same file: there are no times and no owners.
"""

from __future__ import annotations

import hashlib
import os
import stat
import struct
import tempfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from helpers.say import SetupError

MARK = b"parrot_py single"
BLOCK = 1 << 20
CHECKED = 1
_BEGINNING = struct.Struct("<IIII")
_RECORD = struct.Struct("<QIHH")
_BLOCK = struct.Struct("<III")
_TRAILER = struct.Struct("<16sQQ32s")


@dataclass(frozen=True)
class Thing:
    """A file (a path to read or its bytes), a link (its text), or a directory (None)."""

    source: Path | bytes | None
    mode: int
    checked: bool

    @property
    def size(self) -> int:
        """The length of the content."""
        if isinstance(self.source, Path):
            return self.source.stat().st_size
        return len(self.source or b"")


@dataclass
class Payload:
    """What the tree will have; a path is relative to its top.  *text* is what the head is told (head.h)."""

    text: str = ""
    things: dict[str, Thing] = field(default_factory=dict)

    def file(self, path: str, source: Path | bytes, mode: int = 0o644, *, checked: bool = True) -> None:
        """Add a file; the directories above it are added, too.  The first one of a name stays."""
        self._add(path, Thing(source, stat.S_IFREG | mode, checked))

    def link(self, path: str, target: str) -> None:
        """Add a symbolic link."""
        self._add(path, Thing(os.fsencode(target), stat.S_IFLNK | 0o777, checked=True))

    def directory(self, path: str) -> None:
        """Add a directory, and those above it."""
        parts = path.split("/")
        for number in range(1, len(parts) + 1):
            self.things.setdefault("/".join(parts[:number]), Thing(None, stat.S_IFDIR | 0o755, True))

    def tree(self, path: str, source: Path) -> None:
        """Add all that is in the directory *source*, links as they are."""
        self.directory(path)
        for here, directories, files in os.walk(source):
            below = path + "".join(f"/{part}" for part in Path(here).relative_to(source).parts)
            for name in sorted([*directories, *files]):
                each = Path(here, name)
                status = each.lstat()
                if stat.S_ISLNK(status.st_mode):
                    self.link(f"{below}/{name}", os.readlink(each))
                elif stat.S_ISDIR(status.st_mode):
                    self.directory(f"{below}/{name}")
                elif stat.S_ISREG(status.st_mode):
                    self.file(f"{below}/{name}", each, (status.st_mode & 0o755) | 0o444)

    def _add(self, path: str, thing: Thing) -> None:
        if "/" in path:
            self.directory(path.rpartition("/")[0])
        self.things.setdefault(path, thing)

    def write(self, head: bytes, out: Path) -> str:
        """Write the whole file, executable, in the place of what was at *out*; the name of the payload.

        Raises SetupError for a file that changes meanwhile.
        """
        # A directory comes before what is in it, and the order does not depend on how things were found.
        ordered = sorted(self.things.items(), key=lambda item: item[0].split("/"))
        index = b"".join(_record(path, thing) for path, thing in ordered)
        text = self.text.encode()
        begin = _BEGINNING.pack(len(text), len(index), len(ordered), zlib.crc32(text + index))
        digest = hashlib.sha256()
        with tempfile.NamedTemporaryFile(dir=out.parent, prefix=f".{out.name}.", delete=False) as file:
            try:
                file.write(head)
                for data in self._parts(begin + text + index, ordered):
                    digest.update(data)
                    file.write(data)
                name = digest.hexdigest()[:32]
                size = file.tell() - len(head)
                file.write(_TRAILER.pack(MARK, len(head), size, name.encode()))
                os.fchmod(file.fileno(), 0o755)
                os.replace(file.name, out)
            except BaseException:
                os.unlink(file.name)
                raise
        return name

    @staticmethod
    def _parts(begin: bytes, ordered: list[tuple[str, Thing]]) -> Iterator[bytes]:
        yield begin
        for path, thing in ordered:
            if isinstance(thing.source, Path):
                with thing.source.open("rb") as source:
                    yield from _blocks(path, source, thing.size)
            elif thing.source:
                for at in range(0, len(thing.source), BLOCK):
                    yield _packed(thing.source[at : at + BLOCK])


def _record(path: str, thing: Thing) -> bytes:
    name = os.fsencode(path)
    return _RECORD.pack(thing.size, thing.mode, len(name), CHECKED if thing.checked else 0) + name + b"\0"


def _blocks(path: str, source: IO[bytes], size: int) -> Iterator[bytes]:
    left = size
    while left:
        data = source.read(min(left, BLOCK))
        if len(data) != min(left, BLOCK):
            raise SetupError(f"{path} became shorter while it was read")
        left -= len(data)
        yield _packed(data)


def _packed(data: bytes) -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    packed = packer.compress(data) + packer.flush()
    shorter = packed if len(packed) < len(data) else data
    return _BLOCK.pack(len(data), len(shorter), zlib.crc32(data)) + shorter

"""The loader (ELF interpreter) of a program, and copies of programs that name another one.

The kernel opens the interpreter of a program by itself, where no tracer can help.  So a program whose PT_INTERP lies in
a repository is started from a copy in which only the PT_INTERP *program header* differs: it points to a string,
appended to the file, that names the loader's local object.  The string in memory stays as it was, and with it all that
the loader and the program see.
"""

from __future__ import annotations

import errno
import functools
import os
import struct
import sys
from typing import NamedTuple

from parrot_py.derived import kept
from parrot_py.drivers.base import may_block
from parrot_py.places import fail

# Elf32_Phdr: p_type, p_offset, p_vaddr, p_paddr, p_filesz, p_memsz, p_flags, p_align
# Elf64_Phdr: p_type, p_flags, p_offset, p_vaddr, p_paddr, p_filesz, p_memsz, p_align
_HEAD = struct.Struct("<4sBB12xH")  # magic, class, byte order, machine
_PHDR = {32: struct.Struct("<IIIIIIII"), 64: struct.Struct("<IIQQQQQQ")}


def interpreter(path: str) -> bytes | None:
    """The interpreter that the ELF file *path* asks for; ``None`` for static programs, big-endian and broken files.

    Broken files are the kernel's to refuse, with its own errno.  May block, once, for the parser to be imported.
    """
    if "elftools" not in sys.modules:
        may_block()
    found = _find(path)
    return found.name if found else None


def are_alike(program: str, loader: bytes) -> bool:
    """Whether both are ELF files for the same kind of machine, so that *loader* could load *program*."""
    with open(program, "rb") as one, open(loader, "rb") as other:
        heads = [file.read(_HEAD.size) for file in (one, other)]
    if any(len(head) < _HEAD.size for head in heads):
        return False
    kinds = [_HEAD.unpack(head) for head in heads]
    return kinds[0] == kinds[1] and kinds[0][0] == b"\x7fELF"


class _Interpreter(NamedTuple):
    header: int  # file offset of the PT_INTERP program header
    bits: int  # 32 or 64: what kind of header that is
    name: bytes


def _find(path: str) -> _Interpreter | None:
    status = os.stat(path)
    return _parse(path, status.st_ino, status.st_size, status.st_mtime_ns)


@functools.lru_cache(maxsize=1024)
def _parse(path: str, *_identity: int) -> _Interpreter | None:
    """What was found, remembered: a job starts the same few programs over and over."""
    from elftools.common.exceptions import ELFError
    from elftools.elf.elffile import ELFFile

    with open(path, "rb") as file:
        try:
            elf = ELFFile(file)
            if not elf.little_endian:
                return None
            for i in range(elf.num_segments()):
                header = elf.get_segment(i).header
                if header["p_type"] == "PT_INTERP":
                    file.seek(header["p_offset"])
                    text = file.read(min(header["p_filesz"], 4096)).split(b"\0", 1)[0]
                    return _Interpreter(elf["e_phoff"] + i * elf["e_phentsize"], elf.elfclass, text)
        except (ELFError, KeyError, ValueError, OverflowError):
            return None
        except OSError as error:
            if error.errno != errno.EINVAL:  # a header that lies beyond the end of all files
                raise
    return None


def with_interpreter(path: str, loader: bytes, directory: str) -> str:
    """A copy of the program *path* that is loaded by *loader*; kept in *directory* for the next time.

    May block, for the copying.  Raises ENOEXEC when *path* has no PT_INTERP.
    """

    def change(copy: str) -> None:
        found = _find(path)
        if found is None:
            fail(errno.ENOEXEC)
        _point(copy, found, loader + b"\0")

    return kept(path, loader, directory, change)


def _point(path: str, found: _Interpreter, text: bytes) -> None:
    header = _PHDR[found.bits]
    offset, sizes = (2, (5, 6)) if found.bits == 64 else (1, (4, 5))
    with open(path, "r+b") as file:
        end = file.seek(0, os.SEEK_END)
        file.write(text)
        file.seek(found.header)
        fields = list(header.unpack(file.read(header.size)))
        fields[offset] = end
        for size in sizes:
            fields[size] = len(text)
        file.seek(found.header)
        file.write(header.pack(*fields))

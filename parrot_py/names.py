"""The list of ``-n``: each name that a job touches, and how much of it a package needs (docs/packages.md).

Every call with a path is shown to Python then (Engine.record), and walked once more: what counts is what the names
mean at that moment.  Links on the way are names, too, and so are the interpreters that the kernel opens unseen.
"""

from __future__ import annotations

import glob
import logging
import os
import re
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Callable, NamedTuple

from parrot_py import codes, elf
from parrot_py.engine.core import Engine
from parrot_py.engine.kinds import Kind
from parrot_py.errors import ConfigError
from parrot_py.mounts import under
from parrot_py.namelist import Wanted, to_bytes
from parrot_py.places import Native, Target
from parrot_py.syscalls.arguments import resolve_place
from parrot_py.syscalls.bypath import openat2_place
from parrot_py.syscalls.call import OPEN_FLAGS, Call, Place
from parrot_py.syscalls.early import O_TMPFILE_BIT
from parrot_py.syscalls.exec import HEAD, MAX_SCRIPTS, resolve_interpreter, script_line
from parrot_py.syscalls.open import O_PATH, read_how
from parrot_py.syscalls.table import Row
from parrot_py.walk import Walker

SHELL = b"/bin/sh"
LOADERS = b"/lib*/ld-linux*"
"""As the original: a package is of use with a shell, which somebody has to load."""

_CONTENT = (
    "creat", "execve", "execveat", "link", "linkat", "rename", "renameat", "renameat2", "truncate", "truncate64",
)  # fmt: skip
"""Calls, beside those that open, for which the content of a file matters, or which make a name of it."""
_OF_PROCESS = re.compile(rb"/proc/\d")
_LISTED = re.compile(rb"(/[^\n]*) \(0x[0-9a-f]+\)$", re.MULTILINE)

log = logging.getLogger("parrot_py.process")


class _Touched(NamedTuple):
    full: bool
    existed: bool  # when the job came by the name first
    place: bytes | None  # of the host, if it is there


class Names:
    """What one job has touched so far.  Raises ConfigError where the file *path* is there already, or can't be made."""

    def __init__(self, path: Path, walker: Walker) -> None:
        self._path = path
        self._walker = walker
        self._touched: dict[bytes, _Touched] = {}
        try:
            with open(path, "xb"):
                pass
        except OSError as error:
            raise ConfigError(f"-n: cannot make {str(path)!r}: {error.strerror}", codes.OUTPUT_FILE) from error

    def begin(self) -> None:
        """What no call of the job tells: where it starts, a shell, and the loaders of the host."""
        with suppress(OSError):
            self._meet(partial(self._walker.resolve, os.getpid(), os.getcwdb(), b".", True), full=False)
        for name in (SHELL, *glob.glob(LOADERS)):
            self._meet_name(name)

    def _meet_name(self, name: bytes) -> Place | None:
        """Remember an absolute *name* with its content; ``None`` where it leads nowhere."""
        with suppress(OSError):
            return self._meet(partial(self._walker.resolve, os.getpid(), b"", name, True), full=True)
        return None

    def note(self, call: Call, row: Row) -> None:
        """Remember the names in *call*.  Raises Park where a driver would have to wait."""
        for i in range(len(row.path)):
            if call.stop.path[i] is None or (not call.stop.path[i] and row.kind is not Kind.EXEC):
                continue
            with suppress(OSError):  # the call fails as well, or has no such name
                full = row.kind is Kind.EXEC or _content(call, row)
                end = self._meet(partial(_place, call, row, i), full=full)
                if row.kind is Kind.EXEC:
                    self._note_interpreters(call, end)

    def _note_interpreters(self, call: Call, place: Place) -> None:
        """What the kernel opens by itself to start the program at *place*."""
        for _ in range(MAX_SCRIPTS + 1):
            file = self._file(call, place)
            if file is None:
                return
            with open(file, "rb") as program:
                head = program.read(HEAD)
            asked = script_line(head)[0] if head.startswith(b"#!") else self._loader(call, file)
            if not asked:
                return
            place = self._meet(partial(resolve_interpreter, call, asked), full=True)

    def _file(self, call: Call, place: Place) -> str | None:
        """A file to read the program at *place* from; ``None`` for what is none."""
        if isinstance(place, Native):
            return os.fsdecode(place.path) if os.path.isfile(place.path) else None
        if not place.found().is_regular:
            return None
        return call.materialise(call.node(place))

    def _loader(self, call: Call, file: str) -> bytes | None:
        """The loader of a program: its own, or that of -l, which may not fit."""
        found: bytes | None = self._walker.namespace.ask(elf.interpreter, file)
        if found is not None and call.context.loader is not None:
            self._meet(partial(resolve_interpreter, call, call.context.loader), full=True)
        return found

    def _meet(self, walk: Callable[[], Place], *, full: bool) -> Place:
        """Remember where *walk* ends and each link that it goes by, also when it fails."""
        links: list[tuple[bytes, bytes]] = []
        self._walker.links = links
        try:
            end = walk()
        finally:
            self._walker.links = None
            for name, place in links:
                self._add(name, place if os.path.lexists(place) else None, full=False)
        self._arrive(end, full=full)
        return end

    def _arrive(self, end: Place, *, full: bool) -> None:
        if isinstance(end, Target):
            name = end.name or end.path
            if end.inode is None:
                name, full = os.path.dirname(name), False  # a read-only tree: it stays missing
            self._add(name, None, full=full)
            return
        if end.name is None and self._walker.namespace.mounts:
            return  # the job can't name it: something is mounted over it
        self._add_native(end.path.rstrip(b"/") or b"/", (end.path if end.name is None else end.name) or b"/", full=full)

    def _add_native(self, path: bytes, name: bytes, *, full: bool) -> None:
        """A name of the host; of one that is missing (so far) the directory that is there, too."""
        name = name.rstrip(b"/") or b"/"
        if under(path, self._walker.fdtable.directory):
            return  # ours, and no name that a job knows of
        if b".." in name.split(b"/") or name.endswith(b"/.") or not path.startswith(b"/"):
            return  # no name of anything: a pipe, or a part of it is missing
        self._add(name, path, full=full)
        while path != b"/" and not os.path.lexists(path):
            path, last = os.path.split(path)
            if name.endswith(b"/" + last):
                name = name[: -len(last) - 1] or b"/"
            if os.path.lexists(path):
                self._add(name, path, full=False)

    def _add(self, name: bytes, place: bytes | None, *, full: bool) -> None:
        """*place* is where the host has it, if it does."""
        known = self._touched.get(name)
        if known is None:
            self._touched[name] = _Touched(full, place is None or os.path.lexists(place), place)
        elif full and not known.full:
            self._touched[name] = known._replace(full=True)

    def write(self) -> None:
        """Write the list.  Trouble is a line in the log: the job has ended already, and its status is what counts."""
        shell = self._meet_name(SHELL)
        for name in _needed_by(shell.path) if isinstance(shell, Native) and os.path.exists(shell.path) else ():
            self._meet_name(name)
        try:
            self._path.write_bytes(to_bytes(self._wanted()))
        except OSError as error:
            log.error("cannot write %s: %s", self._path, error.strerror, extra=codes.OUTPUT_FILE.extra)

    def _wanted(self) -> Iterator[Wanted]:
        """The names that something is to be told about, in order."""
        for name, (full, existed, place) in sorted(self._touched.items()):
            gone = place is not None and not os.path.lexists(place)
            # What never was, and what the job made and removed, is nothing to be missed.
            if not (gone and (not existed or _OF_PROCESS.match(name))):
                yield Wanted(name, full)


def _place(call: Call, row: Row, i: int) -> Place:
    return openat2_place(call, row)[0] if row.name == "openat2" else resolve_place(call, row, i)


def _content(call: Call, row: Row) -> bool:
    """Whether the call reads, writes or names the content of a file, or the names in a directory."""
    position = OPEN_FLAGS.get(row.name)
    if position is not None or row.name == "openat2":
        flags = read_how(call)[0] if position is None else call.flags(position)
        return not flags & (O_PATH | O_TMPFILE_BIT)  # of a file without a name, which lies in the directory
    return row.name in _CONTENT


def _needed_by(program: bytes) -> list[bytes]:
    """The libraries that the host's *program* is loaded with; its loader tells.  None where that cannot be asked."""
    try:
        loader = elf.interpreter(os.fsdecode(program))
        if loader is None:
            return []
        asked = [loader, b"--list", program]
        told = subprocess.run(asked, check=True, capture_output=True, env={"LC_ALL": "C"}, timeout=60)
    except (OSError, subprocess.SubprocessError) as error:
        about = "-n: cannot tell which libraries %s needs: %s"
        log.warning(about, os.fsdecode(program), error, extra=codes.NOT_PACKED.extra)
        return []
    return [b"/etc/ld.so.cache", *_LISTED.findall(told.stdout)]


def record(path: Path, engine: Engine, walker: Walker) -> Names:
    """Begin the list *path*, before the job starts.  Raises ConfigError."""
    names = Names(path, walker)
    names.begin()
    engine.record()
    return names

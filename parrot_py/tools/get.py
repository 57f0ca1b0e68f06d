"""``parrot_cvmfs get``."""

from __future__ import annotations

import argparse
import os
import stat
import threading
from typing import Any

from parrot_py import codes
from parrot_py.drivers.base import Inode
from parrot_py.drivers.cvmfs.repository import Repository
from parrot_py.errors import ConfigError, ParrotError, code_of
from parrot_py.tools import facts, output, status
from parrot_py.tools.context import Context
from parrot_py.tools.copying import Copier
from parrot_py.tools.output import Meter
from parrot_py.tools.pool import PARALLEL, Pool
from parrot_py.tools.status import LocalTrouble
from parrot_py.tools.walking import walk

_EPILOG = """\
A directory's contents go into DEST, which is made; a file becomes DEST, or goes into it if that is a directory.
Modes (without set-id bits), times, symbolic and hard links are kept; owners are not.  What is there with the same kind,
size, time and mode is not copied again: after an interruption, repeat the command.  Each file gets its name when it is
complete.  Bind mountpoints become empty directories; devices are left out.
"""


def add(parser: argparse.ArgumentParser) -> None:
    """The arguments."""
    parser.epilog = _EPILOG
    parser.add_argument("source", metavar="REPO[/PATH]", help="what to copy; a link at its end is followed")
    parser.add_argument("destination", metavar="DEST", help="where the copy goes")
    parser.add_argument("-R", "--recursive", action="store_true", help="copy a directory and what is below")
    parser.add_argument("-f", "--force", action="store_true", help="copy even what seems to be there already")
    parser.add_argument("-j", "--jobs", type=_jobs, default=PARALLEL, metavar="N", help="at a time (1-16, %(default)s)")


def _jobs(text: str) -> int:
    if not (text.isdigit() and 1 <= int(text) <= PARALLEL):
        raise argparse.ArgumentTypeError(f"not a number from 1 to {PARALLEL}: {text!r}")
    return int(text)


def run(arguments: argparse.Namespace, context: Context) -> int:
    """Copy.  JSON: lines, an object for each thing, and ``summary`` at the end."""
    repository, path = context.locate(arguments.source)
    source = repository.stat(path)
    if source.is_dir and not arguments.recursive:
        raise ConfigError(f"{arguments.source} is a directory: add -R to copy it", codes.USAGE)
    target = os.fsencode(arguments.destination)
    if not source.is_dir and os.path.isdir(target):
        name = repository.lstat(path).path.rpartition(b"/")[2]
        target = os.path.join(target, name)
    elif not source.is_dir and target.endswith(b"/"):
        raise LocalTrouble(f"{arguments.destination}: no such directory", codes.LOCAL_FILE)
    with context.output.meter("copying") as meter:
        errand = _Errand(repository, context.output, meter, force=arguments.force)
        try:
            errand.copy(source, target.rstrip(b"/") or b"/", arguments.jobs)
        except BaseException:
            errand.copier.stop()
            raise
    return errand.report()


class _Errand:
    """One tree on its way."""

    def __init__(self, repository: Repository, out: output.Output, meter: Meter, *, force: bool) -> None:
        self._repository, self._output, self._meter, self._force = repository, out, meter, force
        self.copier = Copier(repository)
        self._lock = threading.Lock()
        self._counts = {"copied": 0, "kept": 0, "failed": 0, "skipped": 0, "bytes": 0}
        self._worst = status.OK

    def copy(self, source: Inode, target: bytes, jobs: int) -> None:
        """Copy everything at and below *source*."""
        directories: list[tuple[Inode, bytes]] = []
        first: dict[int, bytes] = {}
        links: list[tuple[Inode, bytes]] = []
        with Pool(jobs) as pool:
            for inode in walk(self._repository, source):
                destination = target + inode.path[len(source.path) :]
                if inode.is_dir:
                    self.copier.directory(destination)
                    directories.append((inode, destination))
                elif inode.is_regular and inode.nlink > 1 and inode.ino in first:
                    links.append((inode, destination))
                else:
                    if inode.nlink > 1:
                        first[inode.ino] = destination
                    self._meter.expect(1, inode.size if inode.is_regular else 0)
                    pool.add(self._one, inode, destination)
        for inode, destination in links:
            self._again(inode, first[inode.ino], destination)
        for inode, destination in reversed(directories):
            self.copier.finish_directory(inode, destination)

    def _one(self, inode: Inode, destination: bytes) -> None:
        try:
            done = self._make(inode, destination)
        except (OSError, ParrotError) as error:
            self._failed(inode, destination, error)
        else:
            self._note(done, inode, destination)
        self._meter.done(1, inode.size if inode.is_regular else 0)

    def _make(self, inode: Inode, destination: bytes) -> str:
        if not self._force and self.copier.kept(inode, destination):
            return "kept"
        if inode.is_regular:
            self.copier.file(inode, destination)
        elif inode.is_link:
            self.copier.link(inode, destination)
        elif stat.S_ISFIFO(inode.mode):
            self.copier.fifo(inode, destination)
        else:
            return "skipped"
        return "copied"

    def _again(self, inode: Inode, first: bytes, destination: bytes) -> None:
        try:
            new = self.copier.hard_link(first, destination)
        except (OSError, ParrotError) as error:
            self._failed(inode, destination, error)
        else:
            self._note("copied" if new else "kept", inode, destination, size=0)

    def _note(self, done: str, inode: Inode, destination: bytes, **more: Any) -> None:
        with self._lock:
            self._counts[done] += 1
            if done == "copied" and inode.is_regular:
                self._counts["bytes"] += more.get("size", inode.size)
            if self._output.json:
                self._output.record(_record(done, inode, destination))

    def _failed(self, inode: Inode, destination: bytes, error: ParrotError | OSError) -> None:
        with self._lock:
            self._counts["failed"] += 1
            self._worst = self._worst or status.of(error)
            if self._output.json:
                self._output.record({**_record("failed", inode, destination), "message": status.line(error)})
            self._output.complain(f"{os.fsdecode(inode.path)}: {status.line(error)}", code_of(error))

    def report(self) -> int:
        """Say what was done; the exit status."""
        counts = self._counts
        if self._output.json:
            self._output.record({"summary": {**counts, "status": self._worst}})
        else:
            text = f"{counts['copied']} copied ({output.size(counts['bytes'])}), {counts['kept']} there already"
            text += "".join(f", {counts[name]} {name}" for name in ("failed", "skipped") if counts[name])
            self._output.note(text)
        return self._worst


def _record(done: str, inode: Inode, destination: bytes) -> dict[str, Any]:
    path = os.fsdecode(inode.path) or "/"
    return {"path": path, "destination": os.fsdecode(destination), "type": facts.kind(inode), "result": done}

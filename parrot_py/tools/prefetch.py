"""``parrot_cvmfs prefetch``."""

from __future__ import annotations

import argparse
import os
import sys
import threading
from collections.abc import Iterator

from parrot_py import codes
from parrot_py.drivers.base import Inode
from parrot_py.drivers.cvmfs.repository import Repository
from parrot_py.errors import ConfigError, ParrotError, code_of
from parrot_py.tools import output, status
from parrot_py.tools.context import Context
from parrot_py.tools.output import Meter
from parrot_py.tools.pool import Pool
from parrot_py.tools.status import LocalTrouble
from parrot_py.tools.walking import walk

_EPILOG = """\
A directory stands for everything below it, except what bind mountpoints show.  A line of --list is a path in the
repository, or /cvmfs/REPO/PATH; empty lines and those that begin with # do not count.  The cache keeps its quota: when
more is asked for than fits, nothing is fetched any more and the exit status is 6.
"""


def add(parser: argparse.ArgumentParser) -> None:
    """The arguments."""
    parser.epilog = _EPILOG
    parser.add_argument("repository", metavar="REPO", help="full name")
    parser.add_argument("path", metavar="PATH", nargs="*", help="files and directories; links are followed")
    parser.add_argument("--list", metavar="FILE", dest="lists", action="append", default=[], help="paths, a line each")
    parser.add_argument(
        "--catalogs",
        type=int,
        metavar="DEPTH",
        help="no contents, but the catalogs so many levels down (0: the root's)",
    )


def run(arguments: argparse.Namespace, context: Context) -> int:
    """Fetch.  JSON: one object with the numbers."""
    fqrn = context.fqrn(arguments.repository)
    paths = [_inside(path, fqrn) for path in arguments.path]
    for name in arguments.lists:
        paths += [_inside(line, fqrn) for line in _lines(name)]
    if not paths and arguments.catalogs is None:
        raise ConfigError(
            "what shall be fetched? name paths (/ for everything), --list FILE or --catalogs DEPTH", codes.USAGE
        )
    errand = _Errand(context.open(fqrn), context.output)
    with context.output.meter("fetching") as meter:
        if arguments.catalogs is not None:
            errand.catalogs(paths or [b"/"], arguments.catalogs, meter)
        else:
            errand.files(paths, meter)
    return errand.report()


def _lines(name: str) -> list[bytes]:
    try:
        if name == "-":
            text = sys.stdin.buffer.read()
        else:
            with open(name, "rb") as file:
                text = file.read()
    except OSError as error:
        raise ConfigError(f"--list: {name}: {error.strerror}", codes.CONFIG_FILE) from error
    return [line for line in text.split(b"\n") if line and not line.startswith(b"#")]


def _inside(path: str | bytes, fqrn: str) -> bytes:
    """*path* without a leading /cvmfs/REPO."""
    raw, home = os.fsencode(path), b"/cvmfs/" + os.fsencode(fqrn)
    return raw[len(home) :] if raw == home or raw.startswith(home + b"/") else raw


class _Errand:
    """What is to be fetched of one repository, and what became of it."""

    def __init__(self, repository: Repository, out: output.Output) -> None:
        self._repository, self._output = repository, out
        self._lock = threading.Lock()
        self._counts = {"files": 0, "bytes": 0, "catalogs": 0, "failed": 0}
        self._worst = status.OK
        self._begun: set[int] = set()
        self._capacity, self._before, self._asked = repository.cache.capacity(), repository.cache.used(), 0

    def files(self, paths: list[bytes], meter: Meter) -> None:
        """Fetch the contents of all files at and below *paths*."""
        with Pool() as pool:
            for inode in self._wanted(paths):
                if inode.is_regular and inode.ino not in self._begun:
                    self._begun.add(inode.ino)
                    self._check_room(inode.size)
                    meter.expect(1, inode.size)
                    pool.add(self._file, inode, meter)

    def _check_room(self, size: int) -> None:
        """Raise LocalTrouble when, with *size* bytes more, what was fetched first would have to go for what comes last.

        A cache that is exceeded keeps the newer half of what it may hold (see docs/cache.md).
        """
        self._asked += size
        if self._capacity and self._asked > self._capacity // 2 and self._before + self._asked > self._capacity:
            held = f"it holds at most {output.size(self._capacity)} (CVMFS_QUOTA_LIMIT, and the size of the disk)"
            raise LocalTrouble(
                f"the cache {self._repository.cache.root} has no room for all of that: {held}; "
                f"{self._counts['files']} files were fetched",
                codes.SMALL_CACHE,
            )

    def _wanted(self, paths: list[bytes]) -> Iterator[Inode]:
        for path in paths:
            try:
                yield from walk(self._repository, self._repository.stat(path))
            except OSError as error:
                self._failed(os.fsdecode(path), error)

    def _file(self, inode: Inode, meter: Meter) -> None:
        try:
            self._repository.materialise(inode)
        except OSError as error:
            self._failed(os.fsdecode(inode.path), error)
        else:
            with self._lock:
                self._counts["files"] += 1
                self._counts["bytes"] += inode.size
        meter.done(1, inode.size)

    def catalogs(self, paths: list[bytes], depth: int, meter: Meter) -> None:
        """Fetch the catalogs at and below *paths*, *depth* levels of nested ones, a level at a time."""
        level = paths
        for left in range(depth, -1, -1):
            below: list[bytes] = []
            with Pool() as pool:
                for path in level:
                    meter.expect(1, 0)
                    pool.add(self._catalog, path, below if left else None, meter)
            level = sorted(set(below))

    def _catalog(self, path: bytes, below: list[bytes] | None, meter: Meter) -> None:
        try:
            found = self._repository.subcatalogs(path)
        except OSError as error:
            self._failed(os.fsdecode(path), error)
        else:
            with self._lock:
                self._counts["catalogs"] += 1
                if below is not None:
                    below += found
        meter.done(1, 0)

    def _failed(self, what: str, error: OSError | ParrotError) -> None:
        if status.of(error) == status.LOCAL:
            raise LocalTrouble(status.line(error), code_of(error))
        with self._lock:
            self._counts["failed"] += 1
            self._worst = self._worst or status.of(error)
            self._output.complain(f"{what}: {status.line(error)}", code_of(error))

    def report(self) -> int:
        """Say what was done; the exit status."""
        counts = self._counts
        if self._output.json:
            self._output.document({"repository": self._repository.fqrn, **counts, "status": self._worst})
        else:
            done = f"{counts['files']} files ({output.size(counts['bytes'])})"
            done = f"{counts['catalogs']} catalogs" if counts["catalogs"] else done
            self._output.note(f"{done} in the cache" + (f", {counts['failed']} failed" if counts["failed"] else ""))
        return self._worst

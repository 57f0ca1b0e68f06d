"""A CernVM-FS repository as a library: ``Repository(config)`` opens at the first call that needs it.

Example::

    with Repository(config) as repository:
        for path, inode in repository.walk():
            ...
        text = repository.read(b"/etc/motd")
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator

from parrot_py.drivers.base import Inode
from parrot_py.drivers.cvmfs.driver import CvmfsDriver


class Repository(CvmfsDriver):
    """The driver, and what a program that reads a repository by itself wants besides.  Thread-safe."""

    @property
    def root_hash(self) -> str:
        """The text of the root catalog's hash; opens the repository."""
        with self.answering():
            return str(self.tree.root().catalog.hash)

    @property
    def revision(self) -> int:
        """The revision shown; opens the repository."""
        with self.answering():
            return self.tree.root().catalog.facts.revision

    def __enter__(self) -> Repository:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def stat(self, path: bytes) -> Inode:
        """The inode at *path* with symbolic links in and at the end of it followed, as long as they stay inside."""
        return self._follow(path, 40)

    def _follow(self, path: bytes, links: int) -> Inode:
        inode, walked = self.lookup(b""), b""
        parts = [part for part in path.split(b"/") if part not in (b"", b".")]
        for position, part in enumerate(parts):
            if part == b"..":
                walked = walked.rpartition(b"/")[0]
                inode = self.lookup(walked)
                continue
            inode = self.lookup(walked + b"/" + part)
            if inode.target is None:
                walked = inode.path
                continue
            if not links:
                raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), path)
            target = self._inside(walked, inode.target)
            return self._follow(b"/".join([target, *parts[position + 1 :]]), links - 1)
        return inode

    def _inside(self, directory: bytes, target: bytes) -> bytes:
        """A link target as a path of this repository; ENOENT for one that leads out of it."""
        home = b"/cvmfs/" + os.fsencode(self.fqrn)
        if not target.startswith(b"/"):
            return directory + b"/" + target
        if target == home or target.startswith(home + b"/"):
            return target[len(home) :]
        raise OSError(errno.ENOENT, "link leads out of the repository", target)

    def read(self, path: bytes) -> bytes:
        """The whole content of the file at *path*, links followed."""
        with open(self.materialise(self.stat(path)), "rb") as file:
            return file.read()

    def walk(self, top: bytes = b"") -> Iterator[tuple[bytes, Inode]]:
        """Path and inode of everything at and below *top*, a directory before what is in it."""
        todo = [self.lookup(top)]
        while todo:
            inode = todo.pop()
            yield inode.path, inode
            if inode.is_dir:
                todo += [entry.inode for entry in reversed(self.listdir(inode))]

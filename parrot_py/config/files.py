"""Reading configuration files: those of the host, and those of a configuration repository under /cvmfs."""

from __future__ import annotations

import errno
import os
import posixpath
import stat
from pathlib import Path
from typing import Protocol

from parrot_py.carried import translated

_SIZE = 16 << 20
_KINDS = {stat.S_IFREG: "file", stat.S_IFDIR: "directory"}


class Tree(Protocol):
    """What is asked of a configuration repository; paths are relative to its root.  Raises OSError.

    ``repository.py`` of the driver has it all.
    """

    def read(self, path: str) -> bytes:
        """The content of a file, links followed."""
        ...

    def mode(self, path: str) -> int:
        """The mode of what is at *path*, links followed."""
        ...

    def names(self, path: str) -> list[str]:
        """The names in a directory."""
        ...


class LocalFiles:
    """The files of the host (see :class:`parrot_py.config.shell.conditions.Files`), and what a single file carries."""

    def read(self, path: str) -> bytes:
        """The content of the file at *path*, never waiting for a FIFO.  Raises OSError."""
        path = translated(path)
        with open(os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK), "rb") as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise OSError(errno.EINVAL, "not a regular file", path)
            return file.read(_SIZE)

    def kind(self, path: str) -> str:
        """``file``, ``directory``, ``other``, or ``""`` where there is nothing."""
        try:
            return _KINDS.get(stat.S_IFMT(os.stat(translated(path)).st_mode), "other")
        except (OSError, ValueError):
            return ""

    def size(self, path: str) -> int:
        """The size of what is at *path*; 0 where there is nothing."""
        try:
            return os.stat(translated(path)).st_size
        except (OSError, ValueError):
            return 0

    def may(self, path: str, mode: int) -> bool:
        """Whether *path* may be used as *mode* says."""
        try:
            return os.access(translated(path), mode)
        except ValueError:
            return False

    def glob(self, pattern: str) -> list[str]:
        """The paths that match *pattern*, sorted."""
        pattern = translated(pattern)
        directory = os.path.dirname(pattern)
        if set(directory).isdisjoint("*?[") and not self.kind(directory or "."):
            return []
        # Imported where there is something to list: most hosts have none of the directories.
        import glob

        try:
            return sorted(glob.glob(pattern))
        except ValueError:
            return []

    def local(self, path: Path) -> Path:
        """Where programs that know nothing of us find the file *path*.  Raises OSError."""
        return Path(translated(str(path)))


class SiteFiles(LocalFiles):
    """The files of the host, and at and below *prefix* those of a configuration repository."""

    def __init__(self, prefix: str, tree: Tree, copies: Path) -> None:
        """*copies* is a directory for copies of files that programs have to find by a path; made when it is needed."""
        self._prefix, self._tree, self._copies = prefix, tree, copies

    def _inner(self, path: str) -> str | None:
        """*path* inside the repository; None for a path of the host."""
        path = posixpath.normpath(path)
        if path == self._prefix:
            return "/"
        return path[len(self._prefix) :] if path.startswith(self._prefix + "/") else None

    def read(self, path: str) -> bytes:
        """See :meth:`LocalFiles.read`."""
        inner = self._inner(path)
        return super().read(path) if inner is None else self._tree.read(inner)

    def kind(self, path: str) -> str:
        """See :meth:`LocalFiles.kind`; trouble with the repository is an OSError, not an absence."""
        inner = self._inner(path)
        if inner is None:
            return super().kind(path)
        try:
            return _KINDS.get(stat.S_IFMT(self._tree.mode(inner)), "other")
        except (FileNotFoundError, NotADirectoryError):
            return ""

    def size(self, path: str) -> int:
        """See :meth:`LocalFiles.size`."""
        if self._inner(path) is None:
            return super().size(path)
        return len(self.read(path)) if self.kind(path) == "file" else 0

    def may(self, path: str, mode: int) -> bool:
        """See :meth:`LocalFiles.may`; everything in the repository may be read."""
        if self._inner(path) is None:
            return super().may(path, mode)
        return not mode & os.W_OK and bool(self.kind(path))

    def glob(self, pattern: str) -> list[str]:
        """See :meth:`LocalFiles.glob`; in the repository the last part may be a pattern."""
        inner = self._inner(posixpath.dirname(pattern))
        if inner is None:
            return super().glob(pattern)
        import fnmatch

        directory = posixpath.dirname(pattern)
        try:
            names = self._tree.names(inner)
        except (FileNotFoundError, NotADirectoryError):
            return []
        found = [name for name in names if fnmatch.fnmatchcase(name, posixpath.basename(pattern))]
        return [f"{directory}/{name}" for name in sorted(found) if not name.startswith(".")]

    def local(self, path: Path) -> Path:
        """A copy of a file of the repository, named by its content."""
        inner = self._inner(str(path))
        if inner is None:
            return super().local(path)
        import hashlib
        import tempfile

        data = self._tree.read(inner)
        copy = self._copies / hashlib.sha256(data).hexdigest()
        if not copy.exists():
            self._copies.mkdir(mode=0o700, parents=True, exist_ok=True)
            with tempfile.NamedTemporaryFile(dir=self._copies, delete=False) as file:
                file.write(data)
            os.replace(file.name, copy)
        return copy

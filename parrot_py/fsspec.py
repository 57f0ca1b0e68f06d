"""CernVM-FS for fsspec: ``cvmfs://REPO/PATH``, read-only.

::

    import fsspec
    with fsspec.open("cvmfs://sft.cern.ch/README") as file: ...
    fs = fsspec.filesystem("cvmfs", proxy="http://squid.example.org:3128")
    fs.glob("sft.cern.ch/lcg/releases/*/version.txt")

Registered by the entry point ``fsspec.specs``; needs the package fsspec (``pip install 'parrot_py[fsspec]'``).  Paths
begin with the full name of a repository, which is opened at its first use as ``parrot_run`` would reach it, or as the
options say.  Whatever would write raises EROFS.
"""

from __future__ import annotations

import errno
import os
import stat
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timezone
from typing import Any, NoReturn

from fsspec import AbstractFileSystem
from fsspec.callbacks import DEFAULT_CALLBACK

from parrot_py.drivers.base import Inode
from parrot_py.drivers.cvmfs.repository import Repository

_PARALLEL = 16
_MISSING = (FileNotFoundError, NotADirectoryError)


class CvmfsFileSystem(AbstractFileSystem):  # type: ignore[misc]  # fsspec has no types
    """All repositories that can be reached with one set of options.  Thread-safe.

    *url* is the server's address of the repository, with ``@fqrn@`` for its name if it is to serve several; without it
    the configuration of ``parrot_run`` counts.  *key*, *cache_dir*, *proxy*, *root_hash*, *tag*, *date* and *options*
    are those of :meth:`parrot_py.drivers.cvmfs.Repository.open`.

    Listings tell symbolic links apart (``islink``, ``destination``): one that leads to a file of the repository is
    listed as that file; one to a directory, or out of the repository, as ``link``, so that walking never goes in
    circles.  ``info`` and everything else follows links.
    """

    protocol = "cvmfs"
    root_marker = ""

    def __init__(
        self,
        url: str | None = None,
        key: str | Sequence[str] = (),
        cache_dir: str | None = None,
        proxy: str | None = None,
        root_hash: str | None = None,
        tag: str | None = None,
        date: datetime | int | None = None,
        options: Sequence[str] = (),
        **storage_options: Any,
    ) -> None:
        super().__init__(**storage_options)
        self._url = url
        self._how: dict[str, Any] = {
            "key": key,
            "cache_dir": cache_dir,
            "proxy": proxy,
            "root_hash": root_hash,
            "tag": tag,
            "date": date,
            "options": options,
        }
        self._lock = threading.Lock()
        self._opened: dict[str, Repository] = {}

    def repository(self, fqrn: str) -> Repository:
        """The repository *fqrn*, connected.  Raises ConfigError, and OSError."""
        with self._lock:
            if fqrn not in self._opened:
                address = self._url.replace("@fqrn@", fqrn) if self._url else fqrn
                repository = Repository.open(address, **self._how)
                if repository.fqrn != fqrn:
                    repository.close()
                    raise FileNotFoundError(errno.ENOENT, f"the option url is about {repository.fqrn}", fqrn)
                self._opened[fqrn] = repository
            return self._opened[fqrn]

    def _place(self, path: str) -> tuple[Repository, str]:
        """The repository and the path in it.  A path that names no repository is ENOENT."""
        fqrn, _, inside = self._strip_protocol(path).lstrip("/").partition("/")
        if not fqrn:
            raise FileNotFoundError(errno.ENOENT, "a path begins with the name of a repository", path)
        return self.repository(fqrn), f"/{inside}"

    # what there is

    def ls(self, path: str, detail: bool = True, **_: Any) -> list[Any]:
        """The entries of a directory, or the file itself; for the root, the repositories in use."""
        name = self._strip_protocol(path).strip("/")
        if not name:
            found = [{"name": fqrn, "size": 0, "type": "directory"} for fqrn in self._opened]
        else:
            repository, inside = self._place(name)
            inode = repository.stat(inside)
            if inode.is_dir:
                found = [
                    _info(repository, entry.inode, f"{name}/{os.fsdecode(entry.name)}", listed=True)
                    for entry in repository.scandir(inode)
                ]
            else:
                found = [self.info(name)]
        return found if detail else [each["name"] for each in found]

    def info(self, path: str, **_: Any) -> dict[str, Any]:
        """Name, type and size, and what stat tells; links are followed."""
        name = self._strip_protocol(path).strip("/")
        if not name:
            return {"name": "", "size": 0, "type": "directory"}
        repository, inside = self._place(name)
        return _info(repository, repository.lstat(inside), name, listed=False)

    def exists(self, path: str, **_: Any) -> bool:
        """Whether there is something at *path*; that a repository cannot be reached is an error, not a no."""
        return self._kind(path) is not None

    def isdir(self, path: str) -> bool:
        """Whether it is a directory, or a link to one."""
        return self._kind(path) == "directory"

    def isfile(self, path: str) -> bool:
        """Whether it is a file, or a link to one."""
        return self._kind(path) == "file"

    def _kind(self, path: str) -> str | None:
        try:
            return str(self.info(path)["type"])
        except _MISSING:
            return None

    def modified(self, path: str) -> datetime:
        """The time of the last change."""
        return datetime.fromtimestamp(self.info(path)["mtime"], timezone.utc)

    def ukey(self, path: str) -> str:
        """Changes exactly when the file does: path, content hash and revision of what has none."""
        repository, inside = self._place(path)
        inode = repository.stat(inside)
        try:
            return f"{repository.fqrn}:{os.fsdecode(repository.getxattr(inode, 'user.hash'))}"
        except OSError as error:
            if error.errno != errno.ENODATA:
                raise
            return f"{repository.fqrn}:{repository.root_hash}:{os.fsdecode(inode.path)}"

    def checksum(self, path: str) -> int:
        """A number that changes when the file does."""
        return int.from_bytes(self.ukey(path).encode(), "big")

    # contents

    def _open(self, path: str, mode: str = "rb", **_: Any) -> Any:
        if mode != "rb":
            self._refuse(path)
        repository, inside = self._place(path)
        return repository.open_file(inside)

    def cat_file(self, path: str, start: int | None = None, end: int | None = None, **_: Any) -> bytes:
        """The content, or a part of it, of which only the chunks that are needed are fetched."""
        repository, inside = self._place(path)
        inode = repository.stat(inside)
        first, last = slice(start, end).indices(inode.size)[:2]
        return repository.read(inode, first, max(0, last - first))

    def cat_ranges(
        self,
        paths: list[str],
        starts: list[int] | int | None,
        ends: list[int] | int | None,
        on_error: str = "return",
        **_: Any,
    ) -> list[Any]:
        """Parts of files, fetched side by side; ``max_gap`` has no use here."""
        firsts = starts if isinstance(starts, list) else [starts] * len(paths)
        lasts = ends if isinstance(ends, list) else [ends] * len(paths)
        if not len(paths) == len(firsts) == len(lasts):
            raise ValueError("paths, starts and ends differ in length")

        def part(path: str, first: int | None, last: int | None) -> Any:
            try:
                return self.cat_file(path, first, last)
            except OSError as error:
                if on_error != "return":
                    raise
                return error

        with ThreadPoolExecutor(_PARALLEL, "parrot-fsspec") as pool:
            return list(pool.map(part, paths, firsts, lasts))

    def get_file(
        self, rpath: str, lpath: Any, callback: Any = DEFAULT_CALLBACK, outfile: Any = None, **kwargs: Any
    ) -> None:
        """Copy one file, whose chunks are fetched side by side first."""
        repository, inside = self._place(rpath)
        inode = repository.stat(inside)
        if inode.is_regular:
            repository.materialise(inode)
        super().get_file(rpath, lpath, callback=callback, outfile=outfile, **kwargs)

    # what cannot be done

    @staticmethod
    def _refuse(path: Any = None, *_: Any, **__: Any) -> NoReturn:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS), str(path) if path is not None else None)

    def makedirs(self, path: str, exist_ok: bool = False) -> None:
        """Raises EROFS, unless the directory is there already and may be."""
        if not (exist_ok and self.isdir(path)):
            self._refuse(path)

    mkdir = mv = rm = rm_file = _rm = rmdir = cp_file = copy = touch = put = put_file = pipe = pipe_file = _refuse


def _info(repository: Repository, inode: Inode, name: str, *, listed: bool) -> dict[str, Any]:
    """What fsspec wants to know about *inode*, a link's target included; in a listing see the class."""
    target, end = inode.target, inode
    if target is not None:
        try:
            end = repository.stat(inode)
        except OSError as error:
            if not listed:
                raise
            if error.errno == errno.EIO:
                raise
    kind = "directory" if end.is_dir else "file" if end.is_regular else "link" if end.is_link else "other"
    if listed and target is not None and kind == "directory":
        kind = "link"
    facts: dict[str, Any] = {
        "name": name,
        "size": end.size if kind == "file" else 0,
        "type": kind,
        "mode": end.mode,
        "uid": end.uid,
        "gid": end.gid,
        "nlink": end.nlink,
        "ino": end.ino,
        "mtime": end.mtime_ns / 10**9,
        "islink": target is not None,
    }
    if stat.S_ISLNK(inode.mode):
        facts["destination"] = target
    return facts

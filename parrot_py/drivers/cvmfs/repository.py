"""A CernVM-FS repository as a library: names, contents, attributes and revisions, without any tracing.

Example::

    with Repository.open("sft.cern.ch") as repository:
        for path, inode in repository.walk("/lcg/contrib"):
            ...
        text = repository.read("/README")

docs/library.md tells more.  A path is text, bytes or anything with ``__fspath__``, counted from the root of the
repository (``/a/b``, ``a/b``); wherever a path is wanted, an inode that was got before serves as well.  What comes back
is bytes, as in the file system itself; ``os.fsdecode`` makes text of it.

Errors are OSErrors with the errno that a program under ``parrot_run`` gets: ENOENT, ENOTDIR, ELOOP; EIO when the truth
could not be had, as Unreachable or Untrusted (see parrot_py/errors.py) where it is known why.  ConfigError says that a
repository cannot be opened as it was described.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO, Union

from parrot_py import codes
from parrot_py.config import single
from parrot_py.config.model import RepositoryConfig
from parrot_py.drivers.base import Entry, Inode
from parrot_py.drivers.cvmfs import past
from parrot_py.drivers.cvmfs.catalogs.differences import Change, differences
from parrot_py.drivers.cvmfs.catalogs.history import Tag
from parrot_py.drivers.cvmfs.driver import CvmfsDriver
from parrot_py.drivers.cvmfs.hashes import ContentHash
from parrot_py.drivers.cvmfs.inspection import Standing, inspect
from parrot_py.drivers.cvmfs.past import Revision, Which
from parrot_py.drivers.cvmfs.paths import PathLike, Places
from parrot_py.drivers.cvmfs.ranges import Layout, Ranges
from parrot_py.errors import ConfigError

Place = Union[Inode, PathLike]


class Repository(CvmfsDriver):
    """One repository.  Thread-safe; any number of them may be open at a time, on one cache.

    ``Repository(config)`` connects at the first call that needs it, :meth:`open` at once.
    """

    def __init__(self, config: RepositoryConfig) -> None:
        super().__init__(config)
        self._places, self._ranges = Places(self), Ranges(self)

    @classmethod
    def open(
        cls,
        name_or_url: str,
        *,
        key: str | os.PathLike[str] | Sequence[str | os.PathLike[str]] = (),
        cache_dir: str | os.PathLike[str] | None = None,
        proxy: str | None = None,
        root_hash: str | None = None,
        tag: str | None = None,
        date: datetime | int | None = None,
        options: Sequence[str] = (),
    ) -> Repository:
        """Connect to a repository, by its full name (as ``parrot_run`` would, configured as there) or by its URL.

        *key* is the file, or the files, of its master public key; the keys of well-known domains are built in.
        *cache_dir* is made if it is not there; by default the cache is that of ``parrot_run``.  *proxy* is spelled
        like ``-p``.  *root_hash*, *tag* or *date* (aware datetime, or Unix time) choose a revision other than the
        newest.  *options* are further options of ``parrot_run``, word by word.

        Raises ConfigError, and OSError when the repository cannot be reached or cannot be trusted.
        """
        config = _configured(name_or_url, _files(key), proxy, options)
        seconds = int(date.timestamp()) if isinstance(date, datetime) else date
        wanted = {"root_hash": _checked(root_hash), "tag": tag, "date": seconds}
        changes: dict[str, Any] = {name: value for name, value in wanted.items() if value is not None}
        if cache_dir is not None:
            changes["cache_dir"] = Path(cache_dir)
        repository = cls(config._replace(**changes))
        try:
            repository.lookup(b"")
        except BaseException:
            repository.close()
            raise
        return repository

    def __enter__(self) -> Repository:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def root_hash(self) -> str:
        """The text of the root catalog's hash."""
        with self.answering():
            return str(self.view().root.catalog.hash)

    @property
    def revision(self) -> int:
        """The revision shown."""
        with self.answering():
            return self.view().root.catalog.facts.revision

    @property
    def timestamp(self) -> int | None:
        """When the revision shown was published (Unix time); None when only its root hash is known, or when offline."""
        with self.answering():
            opened = self.view().opened
            if opened.fixed and opened.manifest is not None:
                named = {tag.name: tag.timestamp for tag in past.tags(self, opened.manifest)}
                return named.get(opened.tag)
            return opened.manifest.timestamp if opened.manifest is not None else None

    def stat(self, path: Place) -> Inode:
        """The inode at *path* with symbolic links in and at the end of it followed, as long as they stay inside."""
        return self._at(path, follow=True)

    def lstat(self, path: Place) -> Inode:
        """The inode at *path*; a link at its end is not followed."""
        return self._at(path, follow=False)

    def exists(self, path: Place) -> bool:
        """Whether there is something at *path*, links followed; trouble is an OSError, not a no."""
        try:
            self.stat(path)
        except (FileNotFoundError, NotADirectoryError):
            return False
        return True

    def _at(self, path: Place, *, follow: bool) -> Inode:
        if isinstance(path, Inode):
            return self._places.find(path.path, follow=True) if follow and path.is_link else path
        return self._places.find(path, follow=follow)

    def readlink(self, path: Place) -> bytes:
        """The target of the symbolic link at *path*, variables in it expanded.  Raises EINVAL for what is no link."""
        inode = self.lstat(path)
        if inode.target is None:
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL), inode.path)
        return inode.target

    def scandir(self, path: Place = b"") -> Sequence[Entry]:
        """Names and inodes of what is in the directory *path*, without ``.`` and ``..``."""
        return self.listdir(self.stat(path))

    def walk(self, top: Place = b"") -> Iterator[tuple[bytes, Inode]]:
        """Path and inode of everything at and below *top*, a directory before what is in it.

        Links are not followed, and bind mountpoints not entered: they show, once more, what is elsewhere.
        """
        todo = [self.lstat(top)]
        first = True
        while todo:
            inode = todo.pop()
            yield inode.path, inode
            if inode.is_dir and (first or not self.is_bind(inode)):
                todo += [entry.inode for entry in reversed(self.listdir(inode))]
            first = False

    def is_bind(self, path: Place) -> bool:
        """Whether the directory at *path* is a bind mountpoint: a part of some revision, shown here once more."""
        return self._places.bound(self.stat(path))

    def nested_catalog(self, path: Place) -> str | None:
        """The hash of the nested catalog that begins at the directory at *path*, None when none does."""
        return self._places.nested(self.stat(path))

    def subcatalogs(self, path: Place = b"") -> list[bytes]:
        """The directories below the directory at *path* where nested catalogs begin, without those further down."""
        return self._places.subcatalogs(self.stat(path))

    def read(self, path: Place, offset: int = 0, size: int | None = None) -> bytes:
        """*size* bytes (default: all) of the file at *path* from *offset* on; fewer at its end.

        Of a chunked file only the chunks that the range lies in are fetched.
        """
        if offset < 0 or (size is not None and size < 0):
            raise OSError(errno.EINVAL, "negative offset or size")
        return self._ranges.read(self._file(path), offset, size)

    def open_file(self, path: Place) -> BinaryIO:
        """The file at *path*, open for reading; it can be positioned, and goes on after the repository was closed.

        Of a chunked file the chunks that are read are fetched (not any more after the repository was closed).
        """
        return self._ranges.open(self._file(path))

    def _file(self, path: Place) -> Inode:
        inode = self.stat(path)
        if not inode.is_regular:
            code = errno.EISDIR if inode.is_dir else errno.EINVAL
            raise OSError(code, os.strerror(code), inode.path)
        return inode

    def layout(self, path: Place) -> Layout | None:
        """How the chunked file at *path* is stored; None for a file in one piece."""
        return self._ranges.layout(self._file(path))

    def getxattr(self, inode: Place, name: str | bytes, gid: int | None = None) -> bytes:
        """The extended attribute *name* of the path or inode *inode*, links followed.  Raises ENODATA."""
        return super().getxattr(self._at(inode, follow=not isinstance(inode, Inode)), os.fsencode(name), gid)

    def listxattr(self, inode: Place = b"") -> Sequence[bytes]:
        """The names of the extended attributes of the path or inode *inode*, as a listing shows them."""
        return super().listxattr(self._at(inode, follow=not isinstance(inode, Inode)))

    def attributes(self, path: Place) -> dict[bytes, bytes]:
        """The extended attributes that the catalog has for *path*: none of the magic ones, links not followed."""
        inode = self.lstat(path)
        if not inode.has_xattrs:
            return {}
        with self.answering():
            return self._xattrs(inode)

    def tags(self) -> list[Tag]:
        """The named revisions, the newest first; asks the servers.  The list is empty where there is no history."""
        with self.answering():
            return past.tags(self, past.newest(self))

    def list_revisions(self) -> list[Revision]:
        """The revisions that have a name, and the newest one; the newest first; asks the servers."""
        with self.answering():
            return past.revisions(self)

    def at(self, which: Which) -> Repository:
        """Another revision of this repository, opened beside it (and to be closed by itself).

        *which* is a number, a tag, the text of a root hash, an aware datetime (the last revision published by then) or
        None for the newest now.  Raises ENOENT for one that the history does not name.
        """
        with self.answering():
            root = past.find(self, which)
        return type(self)(self.config._replace(root_hash=root, tag=None, date=None))

    def diff(self, old: Which, new: Which = None) -> Iterator[Change]:
        """What differs between two revisions, named as in :meth:`at`: see :func:`differences.differences`.

        Only catalogs that differ are fetched.  Owners are those in the catalogs, not the configured ones.
        """
        real = self.config._replace(uid=None, gid=None, uid_map=(), gid_map=())
        with Repository(real) as one, one.at(old) as before, one.at(new) as after:
            yield from differences(before, after)

    def inspect(self, *, measure: bool = False) -> Standing:
        """Ask the servers now: the way to them, what proves the content; *measure*: and the speed.  Never raises."""
        return inspect(self, measure=measure)

    def counts(self) -> dict[str, int]:
        """How many entries of each kind the whole repository has, by the format's names: ``regular``, ``dir`` …"""
        lines = os.fsdecode(self.getxattr(b"", "user.repo_counters")).splitlines()
        return {name: int(value) for name, _, value in (line.partition(",") for line in lines)}

    def statistics(self) -> dict[str, int]:
        """What was asked for and transferred since the repository was opened, by the real client's names.

        ``cvmfs.n_fs_open``, ``download.n_requests``, ``download.sz_transferred_bytes`` and so on; the same with
        ``download-external.``.  Times are in milliseconds.
        """
        fetcher = self.fetcher
        return {
            **self.activity.counters(),
            **fetcher.statistics.counters("download"),
            **fetcher.external_statistics.counters("download-external"),
            **self.activity.counters(),
        }


def _files(key: str | os.PathLike[str] | Sequence[str | os.PathLike[str]]) -> list[str]:
    return [os.fspath(each) for each in ((key,) if isinstance(key, (str, os.PathLike)) else key)]


def _configured(name_or_url: str, keys: list[str], proxy: str | None, options: Sequence[str]) -> RepositoryConfig:
    words = [*options, *(("-p", proxy) if proxy is not None else ())]
    if single.is_url(name_or_url):
        return single.by_url(name_or_url, keys, words, os.environ)
    fqrn, path = single.fqrn_and_path(name_or_url)
    if path.strip("/"):
        raise ConfigError(f"not a repository but a path in one: {name_or_url!r}", codes.BAD_NAME)
    config = single.find(single.run_config(words, os.environ), fqrn)
    return config._replace(public_keys=tuple(Path(os.path.abspath(each)) for each in keys)) if keys else config


def _checked(root_hash: str | None) -> str | None:
    """*root_hash*, if it is one."""
    if root_hash is None:
        return None
    try:
        return str(ContentHash.parse(root_hash))
    except ValueError as error:
        raise ConfigError(f"root hash: {error}", codes.BAD_VALUE) from None

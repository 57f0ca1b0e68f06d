"""Any file system of fsspec as a source: ``s3://bucket/prefix``, ``ftp://host/dir``, ``zip://…`` and many more."""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, Callable, TypeVar

from parrot_py.config.proxies import mask
from parrot_py.drivers import tasks
from parrot_py.drivers.base import place
from parrot_py.drivers.cvmfs.cache.transaction import Transaction
from parrot_py.drivers.cvmfs.net.statistics import BYTES, FAILURES, REQUESTS, Statistics
from parrot_py.drivers.cvmfs.trouble import Failure
from parrot_py.drivers.remote.bounded import Bounded
from parrot_py.drivers.remote.source import DIRECTORY, FILE, LINK, Fact, text

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem

T = TypeVar("T")

_BLOCK = 1 << 20
_GIT = "git"
_TIMES = ("mtime", "LastModified", "last_modified", "modified", "modify", "created", "date_time", "committed_date")
_MARKS = ("ETag", "etag", "e_tag", "hex", "checksum", "md5", "content_md5", "CRC", "VersionId", "generation", "ino")
_ABSENT = (FileNotFoundError, NotADirectoryError, KeyError)


class FsspecSource:
    """The tree below *url* (``protocol://…``), reached with the protocol's *options*.

    Raises Failure when the package of the protocol is missing or does not take the options.  Each question ends after
    *patience* seconds, whatever the package does.
    """

    def __init__(self, url: str, options: Mapping[str, Any], patience: float) -> None:
        self.name = mask(url)
        self.statistics = Statistics()
        self._bounded = Bounded(self.name, patience)
        self._fs, root = self._bounded.call("opening", lambda: _opened(url, options))
        self._root = root.rstrip("/")

    def _path(self, path: bytes) -> str:
        """*path* as the file system spells it: some take a slash in front for a name of its own."""
        whole = self._root + os.fsdecode(path)
        return whole if self._root or self._fs.root_marker else whole[1:]

    def look(self, path: bytes) -> Fact:
        """See :meth:`Source.look`."""
        try:
            return _fact(self._ask(path, lambda: self._info(path)), self._fs)
        except _ABSENT:
            if not path:
                return Fact(DIRECTORY, mode=0o555)  # an empty bucket, archive or prefix
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path) from None

    def _info(self, path: bytes) -> Mapping[str, Any]:
        self._fs.invalidate_cache()  # the package would believe what it once heard for ever
        found: Mapping[str, Any] = self._fs.info(self._path(path))
        return found

    def _listing(self, path: bytes) -> Sequence[Mapping[str, Any]]:
        self._fs.invalidate_cache()
        found: Sequence[Mapping[str, Any]] = self._fs.ls(self._path(path), detail=True)
        return found

    def list(self, path: bytes) -> Sequence[tuple[bytes, Fact]]:
        """See :meth:`Source.list`."""
        own = self._path(path).strip("/")
        try:
            found = self._ask(path, lambda: self._listing(path))
        except _ABSENT:
            if not path:
                return []
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path) from None
        entries: dict[bytes, Fact] = {}
        for info in found:
            whole = str(info["name"]).strip("/")
            name = os.fsencode(whole.rpartition("/")[2])
            # Object stores list a directory in itself; names that no file system has are nobody's.
            if whole != own and name not in (b"", b".", b"..") and b"\0" not in name and len(name) <= 255:
                entries[name] = _fact(info, self._fs)
        return list(entries.items())

    def fetch(self, path: bytes, fact: Fact, txn: Transaction) -> None:
        """See :meth:`Source.fetch`; what the server states of size and digests must be true."""
        hashers = {name: _hasher(name, fact) for name in fact.digests}
        length = 0

        with tasks.transferring(f"file {text(path)}", self.name) as transfer:
            file = self._read(path, lambda: self._fs.open(self._path(path), "rb"))
            with file:
                while block := self._read(path, lambda: file.read(_BLOCK), count=False):
                    length += len(block)
                    transfer.received = length
                    self.statistics.went(BYTES, self.name, None, len(block))
                    txn.write(block)
                    for hasher in hashers.values():
                        hasher.update(block)
        if fact.size is not None and length != fact.size:
            raise self._changed(path, f"{length} bytes instead of {fact.size}")
        for name, hasher in hashers.items():
            if hasher.hexdigest() != fact.digests[name].lower():
                raise self._changed(path, f"{name} mismatch")
        if _identity(self._read(path, lambda: self._info(path))) != fact.identity:
            raise self._changed(path, "changed while it was read")

    def _changed(self, path: bytes, why: str) -> Failure:
        return Failure(f"{text(path)}: {why}", errno.ESTALE, untrusted=True)

    def _read(self, path: bytes, question: Callable[[], T], *, count: bool = True) -> T:
        """As _ask, about a file that was there a moment ago: Failure also where it is not."""
        try:
            return self._ask(path, question, count=count)
        except (*_ABSENT, PermissionError) as error:
            raise self._changed(path, str(error) or "gone") from None

    def _ask(self, path: bytes, question: Callable[[], T], *, count: bool = True) -> T:
        """The answer to *question*, which is one more request if it is to *count*."""
        if count:
            self.statistics.went(REQUESTS, self.name, None)
        try:
            with tasks.transferring(f"answer about {text(path)}", self.name):
                return self._bounded.call(text(path), question)
        except Failure:
            self.statistics.went(FAILURES, self.name, None)
            raise

    def place(self, path: bytes) -> str:
        """See :meth:`Source.place`."""
        return place(self.name) + os.fsdecode(path)

    def passage(self, path: bytes) -> bool:  # noqa: ARG002 - the protocol decides
        """See :meth:`Source.passage`: on web servers, which may say nothing of a directory."""
        return "http" in self._fs.protocol

    def close(self) -> None:
        """See :meth:`Source.close`."""
        self._bounded.close()


def _opened(url: str, options: Mapping[str, Any]) -> tuple[AbstractFileSystem, str]:
    try:
        from fsspec.core import url_to_fs
    except ImportError:
        raise Failure("needs the package fsspec: pip install 'parrot_py[fsspec]'") from None
    fs, root = url_to_fs(url, **options)
    return fs, str(root)


def _fact(info: Mapping[str, Any], fs: AbstractFileSystem) -> Fact:
    kind = info.get("type")
    executable = stat.S_IMODE(info["mode"]) & 0o111 if isinstance(info.get("mode"), int) else 0o111
    if kind == "directory":
        return Fact(DIRECTORY, mtime_ns=_mtime(info), identity=b"", mode=0o555)
    target = info.get("destination")
    if (kind == "link" or info.get("islink")) and target:
        text = target if isinstance(target, bytes) else os.fsencode(str(target))
        return Fact(LINK, mtime_ns=_mtime(info), target=text)
    size = info.get("size")
    size = int(size) if isinstance(size, (int, float)) else None
    return Fact(FILE, size, _mtime(info), _identity(info), 0o444 | executable, digests=_digests(info, str(fs.protocol)))


def _identity(info: Mapping[str, Any]) -> bytes:
    """What the server says to tell versions of a file apart."""
    marks = [f"{key}={info[key]}" for key in (*_MARKS, *_TIMES, "size") if info.get(key) is not None]
    return "\n".join(marks).encode(errors="surrogateescape")


def _hasher(name: str, fact: Fact) -> hashlib._Hash:
    """A hasher for the digest *name* of _digests."""
    if name == _GIT:
        return hashlib.sha1(b"blob %d\0" % (fact.size or 0), usedforsecurity=False)
    return hashlib.new(name, usedforsecurity=False)


def _digests(info: Mapping[str, Any], protocol: str) -> dict[str, str]:
    """Digests of the content that the server vouches for, by their names in hashlib, or as git has it."""
    if protocol == "git" and len(str(info.get("hex", ""))) == 40:
        return {_GIT: str(info["hex"])}
    tag = str(info.get("ETag", "")).strip('"')
    # The tag of an object of S3 is its MD5, unless it was put in parts or encrypted with keys of one's own.
    plain = "s3" in protocol and len(tag) == 32 and not info.get("SSECustomerAlgorithm") and not info.get("SSEKMSKeyId")
    if plain and all(c in "0123456789abcdef" for c in tag):
        return {"md5": tag}
    return {}


def _mtime(info: Mapping[str, Any]) -> int:
    """The time of change in nanoseconds, in whichever form it is given; 0 where it is not."""
    for key in _TIMES:
        found = _nanoseconds(info.get(key))
        if found is not None:
            return found
    return 0


def _nanoseconds(value: object) -> int | None:
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return int(value * 1_000_000_000)
    if isinstance(value, tuple) and len(value) >= 6:  # of zip files
        value = datetime(*value[:6])
    if isinstance(value, str):
        value = _parsed(value)
    if isinstance(value, datetime):
        moment = value if value.tzinfo else value.replace(tzinfo=timezone.utc)
        return int(moment.timestamp()) * 1_000_000_000 + moment.microsecond * 1000
    return None


def _parsed(text: str) -> datetime | None:
    """ISO 8601, the form of HTTP, or the digits of FTP (``20260131235959``)."""
    for read in (
        lambda: datetime.fromisoformat(text.replace("Z", "+00:00")),
        lambda: parsedate_to_datetime(text),
        lambda: datetime.strptime(text.partition(".")[0], "%Y%m%d%H%M%S"),
    ):
        try:
            return read()  # type: ignore[no-untyped-call]
        except (ValueError, TypeError, IndexError):
            continue
    return None

"""Where a published repository is read from to verify it: a directory, or a web server, asked without any cache."""

from __future__ import annotations

import errno
import os
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Protocol
from urllib.parse import unquote, urlsplit

from parrot_py import codes
from parrot_py.drivers.cvmfs.hashes import ContentHash
from parrot_py.drivers.cvmfs.publish.objects import PublishError

if TYPE_CHECKING:
    import urllib3

_BLOCK = 1 << 18
_TIMEOUT = 60.0


class Wrong(Exception):
    """Something of the repository is missing, unreadable or not what it ought to be; the text says what, in a line."""


class Place(Protocol):
    """A repository that can be read.  Thread-safe."""

    label: str
    directory: Path | None
    """Where the files are, None when they can't be listed."""

    def stream(self, path: str) -> Iterator[bytes]:
        """The bytes of the file *path* (relative, with ``/``) in blocks; raises Wrong."""


class DirectoryPlace:
    """A repository in a directory."""

    def __init__(self, directory: Path) -> None:
        self.directory: Path | None = directory
        self._top = directory
        self.label = os.fspath(directory)

    def stream(self, path: str) -> Iterator[bytes]:
        """See Place."""
        try:
            with open(self._top / path, "rb") as file:
                while block := file.read(_BLOCK):
                    yield block
        except OSError as error:
            missing = error.errno in (errno.ENOENT, errno.ENOTDIR)
            raise Wrong("missing" if missing else f"unreadable: {error.strerror}") from None


class WebPlace:
    """A repository on a web server."""

    directory: Path | None = None

    def __init__(self, url: str, connections: int) -> None:
        import urllib3

        self.label = url.rstrip("/")
        self._pool: urllib3.PoolManager = urllib3.PoolManager(
            maxsize=connections,
            headers={"Cache-Control": "no-cache"},
            timeout=urllib3.Timeout(_TIMEOUT),
            retries=urllib3.Retry(3, backoff_factor=0.1, raise_on_status=False),
        )

    def stream(self, path: str) -> Iterator[bytes]:
        """See Place."""
        import urllib3

        try:
            answer = self._pool.request("GET", f"{self.label}/{path}", preload_content=False)
            try:
                if answer.status != 200:
                    raise Wrong("missing" if answer.status == 404 else f"the server answers {answer.status}")
                yield from answer.stream(_BLOCK, decode_content=False)
            finally:
                answer.release_conn()
        except urllib3.exceptions.HTTPError as error:
            raise Wrong(f"cannot be fetched: {' '.join(str(error).split())[:200]}") from None


def place_of(text: str, connections: int) -> Place:
    """The place that *text* (a path, or a ``file``, ``http`` or ``https`` URL) names; PublishError for another."""
    parts = urlsplit(text)
    if parts.scheme in ("http", "https"):
        return WebPlace(text, connections)
    directory = Path(unquote(parts.path)) if parts.scheme == "file" else Path(text)
    if not directory.is_dir():
        raise PublishError(f"{text} is neither a directory nor a URL", codes.NO_REPOSITORY)
    return DirectoryPlace(directory)


def read_file(place: Place, path: str, limit: int) -> bytes:
    """The whole file *path*; raises Wrong, also when it has more than *limit* bytes."""
    data = bytearray()
    for block in place.stream(path):
        data += block
        if len(data) > limit:
            raise Wrong(f"longer than {limit} bytes")
    return bytes(data)


@contextmanager
def _telling(what: str) -> Iterator[None]:
    try:
        yield
    except Wrong as error:
        raise Wrong(f"{what}: {error}") from None


def unpacked(place: Place, name: ContentHash, letter: str, packed: bool = True) -> Iterator[bytes]:
    """The content of an object in blocks; at the end its hash was checked, and that it is one whole zlib stream.

    Raises Wrong, which names the object.
    """
    with _telling(f"object {name}{letter}"):
        hasher = name.algorithm.new()
        unpacker = zlib.decompressobj() if packed else None
        for block in place.stream(name.object_path(letter)[1:]):
            hasher.update(block)
            if unpacker is None:
                yield block
                continue
            try:
                while block:
                    if plain := unpacker.decompress(block, _BLOCK):
                        yield plain
                    block = unpacker.unconsumed_tail
            except zlib.error as error:
                raise Wrong(f"damaged: {error}") from None
        if hasher.digest() != name.digest:
            raise Wrong("damaged: its bytes do not have the hash that it is named by")
        if unpacker is None:
            return
        if rest := unpacker.flush():
            yield rest
        if not unpacker.eof:
            raise Wrong("its zlib stream has no end")
        if unpacker.unused_data:
            raise Wrong("bytes follow the end of its zlib stream")


def read_object(place: Place, name: ContentHash, letter: str, limit: int) -> bytes:
    """The whole content of a packed object of at most *limit* bytes; raises Wrong."""
    data = bytearray()
    for block in unpacked(place, name, letter):
        data += block
        if len(data) > limit:
            raise Wrong(f"object {name}{letter}: longer than {limit} bytes")
    return bytes(data)

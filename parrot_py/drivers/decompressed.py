"""``-Z``: a tree in which files that end in ``.gz`` show what is in them, with its size.

Names stay as they are, and so does a file that only has such a name.  What was unpacked is kept with the derived
programs (derived.py) until nobody has wanted it for a week; it does not count against the quota of the cache.
"""

from __future__ import annotations

import gzip
import logging
import os
import shutil
import threading
import zlib
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, cast

from parrot_py import codes
from parrot_py.derived import kept
from parrot_py.drivers.base import Driver, Inode, may_block

_MAGIC = b"\x1f\x8b"

log = logging.getLogger("parrot_py.cache")


class Packed(NamedTuple):
    """What an inode of ours keeps: the driver's own content and size."""

    content: Any
    size: int


def veils(name: bytes) -> bool:
    """Whether a file of this *name* may be shown otherwise than its driver has it, which only a look-up finds out."""
    return name.endswith(b".gz")


class Decompressed:
    """Implements :class:`parrot_py.drivers.base.Driver` over another *driver*; unpacks into *directory*."""

    def __init__(self, driver: Driver, directory: str) -> None:
        self._driver, self._directory = driver, directory
        self._lock = threading.Lock()
        self._plain: set[tuple[int, int]] = set()
        self.veils = veils

    def __getattr__(self, name: str) -> Any:
        return getattr(self._driver, name)

    def lookup(self, path: bytes) -> Inode:
        """See :meth:`Driver.lookup`: the size is that of what is in it, so it may have to be fetched."""
        inode = self._driver.lookup(path)
        if not inode.is_regular or not veils(path):
            return inode
        local = self._unpacked(self._driver.materialise(inode))
        if local is None:
            return inode
        return inode._replace(size=os.stat(local).st_size, content=Packed(inode.content, inode.size))

    def materialise(self, inode: Inode) -> str:
        """See :meth:`Driver.materialise`."""
        local = self._driver.materialise(_own(inode))
        return (self._unpacked(local) or local) if isinstance(inode.content, Packed) else local

    def _unpacked(self, local: str) -> str | None:
        """What is in the file *local*; ``None`` when it is not compressed."""
        status = os.stat(local)
        identity = (status.st_ino, status.st_mtime_ns)
        if identity in self._plain:
            return None
        with open(local, "rb") as file:
            packed = file.read(len(_MAGIC)) == _MAGIC
        try:
            if packed:
                return kept(local, b"what is in it", self._directory, _unpack)
        except (OSError, EOFError, zlib.error) as error:
            if isinstance(error, OSError) and not isinstance(error, gzip.BadGzipFile):
                raise
            log.warning("%s: shown as it is: %s", local, error, extra=codes.BAD_OBJECT.extra)
        with self._lock:
            self._plain.add(identity)
        return None

    def getxattr(self, inode: Inode, name: bytes, gid: int | None = None) -> bytes:
        """See :meth:`Driver.getxattr`."""
        return self._driver.getxattr(_own(inode), name, gid)

    def listxattr(self, inode: Inode) -> Sequence[bytes]:
        """See :meth:`Driver.listxattr`."""
        return self._driver.listxattr(_own(inode))

    def origins(self, inode: Inode) -> Sequence[str]:
        """See :meth:`Driver.origins`."""
        return self._driver.origins(_own(inode))

    def digests(self, inode: Inode) -> Mapping[str, str]:
        """See :meth:`Driver.digests`: nobody knows those of what is in a file."""
        return {} if isinstance(inode.content, Packed) else self._driver.digests(inode)


def _own(inode: Inode) -> Inode:
    """*inode* as its driver made it."""
    packed = inode.content
    return inode._replace(content=packed.content, size=packed.size) if isinstance(packed, Packed) else inode


def _unpack(copy: str) -> None:
    may_block()
    new = f"{copy}.new"
    try:
        with gzip.open(copy) as source, open(new, "wb") as target:
            shutil.copyfileobj(source, target, 1 << 20)
        os.replace(new, copy)
    except BaseException:
        os.unlink(new)
        raise


def over(driver: Driver, directory: str) -> Driver:
    """*driver* with its compressed files unpacked."""
    return cast(Driver, Decompressed(driver, directory))

"""The magic extended attributes of the real client: which there are, where they show, who may read them, and pages.

The values come from magic_repository.py and magic_file.py; docs/attributes.md lists them all.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Union

from parrot_py.config.model import RepositoryConfig
from parrot_py.drivers.base import Inode
from parrot_py.drivers.cvmfs.magic.file import FileAttributes
from parrot_py.drivers.cvmfs.magic.repository import RepositoryAttributes

if TYPE_CHECKING:
    from parrot_py.drivers.cvmfs.driver import CvmfsDriver

Value = Union[str, bytes, None]

_PREFIXES = (b"user.", b"xfsroot.")
_PAGE = 40_000
_PAGED = re.compile(rb"([^~@]+)([~@])([0-9]{1,9}|\?)", re.DOTALL)


class Magic:
    """Computes magic attributes; None stands for "no such attribute here".  May wait; raises Failure."""

    def __init__(self, driver: CvmfsDriver) -> None:
        self._config: RepositoryConfig = driver.config
        self._repository = RepositoryAttributes(driver)
        self._everywhere: dict[bytes, Callable[[], Value]] = self._repository.table()
        self._file = FileAttributes(driver)
        self._by_inode: dict[bytes, Callable[[Inode], Value]] = self._file.table()
        self._protected = {os.fsencode(name) for name in self._config.protected_xattrs}

    @staticmethod
    def may_be(name: bytes) -> bool:
        """Whether *name* can be that of a magic attribute: nothing else is asked about those that cannot."""
        return name.startswith(_PREFIXES)

    @staticmethod
    def reserved(name: bytes) -> bool:
        """Whether *name* has the form of a page, so that no attribute of a catalog can be read by it."""
        return b"~" in name or b"@" in name

    def shown(self, inode: Inode) -> Iterator[bytes]:
        """The names that a listing shows on *inode*: usually on the root only, since they break copying tools."""
        visible = self._config.magic_xattrs
        if visible == "never" or (visible != "always" and inode.path):
            return
        absent = self._repository.absent()
        yield from (name for name in self._everywhere if name not in absent)
        yield from self._file.names(inode)

    def get(self, inode: Inode, name: bytes, gid: int | None) -> bytes | None:
        """The value of *name* (or of a page of it) for a caller whose main group is *gid* (None: the library)."""
        paged = _PAGED.fullmatch(name)
        if paged is None and self.reserved(name):
            return None
        plain = paged[1] if paged else name
        if plain in self._protected and gid not in (None, 0, *self._config.privileged_gids):
            return None
        value = self._value(inode, plain)
        if value is None:
            return None
        return _page(value, paged[3], human=paged[2] == b"@") if paged else value[:_PAGE]

    def _value(self, inode: Inode, name: bytes) -> bytes | None:
        everywhere = self._everywhere.get(name)
        if everywhere is not None:
            value = everywhere()
        else:
            by_inode = self._by_inode.get(name)
            value = by_inode(inode) if by_inode is not None else None
        return os.fsencode(value) if value is not None else None


def _page(value: bytes, which: bytes, *, human: bool) -> bytes | None:
    """Page *which* of a long value, or how many there are."""
    count = max(1, -(-len(value) // _PAGE))
    if which == b"?":
        if human:
            return b"The value has %d page(s) of up to %d characters, numbered from 0: NAME~N, NAME@N" % (count, _PAGE)
        return b"num_pages, %d" % count
    number = int(which)
    if number >= count:
        return b"There is no page %d; the last one is %d" % (number, count - 1) if human else None
    page = value[number * _PAGE : (number + 1) * _PAGE]
    return b"# page %d of %d\n%b" % (number, count, page) if human else page

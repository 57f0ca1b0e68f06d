"""Looking into objects of the cache before they are used, for who does not trust his disk (``verify_on_read``)."""

from __future__ import annotations

import os

from parrot_py import codes
from parrot_py.drivers.base import may_block
from parrot_py.drivers.cvmfs.cache.audit import GOOD, Auditor, ChunkList, Stock
from parrot_py.drivers.cvmfs.cache.local import Cache
from parrot_py.drivers.cvmfs.cache.remembered import Remembered
from parrot_py.drivers.cvmfs.trouble import log


class Scrutiny:
    """Finds objects, and hashes each before its first use.  What is not proven right is fetched again.  Thread-safe."""

    def __init__(self) -> None:
        self._good = Remembered()

    def made(self, path: str) -> None:
        """The file at *path* was verified when it was made."""
        self._good.add(path)

    def find(self, cache: Cache, name: str, size: int | None, chunks: ChunkList | None = None) -> str | None:
        """Path of the object *name* in *cache*, which consists of *chunks* if it is a whole file of them; may wait."""
        path = cache.find(name, size)
        if path is None or self._good.has(path):
            return path
        may_block()
        auditor = Auditor(cache.root)
        if chunks is not None:
            auditor.expect(name.partition("-chunked")[0], chunks)
        try:
            found = auditor.check(Stock(name, path, os.stat(path).st_size))
        except OSError as error:
            found = error.strerror or "not readable"
        if found == GOOD:
            self._good.add(path)
            return path
        log.warning(
            "object %s in the cache %s is not proven right (%s): it is fetched again",
            name,
            cache.root,
            found,
            extra=codes.BAD_OBJECT.extra,
        )
        cache.forget(name)
        return None

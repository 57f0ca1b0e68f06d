"""Which directories make up the cache of one repository: what may be written, what is only read, and what is for us."""

from __future__ import annotations

import errno
import os
import shutil
import stat
import tempfile
from collections.abc import Callable
from pathlib import Path

from parrot_py import codes
from parrot_py.config.model import RepositoryConfig
from parrot_py.drivers.cvmfs.cache.local import Cache
from parrot_py.drivers.cvmfs.cache.transaction import OBJECT_MODE, Transaction
from parrot_py.drivers.cvmfs.trouble import LocalFailure, log

_PRIVATE = "cvmfs.private"


class Layers:
    """The caches of one repository.

    ``cache`` takes objects, and finds them in the caches below it.  ``own`` takes what only we have: whole files made
    of chunks, and the empty file.  They are the same, except that an alien cache gets nothing the real client does not
    know.  A directory that cannot be written, or that a client manages with its database, is only read: then ``cache``
    is a private one above it.  ``made`` is told the path of each new object.
    """

    def __init__(self, config: RepositoryConfig) -> None:
        self._config = config
        self._private: Cache | None = None
        self._shared: Cache | None = None
        self._fell_back = False
        self.made: Callable[[str], None] = lambda _: None
        below = []
        if config.lower_cache is not None:
            lower = Cache(config.lower_cache, alien=True)
            below.append(lower)
            self._shared = None if config.lower_readonly else lower
        if _only_read(config.cache_dir, alien=config.alien):
            log.debug("cache %s: only read", config.cache_dir)
            below.insert(0, Cache(config.cache_dir, alien=True))
            self._private = Cache(_place(config), config.quota, below=below)
            self.cache = self.own = self._private
        else:
            self.cache = Cache(config.cache_dir, config.quota, alien=config.alien, below=below)
            self.own = self.private() if config.alien else self.cache

    def private(self) -> Cache:
        """A cache for us alone, in the workspace."""
        if self._private is None:
            self._private = Cache(_place(self._config), self._config.quota)
        return self._private

    def make(
        self,
        what: str,
        name: str,
        size: int,
        fill: Callable[[Transaction], None],
        mode: int = OBJECT_MODE,
        *,
        own: bool = False,
    ) -> str:
        """Path of a new object *name*, whose content *fill* writes; *size* 0 when it is not known.  Raises Failure.

        When the disk is full it is tried once more, after room was made; where the cache cannot be written, in another
        place.  *own*: nothing that other clients know.
        """
        cache = self.own if own else self.cache
        try:
            path = _made(cache, what, name, size, fill, mode)
        except LocalFailure as failure:
            spare = self._instead_of(cache, failure)
            if spare is None:
                raise
            path = _made(spare, what, name, size, fill, mode)
        self.made(path)
        if not own:
            self._share(path, name)
        return path

    def _instead_of(self, cache: Cache, failure: LocalFailure) -> Cache | None:
        """Where to put things after *failure* of *cache*; None when there is nothing better.

        A full disk stays one: evicting there is the remedy, not filling another one.
        """
        if failure.code in (errno.ENOSPC, errno.EFBIG) or cache is self._private:
            return None
        if not self._fell_back:
            self._fell_back = True
            self.cache.also(self.private())
            log.warning(
                "%s: %s: new content goes to %s",
                self._config.fqrn,
                failure,
                self.private().root,
                extra=codes.OTHER_CACHE.extra,
            )
        return self.private()

    def _share(self, path: str, name: str) -> None:
        """Put a new object into the cache below, too, if that was asked for.  A failure is a log line."""
        if self._shared is None or self._shared.find(name) is not None:
            return
        try:
            with self._shared.transaction(name, name) as txn:
                with open(path, "rb") as source, open(txn.complete(), "wb") as target:
                    shutil.copyfileobj(source, target)
                txn.commit(name, OBJECT_MODE)
        except (LocalFailure, OSError) as error:
            log.debug("not put into the cache below: %s", error)


def _made(cache: Cache, what: str, name: str, size: int, fill: Callable[[Transaction], None], mode: int) -> str:
    for last in (False, True):
        try:
            with cache.transaction(what, name, size) as txn:
                fill(txn)
                return txn.commit(name, mode)
        except LocalFailure as failure:
            if last or failure.code != errno.ENOSPC or not cache.make_room(size):
                raise
    raise AssertionError("unreachable")


def _only_read(root: Path, *, alien: bool) -> bool:
    """Whether there is a cache that we must not, or cannot, write to."""
    try:
        if not os.path.isdir(root):
            return False
        return not os.access(root, os.W_OK | os.X_OK) or (not alien and os.path.exists(root / "cachedb"))
    except OSError:
        return True


def _place(config: RepositoryConfig) -> Path:
    """A directory of ours; one that somebody else was quicker to make is not taken."""
    above = config.workspace or Path(tempfile.gettempdir()) / f"parrot.{os.getuid()}"
    try:
        above.mkdir(mode=0o700, parents=True, exist_ok=True)
        (above / _PRIVATE).mkdir(mode=0o755 if os.getuid() == 0 else 0o700, exist_ok=True)
        status = os.lstat(above / _PRIVATE)
        if stat.S_ISDIR(status.st_mode) and status.st_uid == os.getuid() and not status.st_mode & 0o022:
            return above / _PRIVATE
    except OSError as error:
        log.debug("workspace %s: %s", above, error)
    return Path(tempfile.mkdtemp(prefix="parrot."))

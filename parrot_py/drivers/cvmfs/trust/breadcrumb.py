"""What a cache remembers of a repository: the newest revision that was proven to somebody who uses it.

The file ``cvmfschecksum.<fqrn>`` has the text of the real client and is not signed, so it proves nothing.  It says
which manifests are old news.  Only where nobody else could have written it is it more than a hint: no revision before
it is accepted, and it is shown when no server answers.
"""

from __future__ import annotations

import fcntl
import os
import re
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from parrot_py.drivers.cvmfs.cache.local import Cache
from parrot_py.drivers.cvmfs.hashes import ContentHash
from parrot_py.drivers.cvmfs.trouble import log
from parrot_py.drivers.cvmfs.trust.manifest import Manifest

_CRUMB = re.compile(r"([0-9a-f]{40}[-a-z0-9]*)T([0-9]{1,19})(?:R([0-9]{1,19}))?")
_LIMIT = 164
# Seconds.  Whoever holds the lock writes a few bytes; a process that was stopped just then must not stop others.
_LOCK_PATIENCE = 1.0


class Breadcrumb(NamedTuple):
    """What a cache knows of a repository without a server: root, time of the manifest, revision (0: unknown)."""

    root: ContentHash
    timestamp: int
    revision: int

    def __str__(self) -> str:
        return f"{self.root}T{self.timestamp}R{self.revision}"

    @classmethod
    def parse(cls, data: bytes | None) -> Breadcrumb | None:
        """Read the text of a breadcrumb file; None for anything else."""
        match = _CRUMB.fullmatch(data.decode("ascii", "replace").rstrip("\n")) if data else None
        try:
            return cls(ContentHash.parse(match[1]), int(match[2]), int(match[3] or 0)) if match else None
        except ValueError:
            return None

    @classmethod
    def of(cls, manifest: Manifest) -> Breadcrumb:
        """What to remember of *manifest*."""
        return cls(manifest.root, manifest.timestamp, manifest.revision)

    def newer_than(self, manifest: Manifest) -> bool:
        """Whether *manifest* would take us back in time; breadcrumbs of old clients know only the time."""
        if self.revision:
            return manifest.revision < self.revision
        return manifest.timestamp < self.timestamp

    @property
    def age(self) -> tuple[int, int]:
        """Orders breadcrumbs: the larger is the newer."""
        return self.revision, self.timestamp


def newest(*crumbs: Breadcrumb | None) -> Breadcrumb | None:
    """The newest of those that are there; the first of equals."""
    return max((crumb for crumb in crumbs if crumb is not None), key=lambda crumb: crumb.age, default=None)


class CrumbFile:
    """The breadcrumb of repository *fqrn* in *cache*.  In a cache of several users, who may not read it has another.

    *pin* names a breadcrumb of its own for what a tag or a date meant.  Thread-safe, also between processes.
    """

    def __init__(self, cache: Cache, fqrn: str, pin: str = "") -> None:
        name = f"cvmfschecksum.{fqrn}{pin and '.' + pin}"
        self._cache, self._names = cache, (name, f"{name}.{os.getuid()}")

    def read(self) -> Breadcrumb | None:
        """What the cache says, whoever wrote it."""
        return newest(*(self._parse(path)[0] for path in self._places()))

    def read_own(self) -> Breadcrumb | None:
        """What we (or root) wrote there, and nobody else can have changed."""
        return newest(*(crumb for crumb, own in map(self._parse, self._places()) if own))

    def _places(self) -> list[str]:
        return [path for name in self._names for path in self._cache.places(name)]

    def leave(self, ours: Breadcrumb, *, replace: bool = False) -> None:
        """Remember *ours* unless something newer is there, which only *replace* forgets.

        Only a loss when it fails, so failure is a log line.
        """
        for name in self._names:
            path = self._cache.path(name)
            try:
                with _alone(path):
                    there = self._parse(path)[0]
                    if there != ours and (replace or there is None or there.age <= ours.age):
                        self._cache.put(name, str(ours).encode(), 0o600)
                return
            except PermissionError:
                continue  # another user's
            except OSError as error:
                log.debug("breadcrumb %s: %s", path, error)
                return

    def _parse(self, path: str) -> tuple[Breadcrumb | None, bool]:
        """The breadcrumb in a file, and whether it is surely ours."""
        try:
            fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
        except OSError:
            return None, False
        try:
            status = os.fstat(fd)
            own = status.st_uid in (os.getuid(), 0) and not status.st_mode & 0o022
            return (Breadcrumb.parse(os.read(fd, _LIMIT)) if stat.S_ISREG(status.st_mode) else None), own
        except OSError:
            return None, False
        finally:
            os.close(fd)


@contextmanager
def _alone(path: str) -> Iterator[None]:
    """Hold the lock of the file *path*, which is made if need be; where there are no locks do without."""
    until = time.monotonic() + _LOCK_PATIENCE
    while True:
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            # Whoever had the lock before may have replaced the file.
            if not _locked(fd, until) or _is_at(fd, path):
                yield
                return
        finally:
            os.close(fd)


def _locked(fd: int, until: float) -> bool:
    while True:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > until:
                return False
            time.sleep(0.01)
        except OSError:
            return False
        else:
            return True


def _is_at(fd: int, path: str) -> bool:
    try:
        return os.path.samestat(os.fstat(fd), os.stat(path, follow_symlinks=False))
    except OSError:
        return False

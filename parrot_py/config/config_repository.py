"""A configuration repository: read through our own driver, or from the host's /cvmfs where it is mounted."""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING

from parrot_py.config.model import RepositoryConfig

if TYPE_CHECKING:
    from parrot_py.drivers.cvmfs import Repository


class ConfigRepository:
    """The files of one repository.  Thread-safe.  May wait for the network; raises OSError."""

    def __init__(self, config: RepositoryConfig) -> None:
        self._config = config
        self._lock = threading.Lock()
        self._opened: Repository | None = None

    def _repository(self) -> Repository:
        with self._lock:
            if self._opened is None:
                # The driver is above the configuration, and takes long to import.
                from parrot_py.drivers.cvmfs import Repository

                self._opened = Repository(self._config)
            return self._opened

    def check(self) -> None:
        """Raise OSError if the repository cannot be had."""
        self._repository().lookup(b"")

    def read(self, path: str) -> bytes:
        """The content of the file at *path*, links followed."""
        return self._repository().read(os.fsencode(path))

    def mode(self, path: str) -> int:
        """The mode of what is at *path*, links followed."""
        return self._repository().stat(os.fsencode(path)).mode

    def names(self, path: str) -> list[str]:
        """The names in the directory at *path*."""
        return [os.fsdecode(entry.name) for entry in self._repository().scandir(os.fsencode(path))]

    def close(self) -> None:
        """Drop connections; the next question opens the repository again."""
        with self._lock:
            if self._opened is not None:
                self._opened.close()
                self._opened = None

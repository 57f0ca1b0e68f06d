"""What a run writes down about the job's accesses, and what it fetches before the job asks: the run's side of both.

The driver's side is in parrot_py/drivers/cvmfs (record.py, recorder.py, ahead.py); it is imported when it is asked for.
"""

from __future__ import annotations

import logging
import os
import threading
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Callable

from parrot_py import codes, threads
from parrot_py.config.model import RepositoryConfig, RunConfig
from parrot_py.drivers import registry
from parrot_py.drivers.base import Driver
from parrot_py.errors import ConfigError

if TYPE_CHECKING:
    from parrot_py.drivers.cvmfs.ahead.record import Touch
    from parrot_py.drivers.cvmfs.ahead.recorder import Recorder

log = logging.getLogger("parrot_py.cvmfs")


class Accesses:
    """The record of one run, and its lists of things to fetch ahead."""

    def __init__(self, config: RunConfig) -> None:
        """Read the lists and begin the record; ConfigError when that is not possible."""
        self._wanted: dict[str, list[Touch]] = {}
        self._recorder: Recorder | None = None
        for path in config.prefetch:
            self._read(path)
        if config.record_access is not None:
            from parrot_py.drivers.cvmfs.ahead.recorder import Recorder

            self._recorder = Recorder(config.record_access)

    def _read(self, path: Path) -> None:
        from parrot_py.drivers.cvmfs.ahead.record import read_file

        try:
            found = read_file(path)
        except OSError as error:
            raise ConfigError(f"--prefetch: cannot read {str(path)!r}: {error.strerror}", codes.CONFIG_FILE) from error
        if not found:
            log.warning("--prefetch: %s lists nothing below /cvmfs", path, extra=codes.NOTHING_LISTED.extra)
        for name, touches in found.items():
            self._wanted.setdefault(name, []).extend(touches)

    def driver(self, name: bytes, found: RepositoryConfig) -> Driver:
        """The driver of the repository that the job sees as ``/cvmfs/<name>``."""
        extras: dict[str, Any] = {}
        text = os.fsdecode(name)
        if self._recorder is not None:
            from parrot_py.drivers.cvmfs.ahead.recorder import Recording

            extras["recording"] = Recording(self._recorder, text, found.subpath)
        if text in self._wanted:
            extras["wanted"] = self._wanted[text]
        return registry.make("cvmfs", found, **extras)

    def start(self, find: Callable[[bytes], Driver | None]) -> None:
        """Open what the lists name, each on a thread of its own; its driver then fetches ahead.  Does not wait."""
        for name in self._wanted:
            threads.start(partial(_open, find, os.fsencode(name)), "parrot-open")

    def close(self) -> None:
        """The job is over: the record is complete."""
        if self._recorder is not None:
            self._recorder.close()


def _open(find: Callable[[bytes], Driver | None], name: bytes) -> None:
    try:
        driver = find(name)
        if driver is None:
            log.debug("%s: nothing is fetched ahead: not configured, or the host's own", os.fsdecode(name))
        else:
            driver.lookup(b"")
    except OSError as error:
        log.debug("%s: nothing is fetched ahead: %s", os.fsdecode(name), error)


def fetching_ahead() -> bool:
    """Whether threads are at work whose results nobody is going to see."""
    return any(thread.name in ("parrot-prefetch", "parrot-open") for thread in threading.enumerate())

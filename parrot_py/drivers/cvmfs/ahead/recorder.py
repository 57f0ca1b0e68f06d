"""Writing down what a job touches, while it runs.

Lines go to ``FILE.part`` at once, so that a run that is killed leaves a record as well; at the end that becomes FILE.
"""

from __future__ import annotations

import os
import threading
from contextlib import suppress
from pathlib import Path

from parrot_py import codes
from parrot_py.drivers.base import Inode
from parrot_py.drivers.cvmfs.ahead.record import CATALOG, DIRECTORY, FILE, Touch, line_of
from parrot_py.drivers.cvmfs.catalogs.rows import FileContent, Mount
from parrot_py.drivers.cvmfs.catalogs.schema import FLAG_CHUNKED, FLAG_EXTERNAL, flags_algorithm, flags_compression
from parrot_py.drivers.cvmfs.hashes import ContentHash
from parrot_py.drivers.cvmfs.trouble import log
from parrot_py.drivers.cvmfs.urgency import current
from parrot_py.errors import ConfigError

MOST_LINES = 200_000
"""A longer record would not fetch anything sooner; and the tracer remembers what is in it."""


class Recorder:
    """Writes the record FILE.  Thread-safe."""

    def __init__(self, path: Path) -> None:
        """Begin; raises ConfigError when nothing can be written there."""
        if os.path.exists(path) and not os.path.isfile(path):
            # In the end the record takes its place: as root /dev/null would go away.
            raise ConfigError(f"--record-access: {str(path)!r} is there and is no file", codes.OUTPUT_FILE)
        self.path = path
        self._part = Path(f"{path}.part")
        self._seen: set[tuple[str, str | None, bytes, str | None]] = set()
        self._lock = threading.Lock()
        try:
            self._fd = os.open(self._part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o666)
        except OSError as error:
            raise ConfigError(
                f"--record-access: cannot write {str(self._part)!r}: {error.strerror}", codes.OUTPUT_FILE
            ) from error

    def seen(self, name: str, touch: Touch) -> bool:
        """Whether *touch* of the repository *name* is in the record already."""
        return _key(name, touch) in self._seen

    def note(self, name: str, touch: Touch) -> None:
        """Write down *touch* of the repository *name*, unless that was done before."""
        key = _key(name, touch)
        with self._lock:
            if key in self._seen or self._fd < 0 or len(self._seen) >= MOST_LINES:
                return
            self._seen.add(key)
            self._write(line_of(name, touch).encode())
        if len(self._seen) == MOST_LINES:
            log.warning(
                "%s: not longer than %d lines: the rest is not recorded",
                self.path,
                MOST_LINES,
                extra=codes.OUTPUT_FILE.extra,
            )

    def _write(self, line: bytes) -> None:
        try:
            os.write(self._fd, line)
        except OSError as error:
            self._give_up(error)

    def _give_up(self, error: OSError) -> None:
        log.warning("%s: the record ends here: %s", self._part, error.strerror, extra=codes.OUTPUT_FILE.extra)
        os.close(self._fd)
        self._fd = -1

    def close(self) -> None:
        """The record is complete: give it its name.  Idempotent."""
        with self._lock:
            if self._fd < 0:
                return
            os.close(self._fd)
            self._fd = -1
        try:
            os.rename(self._part, self.path)
        except OSError as error:
            log.warning(
                "--record-access: the record stays in %s: %s", self._part, error.strerror, extra=codes.OUTPUT_FILE.extra
            )


def _key(name: str, touch: Touch) -> tuple[str, str | None, bytes, str | None]:
    """What makes a touch another one than before: for catalogs also the hash, since those above a part have no path."""
    return name, touch.kind, touch.path, touch.hash if touch.kind == CATALOG else None


class Recording:
    """The part of a record that is about one repository, which the job sees as ``/cvmfs/<name>``.  Thread-safe.

    What is fetched ahead leaves no trace here: a record tells what the job needed.
    """

    def __init__(self, recorder: Recorder, name: str, subpath: bytes) -> None:
        self._recorder, self._name, self._subpath = recorder, name, subpath

    def catalog(self, mount: Mount) -> None:
        """Something is asked of the catalog at *mount*."""
        path = mount.path[len(self._subpath) :] if mount.path.startswith(self._subpath + b"/") else b""
        self._note(Touch(path, CATALOG, str(mount.catalog.hash)))

    def directory(self, inode: Inode) -> None:
        """The directory *inode* is listed."""
        self._note(Touch(inode.path, DIRECTORY))

    def file(self, inode: Inode, content: FileContent) -> None:
        """The *content* of the file *inode* is needed."""
        if self._recorder.seen(self._name, Touch(inode.path, FILE)):
            return
        flags, digest, _ = content
        touch = Touch(inode.path, FILE, None, inode.size, flags_compression(flags))
        if digest and not flags & (FLAG_CHUNKED | FLAG_EXTERNAL):
            with suppress(ValueError):  # an algorithm that nobody knows: opening it fails, which is told there
                touch = touch._replace(hash=str(ContentHash(flags_algorithm(flags), digest)))
        self._note(touch)

    def _note(self, touch: Touch) -> None:
        if current() is None:
            self._recorder.note(self._name, touch)

"""Copies of files of /proc, in which the job reads the names that it knows: ``SESSION/m/<file>@<thread>``.

A copy is there for one open by the thread that asked.  The thread has done that when it asks again, or is gone; what
has the copy open then keeps it.
"""

from __future__ import annotations

import os

FOLDER = b"m"
_FEW = 64


def original(name: bytes) -> bytes | None:
    """The path of the file that the copy called *name* is of; ``None`` for no name of a copy."""
    flat, mark, _ = name.partition(b"@")
    return b"/proc/" + flat.replace(b"-", b"/") if mark else None


class Copies:
    """The copies in the session *directory*."""

    def __init__(self, directory: bytes) -> None:
        self._directory = directory
        self._folder = directory + b"/" + FOLDER
        self._last: dict[int, bytes] = {}
        self._many = _FEW

    def seen_by(self, tid: int) -> bool:
        """Whether thread *tid* finds copies by their paths: not in a root directory or among mounts that hide them."""
        try:
            there, here = os.stat(b"/proc/%d/root%s" % (tid, self._directory)), os.stat(self._directory)
        except OSError:
            return False
        return os.path.samestat(there, here)

    def put(self, path: bytes, tid: int, text: bytes) -> bytes:
        """A copy of the file *path* of /proc that says *text*, for thread *tid* to open."""
        copy = b"%s/%s@%d" % (self._folder, path[len(b"/proc/") :].replace(b"/", b"-"), tid)
        former = self._last.pop(tid, None)
        if former is not None and former != copy:
            _remove(former)
        if len(self._last) >= self._many:
            self._sweep()
        os.makedirs(self._folder, exist_ok=True)
        # A new file each time: who still reads the last one keeps it.
        with open(copy + b".new", "wb") as file:
            file.write(text)
            os.fchmod(file.fileno(), 0o444)
        os.replace(copy + b".new", copy)
        self._last[tid] = copy
        return copy

    def _sweep(self) -> None:
        """Remove the copies of threads that are gone; as many as there are threads may stay."""
        for tid in [tid for tid in self._last if not os.path.exists(f"/proc/{tid}")]:
            _remove(self._last.pop(tid))
        self._many = max(_FEW, 2 * len(self._last))


def _remove(copy: bytes) -> None:
    try:
        os.unlink(copy)
    except FileNotFoundError:
        pass  # the job may clean up in its tempdir

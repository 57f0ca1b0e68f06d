"""The directory to which an archive is unpacked for one run; goes away with it."""

from __future__ import annotations

import os
from pathlib import Path

from parrot_py import sessiondir


class Unpacked:
    """Nothing at first.  What a killed run left is removed by the next run on the host, as its session directory is."""

    def __init__(self) -> None:
        self._path: Path | None = None

    def make(self, tempdir: Path) -> Path:
        """Make the directory, below *tempdir*."""
        self._path = sessiondir.beside(tempdir)
        return self._path

    def remove(self) -> None:
        """Remove it, if it was made."""
        path, self._path = self._path, None
        if path is not None:
            remove(path)


def remove(top: Path) -> None:
    """Remove the tree *top*, whose directories may permit nothing."""
    _permit(os.fsencode(top))
    sessiondir.remove(top)


def _permit(directory: bytes) -> None:
    os.chmod(directory, 0o700)
    with os.scandir(directory) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                _permit(entry.path)

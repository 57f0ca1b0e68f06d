"""The directory to which an archive is unpacked for one run; goes away with it."""

from __future__ import annotations

from pathlib import Path

from parrot_py import sessiondir


class Unpacked:
    """Nothing at first.  What a killed run left is removed by the next run on the host, as its session directory is."""

    def __init__(self) -> None:
        self._path: Path | None = None

    def make(self, tempdir: Path) -> Path:
        """Make the directory, below *tempdir*, where programs may be started."""
        self._path = sessiondir.beside(tempdir)
        return self._path

    def remove(self) -> None:
        """Remove it, if it was made."""
        path, self._path = self._path, None
        if path is not None:
            sessiondir.remove(path, closed=True)

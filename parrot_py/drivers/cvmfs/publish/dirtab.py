"""``.cvmfsdirtab`` in the top directory of a source: patterns of directories that become nested catalogs.

A line is a pattern such as ``/software/*/*``, as absolute path of the repository; ``*``, ``?`` and ``[…]`` stand for
part of one name, never for a ``/`` nor for the dot at the beginning of a name.  ``!`` before a pattern excludes what it
matches; an exclusion without a ``/`` at its beginning matches the end of a path.  ``#`` begins a comment line.
"""

from __future__ import annotations

import fnmatch
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from parrot_py import codes
from parrot_py.drivers.cvmfs.publish.objects import PublishError

DIRTAB = ".cvmfsdirtab"


class Dirtab(NamedTuple):
    """The patterns by the names they consist of; *anywhere* are exclusions that match the end of a path."""

    wanted: tuple[tuple[bytes, ...], ...] = ()
    excluded: tuple[tuple[bytes, ...], ...] = ()
    anywhere: tuple[tuple[bytes, ...], ...] = ()

    def matches(self, path: bytes) -> bool:
        """Whether a nested catalog begins at the directory *path* (``/a/b``)."""
        names = path.split(b"/")[1:]
        if not any(_match(pattern, names) for pattern in self.wanted):
            return False
        if any(_match(pattern, names) for pattern in self.excluded):
            return False
        return not any(_match(pattern, names[-len(pattern) :]) for pattern in self.anywhere)


NO_PATTERNS = Dirtab()


def _match(pattern: Sequence[bytes], names: Sequence[bytes]) -> bool:
    return len(pattern) == len(names) and all(
        fnmatch.fnmatchcase(name, part) and name.startswith(b".") <= part.startswith(b".")
        for part, name in zip(pattern, names)
    )


def read_dirtab(source: Path) -> Dirtab:
    """The patterns of the directory *source*, none without a file; PublishError for a line that is no pattern."""
    try:
        data = source.joinpath(DIRTAB).read_bytes()
    except FileNotFoundError:
        return Dirtab()
    except OSError as error:
        raise PublishError(f"cannot read {source / DIRTAB}: {error.strerror}", codes.PUBLISH_SOURCE) from error
    wanted: list[tuple[bytes, ...]] = []
    excluded: list[tuple[bytes, ...]] = []
    anywhere: list[tuple[bytes, ...]] = []
    for number, line in enumerate(data.split(b"\n"), 1):
        text = line.strip()
        if not text or text.startswith(b"#"):
            continue
        negative, pattern = text.startswith(b"!"), text.lstrip(b"!").strip()
        names = tuple(name for name in pattern.split(b"/") if name)
        if not names or not (negative or pattern.startswith(b"/")):
            raise PublishError(
                f"{source / DIRTAB}, line {number}: {text!r} is no pattern such as /a/* or ! /a/b", codes.PUBLISH_SOURCE
            )
        where = wanted if not negative else excluded if pattern.startswith(b"/") else anywhere
        where.append(names)
    return Dirtab(tuple(wanted), tuple(excluded), tuple(anywhere))

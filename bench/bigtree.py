"""A big repository, made quickly: many entries in many nested catalogs.

    tree = make_tree(work / "tree", Shape(entries=100_000, catalogs=50))

It takes seconds, because the files are names (hard links) of a few contents; the publisher reads each content once.
No two links of one content lie in one directory, so the repository has no groups of hard links.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from parrot_py.drivers.cvmfs.publish.keys import open_keys
from parrot_py.drivers.cvmfs.publish.publication import Published, PublishOptions, publish

FILES_IN_A_DIRECTORY = 100
_MARKER = ".cvmfscatalog"


@dataclass(frozen=True)
class Shape:
    """How big: *entries* below the root, in *catalogs* nested catalogs beside the root's own.

    *contents* different files of *size* bytes; at least FILES_IN_A_DIRECTORY, so that a directory has no two alike.
    """

    entries: int = 100_000
    catalogs: int = 50
    contents: int = 400
    size: int = 600


def make_tree(root: Path, shape: Shape) -> Path:
    """Fill *root* (made here) with ``package-00/part-00/module_00.py`` and so on; answers *root*.

    Every package is a nested catalog.  The count of entries is exact: packages, parts, markers and files together.
    """
    pool = _contents(root.with_name(root.name + ".contents"), shape)
    os.makedirs(root)
    left, number = shape.entries, 0
    for package in range(shape.catalogs):
        share = left // (shape.catalogs - package)
        left -= share
        place = f"{os.fspath(root)}/package-{package:02}"
        os.mkdir(place)
        os.close(os.open(f"{place}/{_MARKER}", os.O_CREAT | os.O_WRONLY, 0o644))
        number = _fill(place, share - 2, pool, number)
    return root


def _fill(place: str, entries: int, pool: list[str], number: int) -> int:
    """Put *entries* entries into *place*; *number* counts the files of all calls."""
    part = 0
    while entries > 0:
        directory = f"{place}/part-{part:02}"
        os.mkdir(directory)
        files = min(FILES_IN_A_DIRECTORY, entries - 1)
        for name in range(files):
            os.link(pool[number % len(pool)], f"{directory}/module_{name:02}.py")
            number += 1
        entries -= files + 1
        part += 1
    return number


def _contents(place: Path, shape: Shape) -> list[str]:
    os.makedirs(place)
    names = []
    for number in range(max(shape.contents, FILES_IN_A_DIRECTORY)):
        names.append(f"{os.fspath(place)}/{number}")
        with open(names[-1], "w", encoding="ascii") as file:
            file.write((f"# content {number}\n" * (shape.size // 8))[: shape.size])
    return names


def publish_big(work: Path, fqrn: str, shape: Shape, options: PublishOptions | None = None) -> Published:
    """Make the tree, keys and the published repository below *work* (``tree``, ``keys``, ``web``)."""
    tree = make_tree(work / "tree", shape)
    return publish(tree, work / "web", open_keys(work / "keys", fqrn), options)

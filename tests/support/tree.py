"""The rich test tree: made as the job's user, published as ``twin.parrot.test``, and kept as a plain directory."""

from __future__ import annotations

import os
import sqlite3
from dataclasses import dataclass
from pathlib import Path

from parrot_py.drivers.cvmfs.publish.keys import open_keys
from parrot_py.drivers.cvmfs.publish.objects import ChunkSizes
from parrot_py.drivers.cvmfs.publish.publication import PublishOptions, publish
from tests.support import places, tree_content

NAME = "twin.parrot.test"
TOP = f"/cvmfs/{NAME}"
KIB = 1024

FORBIDDEN = {"unreadable": 0, "modes/0000": 0, "bin/exec-only": 0o111, "noexec-dir": 0o600, "noread-dir": 0o300}
"""Modes that would keep an ordinary user from publishing or copying the tree: both sides get them afterwards."""


@dataclass(frozen=True)
class Published:
    """A repository ready to be served: *web* holds ``NAME/``, *key* is its master public key, *plain* its source."""

    name: str
    web: Path
    key: Path
    plain: Path


def twin_tree() -> Published:
    """The tree of the twins, made once per run of the tests."""
    place = places.once("twin", _build)
    return Published(NAME, place / "web", place / "keys" / f"{NAME}.pub", place / "plain")


def _build(place: Path) -> None:
    place.mkdir()
    plain = places.fresh(place / "plain")
    before = os.umask(0o022)
    tree_content.fill(plain, TOP)
    os.umask(before)
    places.give_all(plain)
    options = PublishOptions(chunk_sizes=ChunkSizes(512 * KIB, 1024 * KIB, 2048 * KIB), edit_catalog=_forbid)
    publish(plain, place / "web", open_keys(place / "keys", NAME), options)


def _forbid(_: bytes, catalog: sqlite3.Connection) -> None:
    for rel, mode in FORBIDDEN.items():
        name = os.path.basename(rel).encode()
        catalog.execute("UPDATE catalog SET mode = (mode & ~4095) | ? WHERE CAST(name AS BLOB) = ?", (mode, name))

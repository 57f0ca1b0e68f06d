"""The tree of the driver contract on disk, for whatever serves directories."""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Mapping
from pathlib import Path

from parrot_py.drivers.base import Driver
from tests.drivers.contract import TREE


def write_tree(top: Path, listed: Mapping[bytes, tuple[int, bytes]] = TREE) -> Path:
    shutil.rmtree(top, ignore_errors=True)
    top.mkdir()
    for name, (kind, data) in listed.items():
        path = os.fsencode(top) + name
        if kind == stat.S_IFDIR:
            os.makedirs(path, exist_ok=True)
        elif kind == stat.S_IFLNK:
            os.symlink(data, path)
        else:
            os.makedirs(os.path.dirname(path), exist_ok=True)
            Path(os.fsdecode(path)).write_bytes(data)
    return top


def materialise_all(driver: Driver) -> None:
    """Have the content of every file, so that what is opened before a change can be read after it."""
    for name, (kind, _) in TREE.items():
        if kind == stat.S_IFREG:
            driver.materialise(driver.lookup(name))

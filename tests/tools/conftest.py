"""``parrot_cvmfs`` run in this process, on a repository of our own making."""

from __future__ import annotations

import json
import logging
import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from parrot_py import log
from parrot_py.drivers.cvmfs.catalogs.schema import pack_xattrs
from parrot_py.tools.main import main
from tests.drivers.cvmfs.conftest import Forged, forged
from tests.drivers.cvmfs.forge import CHUNKED, DIR, LINK, NESTED, NESTED_ROOT, Row

__all__ = ["forged"]

PARTS = [bytes([n]) * (1000 + n) for n in range(5)]
BIG = b"".join(PARTS)


@dataclass
class Result:
    """What one invocation did."""

    status: int
    out: bytes
    err: str

    @property
    def text(self) -> str:
        return self.out.decode("utf-8", "surrogateescape")

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def lines(self) -> list[Any]:
        """JSON lines."""
        return [json.loads(line) for line in self.out.splitlines()]


class Tool:
    """Runs the command with a cache of its own."""

    def __init__(self, forged: Forged, place: Path, capture: pytest.CaptureFixture[bytes]) -> None:
        self.forged, self.place, self._capture = forged, place, capture
        self.name = forged.forge.name
        self.cache = place / "tempdir" / "cvmfs"

    @property
    def options(self) -> list[str]:
        """How the repository is reached, quick to give up."""
        url = f"{self.forged.server.url}/cvmfs/{self.name}"
        entry = f"{self.name}:url={url},pubkey={self.forged.forge.key_file},timeout=30,timeout_direct=30"
        return ["-r", entry, "-t", str(self.place / "tempdir"), "-p", "DIRECT", "-T", "60s"]

    def __call__(self, *words: str | Path) -> Result:
        """Run it in this process."""
        try:
            status = main([*self.options, *map(str, words)])
        except SystemExit as left:
            status = int(left.code or 0)
        out, err = self._capture.readouterr()
        return Result(status, out, err.decode())

    def command(self, *words: str | Path) -> list[str]:
        """The same as a process of its own."""
        return [sys.executable, "-m", "parrot_py.tools.main", *self.options, *map(str, words)]

    def start(self, *words: str | Path, **how: Any) -> subprocess.Popen[bytes]:
        """Start that."""
        environ = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
        return subprocess.Popen(self.command(*words), env=environ, **how)


@pytest.fixture
def tool(forged: Forged, tmp_path: Path, capsysbinary: pytest.CaptureFixture[bytes]) -> Iterator[Tool]:
    root = logging.getLogger(log.ROOT)
    propagate, level = root.propagate, root.level
    yield Tool(forged, tmp_path, capsysbinary)
    log.stop()
    root.propagate = propagate
    root.setLevel(level)


def publish_tree(forged: Forged, revision: int = 1, *more: Row) -> None:
    """A bit of everything."""
    forge = forged.forge
    chunks, at = [], 0
    for part in PARTS:
        chunks.append((b"/big", at, len(part), forge.store(part, "P").digest))
        at += len(part)
    deep = forge.file(b"/nested/deep", b"deep down")
    inner = forge.catalog([Row(b"/nested", NESTED_ROOT), deep], properties={"root_prefix": "/nested"})
    same = forge.file(b"/dir/same1", b"one content", hardlinks=1 << 32 | 2)
    rows = [
        Row(b"/dir", DIR, mode=stat.S_IFDIR | 0o550),
        same,
        {**same, **_place(b"/dir/same2")},
        forge.file(b"/dir/tool", b"#!/bin/sh\n", mode=stat.S_IFREG | 0o4755, mtime=1600000000, mtimens=123456789),
        forge.file(b"/hello", b"hello, world\n", xattr=pack_xattrs({b"user.note": b"kept"})),
        forge.file(b"/empty", b""),
        forge.file(b"/odd \xff\n\x1b[31m", b"odd"),
        Row(b"/link", LINK, symlink=b"dir/tool"),
        Row(b"/out", LINK, symlink=b"/etc/passwd"),
        Row(b"/pipe", 0x14, mode=stat.S_IFIFO | 0o600, size=0),
        Row(b"/big", CHUNKED, size=at),
        Row(b"/nested", NESTED),
        *more,
    ]
    root = forge.catalog(
        [Row(b"", DIR), *rows], chunks=chunks, nested={"/nested": inner}, properties={"revision": revision}
    )
    forge.whitelist()
    forge.manifest(root, revision=revision)


def _place(path: bytes) -> dict[str, Any]:
    row = Row(path, 0x4)
    return {key: row[key] for key in ("md5path_1", "md5path_2", "parent_1", "parent_2", "name")}


@pytest.fixture
def tree(tool: Tool) -> Tool:
    """The tool, and a repository with a bit of everything."""
    publish_tree(tool.forged)
    return tool

"""Cache files are written in pieces that make large folios in the page cache."""

from __future__ import annotations

import os
import random
import zlib
from pathlib import Path
from typing import Callable

import pytest

from parrot_py.config.model import RepositoryConfig
from parrot_py.drivers.cvmfs import Repository
from parrot_py.drivers.cvmfs.cache.pieces import PIECE, Pieces
from tests.drivers.cvmfs.conftest import Forged

Open = Callable[[RepositoryConfig], Repository]
CONTENT = random.Random(3).randbytes(3 * PIECE + 12_345)


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """Length and offset of every write that is made from now on."""
    calls: list[tuple[int, int]] = []
    pwrite = os.pwrite

    def noted(fd: int, data: memoryview, offset: int) -> int:
        calls.append((len(data), offset))
        return pwrite(fd, data, offset)

    monkeypatch.setattr("parrot_py.drivers.cvmfs.cache.pieces.os.pwrite", noted)
    return calls


@pytest.mark.parametrize("start", [0, 1, PIECE - 1, PIECE, PIECE + 5000])
@pytest.mark.parametrize("block", [5_000, 1 << 16, PIECE, 2 * PIECE + 1])
def test_any_blocks_become_the_file(tmp_path: Path, written: list[tuple[int, int]], start: int, block: int) -> None:
    fd = os.open(tmp_path / "file", os.O_RDWR | os.O_CREAT)
    output = Pieces(fd, start)
    output.write(b"a false start" * 300_000)
    output.restart()
    written.clear()
    for at in range(0, len(CONTENT), block):
        output.write(CONTENT[at : at + block])
    output.flush()
    os.close(fd)
    assert (tmp_path / "file").read_bytes()[start:] == CONTENT
    assert all(offset % PIECE == 0 for _, offset in written[1:])
    assert all((offset + length) % PIECE == 0 for length, offset in written[:-1])


def test_a_short_write_is_continued(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pwrite = os.pwrite
    monkeypatch.setattr(
        "parrot_py.drivers.cvmfs.cache.pieces.os.pwrite", lambda fd, data, offset: pwrite(fd, data[:100_001], offset)
    )
    fd = os.open(tmp_path / "file", os.O_RDWR | os.O_CREAT)
    output = Pieces(fd)
    output.write(CONTENT)
    output.flush()
    os.close(fd)
    assert (tmp_path / "file").read_bytes() == CONTENT


def test_what_is_fetched_is_written_so(forged: Forged, opened: Open, written: list[tuple[int, int]]) -> None:
    forge = forged.forge
    content = zlib.compress(CONTENT)[:-1] + CONTENT  # nothing that deflate makes smaller
    forge.publish([forge.file(b"/big", content)])
    repository = opened(forged.config())
    inode = repository.lookup(b"/big")
    written.clear()
    assert Path(repository.materialise(inode)).read_bytes() == content
    assert len(written) == len(content) // PIECE + 1

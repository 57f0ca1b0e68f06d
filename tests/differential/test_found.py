"""What the fuzzer has found, each by its name: the sides agree on it now, and must for ever."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.differential.compare import first_difference
from tests.differential.worlds import Mode, Said, Unavailable, Worlds
from tests.support import places

_TEXT = "".join(
    line for line in Path(__file__).with_name("found.txt").read_text().splitlines(keepends=True) if line[0] != "#"
)
NAMES = [line[4:] for line in _TEXT.splitlines() if line.startswith("seq ")]


@pytest.fixture(scope="module")
def said() -> Iterator[tuple[Said, Said]]:
    """What both sides say about all of them."""
    try:
        worlds = Worlds(f"found-{os.getpid()}", places.job_uid())
    except Unavailable as error:
        pytest.skip(f"no mount namespace to compare with: {error}")
    yield worlds.native(_TEXT, Mode()), worlds.traced(_TEXT, Mode())
    worlds.close()


@pytest.mark.parametrize("name", NAMES)
def test_found(said: tuple[Said, Said], name: str) -> None:
    native, traced = said
    assert native.lines[name]
    assert first_difference(native.lines[name], traced.lines.get(name, []), Counter()) is None
    assert not native.trouble + traced.trouble

"""Small named cases in C (tests/twins/cases): each says the same on a mounted read-only tree and under parrot_run."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.support import places, tree
from tests.support.programs import compile_c
from tests.twins.conftest import Twins

SOURCES = Path(__file__).with_name("cases")
CASES = [
    (path.stem, name)
    for path in sorted(SOURCES.glob("*.c"))
    for name in re.findall(r"^CASE\((\w+)\)", path.read_text(), re.MULTILINE)
]


@pytest.mark.parametrize(("file", "name"), CASES, ids=["-".join(case) for case in CASES])
def test_case(twins: Twins, file: str, name: str) -> None:
    program = places.once(f"case-{file}", lambda output: compile_c(SOURCES / f"{file}.c", output))
    native = twins.check([str(program), tree.TOP, name])
    assert native.stdout
    assert b"MUST" not in native.stdout

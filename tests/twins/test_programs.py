"""Each program of ``tests/programs`` says the same on a mounted read-only tree and under parrot_run."""

from __future__ import annotations

import pytest

from tests.support import tree
from tests.support.programs import SOURCES, program
from tests.twins.conftest import Twins

NOT_TWINS = {"report", "budget", "forbid"}
PROGRAMS = sorted(path.stem for path in SOURCES.glob("*.c") if path.stem not in NOT_TWINS)


@pytest.mark.parametrize("name", PROGRAMS)
def test_program(twins: Twins, name: str) -> None:
    native = twins.check([str(program(name)), tree.TOP], timeout=120)
    assert native.stdout.count(b"\n") > 10
    assert b"MUST" not in native.stdout

"""Each program of ``tests/programs`` says the same on a mounted read-only tree and under parrot_run."""

from __future__ import annotations

import pytest

from tests.support import tree
from tests.support.programs import I386, SOURCES, cannot_run, program
from tests.twins.conftest import Twins

NOT_TWINS = {"report", "budget", "forbid", "debugged", "walker", "guise", "setids", "i386_rights"}
PROGRAMS = sorted(path.stem for path in SOURCES.glob("*.c") if path.stem not in NOT_TWINS)
NOT_NARROW = {"walker"}
"""It ends with EOVERFLOW, at a date in the tree that 32 bits do not hold; library does the same without that."""
CASES = [
    *(pytest.param(name, (), id=name) for name in PROGRAMS),
    *(pytest.param(name, I386, id=f"{name}-i386") for name in PROGRAMS if name not in NOT_NARROW),
]


WIDE = "-D_FILE_OFFSET_BITS=64"
WAYS = {
    "static": ("-static",),
    "i386 with small sizes": ("-m32",),
    "i386 with wide times": ("-m32", WIDE, "-D_TIME_BITS=64"),
    "i386, static": ("-m32", WIDE, "-static"),
    "i386 at a fixed place": ("-m32", "-no-pie"),
}


@pytest.mark.parametrize("options", WAYS.values(), ids=WAYS.keys())
def test_ways_to_make_a_program(twins: Twins, options: tuple[str, ...]) -> None:
    if reason := cannot_run(*options):
        pytest.skip(reason)
    assert b"MUST" not in twins.check([str(program("library", *options)), tree.TOP], timeout=120).stdout


@pytest.mark.parametrize(("name", "abi"), CASES)
def test_program(twins: Twins, name: str, abi: tuple[str, ...]) -> None:
    if reason := cannot_run(*I386 if name.startswith("i386") else abi):
        pytest.skip(reason)
    if abi and name.startswith("debug_"):
        pytest.skip("registers of x86_64; a 32-bit debugger is refused (docs/limits.md)")
    native = twins.check([str(program(name, *abi)), tree.TOP], timeout=120)
    assert native.stdout.count(b"\n") > 10
    assert b"MUST" not in native.stdout

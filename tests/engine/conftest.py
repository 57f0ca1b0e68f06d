"""Fixtures of the engine's tests."""

from __future__ import annotations

import pytest

from tests.support.programs import I386, cannot_run


@pytest.fixture(params=[True, False], ids=["seccomp", "no-seccomp"])
def use_seccomp(request: pytest.FixtureRequest) -> bool:
    """Both ways of stopping at calls."""
    return bool(request.param)


@pytest.fixture(params=[(), I386], ids=["x86_64", "i386"])
def abi(request: pytest.FixtureRequest) -> tuple[str, ...]:
    """Options of the compiler for programs of each ABI."""
    options: tuple[str, ...] = request.param
    if reason := cannot_run(*options):
        pytest.skip(reason)
    return options

"""Fixtures of the engine's tests."""

from __future__ import annotations

import pytest


@pytest.fixture(params=[True, False], ids=["seccomp", "no-seccomp"])
def use_seccomp(request: pytest.FixtureRequest) -> bool:
    """Both ways of stopping at calls."""
    return bool(request.param)

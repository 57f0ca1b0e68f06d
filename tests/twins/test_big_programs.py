"""The quick ones among the scenes of tests/compat: git, compilers, databases, virtual machines."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.oracle import OracleUnavailable
from tests.support.outcome import difference
from tests.support.stage import Scene, Stage, families, scenes, stage

FAST = {family: [s for s in scenes(family) if s.fast] for family in families()}


@pytest.fixture(scope="module")
def on(request: pytest.FixtureRequest) -> Iterator[Stage]:
    """The stage of a family, whose fill may need what its quick scenes need."""
    family = request.param
    missing = {reason for scene in FAST[family] if (reason := scene.missing())}
    if missing:
        pytest.skip("; ".join(sorted(missing)))
    try:
        with stage(family) as made:
            yield made
    except OracleUnavailable as error:
        pytest.skip(f"no mount namespace to compare with: {error}")


ALL = [pytest.param(f, s, id=f"{f}: {s.name}") for f, found in FAST.items() for s in found]


@pytest.mark.parametrize(("on", "scene"), ALL, indirect=["on"], scope="module")
def test_scene(on: Stage, scene: Scene) -> None:
    native = on.native(scene)
    assert native.status == 0, f"the native side is not what the scene expects\n{native}"
    told = difference(native, on.under_parrot(scene))
    assert not told, told

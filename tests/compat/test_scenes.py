"""Big programs say and leave the same natively and under parrot_run: warm, with an empty cache, without seccomp."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pytest

from tests.support.oracle import OracleUnavailable
from tests.support.outcome import difference
from tests.support.stage import Scene, Stage, families, scenes, stage

pytestmark = [pytest.mark.compat, pytest.mark.timeout(1800)]

WAYS: dict[str, tuple[Sequence[str], bool]] = {
    "warm": ((), False),
    "cold": ((), True),
    "no-seccomp": (("--no-seccomp",), False),
}
ALL = [pytest.param(s, id=f"{s.family}: {s.name}") for family in families() for s in scenes(family)]


@pytest.fixture(scope="module")
def stages() -> Iterator[dict[str, Stage]]:
    """The stages in use: each is opened once and closed at the end."""
    opened: dict[str, Stage] = {}
    contexts = []
    for family in families():
        context = stage(family)
        try:
            opened[family] = context.__enter__()
        except OracleUnavailable as error:
            pytest.skip(f"no mount namespace to compare with: {error}")
        contexts.append(context)
    yield opened
    for context in contexts:
        context.__exit__(None, None, None)


@pytest.mark.parametrize("scene", ALL)
def test_scene(stages: dict[str, Stage], scene: Scene) -> None:
    if scene.missing():
        pytest.skip(scene.missing())
    on = stages[scene.family]
    native = on.native(scene)
    assert native.status == 0, f"the native side is not what the scene expects\n{native}"
    for way, (options, cold) in WAYS.items():
        told = difference(native, on.under_parrot(scene, options, cold=cold))
        assert not told, f"{way}: {told}"

"""The line in the log about a failure ends in the code of its cause."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from parrot_py import codes
from parrot_py.codes import Code
from tests.faults.conftest import NAME, Damage
from tests.support.httpd import Fault
from tests.support.outcome import Outcome

MakeDamage = Callable[..., Damage]


def logged(told: Outcome) -> list[str]:
    """The codes of the lines about the repository."""
    lines = [line for line in told.log.decode().splitlines() if f": {NAME}: " in line]
    return [found[1] if (found := re.search(r" \[(PP\d+)\]$", line)) else line for line in lines]


@pytest.mark.parametrize(
    ("how", "fault", "code"),
    [
        ({}, Fault(drop=True), codes.UNREACHABLE),
        ({}, Fault(status=404), codes.MISSING),
        ({}, Fault(flip=5), codes.DAMAGED),
        ({"key_of": "others"}, None, codes.UNTRUSTED),
    ],
    ids=["dropped", "missing", "flipped", "another key"],
)
def test_causes(damage: MakeDamage, how: dict[str, Any], fault: Fault | None, code: Code) -> None:
    bad = damage(**how)
    if fault is not None:
        bad.site.server.fault("*/data/*", fault)
    assert set(logged(bad.read())) == {code}


def test_a_tag_that_does_not_exist(damage: MakeDamage) -> None:
    bad = damage()
    told = bad.run.run(["ls", f"/cvmfs/{NAME}"], options=["--cvmfs-option", "CVMFS_REPOSITORY_TAG=none-such"])
    assert set(logged(told)) == {codes.REVISION}

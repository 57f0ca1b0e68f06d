"""Everyday use of a tree: each script says and leaves the same on a read-only mount and under parrot_run."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.twins.conftest import Twins

SCRIPTS = Path(__file__).with_name("scripts")
SQLITE = "sqlite3 -readonly $R/data.sqlite 'select count(*), max(square) from numbers'; sqlite3 $R/data.sqlite vacuum"


def scripts(*files: str) -> list[object]:
    """The scripts of *files*, as parameters that bear their names."""
    found: list[object] = []
    for file in files:
        for text in (SCRIPTS / f"{file}.sh").read_text().split("\n#: ")[1:]:
            name, _, script = text.partition("\n")
            found.append(pytest.param(script.strip(), id=name))
    return found


@pytest.mark.parametrize("script", scripts("reading", "both_ways", "proc"))
def test_reading(twins: Twins, script: str) -> None:
    assert twins.shell(f"set -o pipefail\ncd ~\n{script}\necho status $?").stdout


@pytest.mark.parametrize("script", scripts("trouble"))
def test_trouble(twins: Twins, script: str) -> None:
    assert twins.shell(f"export LC_ALL=C\ncd ~\n{script}\necho status $?").stderr


@pytest.mark.parametrize("script", scripts("programs", "tools"))
def test_tool(twins: Twins, script: str) -> None:
    assert twins.shell(f"cd ~\n{script}\necho status $?", timeout=120).stdout


def test_sqlite3(twins: Twins) -> None:
    if not shutil.which("sqlite3"):
        pytest.skip("sqlite3 is not installed")
    assert b"5000|24990001" in twins.shell(f"{SQLITE}; true").stdout


def test_death_by_signal_inside_a_shell(twins: Twins) -> None:
    loop = 'for s in TERM KILL SEGV HUP; do sh -c "cd $R && kill -$s \\$\\$" 2>&1; echo $?; done 2>/dev/null; exit 41'
    assert twins.shell(loop, status=41).stdout.split() == [b"143", b"137", b"139", b"129"]

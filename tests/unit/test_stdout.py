"""Standard output of all commands: closed, or on a full disk."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from tests.support import places

SCRIPTS = re.findall(
    r'(?m)^(\w+) = "(.*):(.*)"$',
    (places.CHECKOUT / "pyproject.toml").read_text().partition("[project.scripts]\n")[2].partition("\n\n")[0],
)
OURS = [script for script in SCRIPTS if script[0] != "parrot_cp"]  # which becomes cp

TROUBLE = [(">&-", "Bad file descriptor"), (">/dev/full", "No space left on device")]


def test_there_are_commands() -> None:
    assert len(OURS) > 10


@pytest.mark.parametrize(("name", "module", "function"), OURS, ids=[script[0] for script in OURS])
@pytest.mark.parametrize(("where", "why"), TROUBLE, ids=["closed", "full"])
def test_what_cannot_be_written_is_said(name: str, module: str, function: str, where: str, why: str) -> None:
    code = f"import sys; sys.argv[0] = {name!r}; from {module} import {function}; sys.exit({function}())"
    shell = ["sh", "-c", f'"$0" "$@" {where}', sys.executable, "-c", code, "--help"]
    told = subprocess.run(shell, stderr=subprocess.PIPE, text=True, check=False, timeout=60)
    assert told.stderr == f"{name}: cannot write to stdout: {why} [PP210]\n"
    assert told.returncode not in (0, -1)

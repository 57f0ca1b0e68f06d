"""docs/tools.md and the manual page name what there is."""

from __future__ import annotations

import re
from pathlib import Path

from parrot_py.tools import status
from parrot_py.tools.main import SUBCOMMANDS

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "tools.md").read_text()
MANUAL = (DOCS / "man" / "parrot_cvmfs.1.md").read_text()


def test_exit_statuses() -> None:
    rows = dict(re.findall(r"^\| (\d+) \| (.*) \|$", PAGE, re.M))
    assert rows == {str(number): meaning for number, meaning in status.MEANINGS.items()}


def test_every_subcommand_is_described() -> None:
    for name in SUBCOMMANDS:
        assert len(re.findall(rf"^\| `{name}\b", PAGE, re.M)) == 2, name  # what it does, and its JSON
        assert f"\n**{name}**\n:   " in MANUAL, name
        assert f"[*options*] **{name}** " in MANUAL, name
    assert re.findall(r"^\*\*(\w+)\*\*\n:", MANUAL, re.M) == list(SUBCOMMANDS)

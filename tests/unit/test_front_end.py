"""bin/parrot_run as a user starts it: from anywhere, through a link, silent once the set-up is there."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def started(command: str, cwd: Path) -> str:
    """The output of ``COMMAND --version``; nothing may be on stderr, for the set-up was made before this test."""
    done = subprocess.run([command, "--version"], cwd=cwd, capture_output=True, text=True, check=True)
    assert done.stderr == ""
    return done.stdout


def test_it_is_silent_and_works_from_another_directory(tmp_path: Path) -> None:
    assert started(str(ROOT / "bin" / "parrot_run"), tmp_path).startswith("parrot_run")


def test_it_works_through_a_chain_of_links(tmp_path: Path) -> None:
    (tmp_path / "one").symlink_to(ROOT / "bin" / "parrot_run")
    (tmp_path / "two").symlink_to("one")
    assert started("./two", tmp_path) == started(str(ROOT / "bin" / "parrot_run"), tmp_path)


def test_every_shell_variable_has_our_prefix() -> None:
    """A variable that the caller exports under the same name would change in the job's environment."""
    for script in ("_setup.sh", "parrot_run"):
        names = re.findall(r"^ *([A-Za-z_][A-Za-z_0-9]*)=", (ROOT / "bin" / script).read_text(), re.MULTILINE)
        # LC_ALL is set in a subshell only.
        assert {name for name in names if not name.startswith("pp__")} <= {"LC_ALL"}

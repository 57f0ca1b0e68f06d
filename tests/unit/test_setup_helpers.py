"""The set-up of a checkout: what it reads, what it believes, where it puts things."""

from __future__ import annotations

import ast
import os
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "bin"))

from helpers import builder, main, pips, pythons  # noqa: E402
from helpers.say import SetupError  # noqa: E402


def test_requirements_of_our_own_pyproject() -> None:
    text = (ROOT / "pyproject.toml").read_text()
    run = builder.requirements(text, ())
    assert any(name.startswith("cffi") for name in run)
    assert not any(name.startswith("pytest") for name in run)
    assert any(name.startswith("pytest>") for name in builder.requirements(text, ("test", "lint")))


def test_requirements_of_an_array_that_is_not_there() -> None:
    with pytest.raises(SetupError, match="missing"):
        builder.requirements("dependencies = []\n", ("missing",))


def test_the_hook_is_python() -> None:
    ast.parse(builder.HOOK)


def test_only_final_pip_wheels_have_a_version() -> None:
    older, newest, trial = "pip-9.0.1-py2.py3-none-any.whl", "pip-25.0-py3-none-any.whl", "pip-26.0b1-py3-none-any.whl"
    names = [older, newest, trial, "pip-1.tar.gz"]
    assert max(names, key=pips._version) == newest
    assert pips._version(trial) == ()


def test_a_directory_closed_to_others_is_noticed(tmp_path: Path) -> None:
    program = tmp_path / "home" / "python"
    program.parent.mkdir()
    program.touch(mode=0o755)
    program.parent.chmod(0o700)
    assert not pythons.everybody_can_enter(str(program))


def test_a_python_that_does_not_start_is_none(tmp_path: Path) -> None:
    shim = tmp_path / "python3"
    shim.write_text("#!/bin/sh\nexit 127\n")
    shim.chmod(0o755)
    assert pythons.probe(str(shim)) is None


def test_this_python_describes_itself() -> None:
    found = pythons.probe(sys.executable)
    assert found is not None
    assert found.version == sys.version_info[:3]


def test_a_writable_checkout_holds_its_own_set_up(tmp_path: Path) -> None:
    assert main.choose_place([tmp_path / ".venv", tmp_path / "other"]) == tmp_path / ".venv"


def test_a_place_that_others_may_write_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o777)
    monkeypatch.setattr("os.access", lambda *_: False)
    own = tmp_path / "own" / "venv"
    assert main.choose_place([tmp_path / ".venv", shared / "venv", own]) == own
    assert os.stat(own.parent).st_mode & 0o777 == 0o700
    with pytest.raises(SetupError, match="no place"):
        main.choose_place([tmp_path / ".venv", shared / "venv"])

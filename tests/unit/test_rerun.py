"""bin/test runs again what failed: what passes then is told as unsteady, everything else is still a failure."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "bin"))

from helpers import again, pytests  # noqa: E402
from helpers.pytests import FAILED, PASSED, Result  # noqa: E402

START = "import sys; sys.path.insert(0, sys.argv.pop(1)); from helpers.testing import main; sys.exit(main())"
SETTINGS = '[tool.pytest.ini_options]\nmarkers = ["slow: .", "compat: .", "stress: .", "serial: ."]\n'
CHECKS = """\
import os
from pathlib import Path

import pytest

def first_time():
    mark = Path(__file__).with_name(os.environ["PYTEST_CURRENT_TEST"].split("::")[-1].split(" ")[0] + ".ran")
    new = not mark.exists()
    mark.touch()
    return new

def test_good():
    pass
"""
ONCE = """
@pytest.mark.parametrize("letter", ["a::[b]", "c d"])
def test_fails_once(letter):
    assert not first_time() or letter == "c d"
"""
ONCE_ALONE = """
@pytest.mark.serial
def test_measures():
    assert not first_time()
"""
DIES_ONCE = """
def test_dies_once():
    if first_time():
        os._exit(3)
"""
DIES = """
def test_dies():
    os._exit(3)
"""
FAILS = """
def test_fails():
    assert False
"""
BROKEN = "\nimport parrot_py.nothing_of_that_name\n"
SKIPPED_THEN = """
def test_is_skipped_then():
    if not first_time():
        pytest.skip("no")
    assert False
"""


def bin_test(project: Path, *checks: str, options: Sequence[str] = ()) -> tuple[int, str]:
    """Status and output of bin/test (without the checks before pytest) for a checkout with these tests in it."""
    (project / "pyproject.toml").write_text(SETTINGS)
    (project / "test_checks.py").write_text(CHECKS + "".join(checks))
    given = ["--root", str(project), "--setup", str(project / "setup"), "--", "--quick"]
    command = [sys.executable, "-I", "-c", START, str(ROOT / "bin"), *given]
    command += options
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=240)
    return done.returncode, done.stdout + done.stderr


def test_what_passes_alone_is_unsteady(tmp_path: Path) -> None:
    status, said = bin_test(tmp_path, ONCE, ONCE_ALONE, DIES_ONCE)
    assert status == 0, said
    told = {line for line in said.splitlines() if line.startswith("UNSTEADY ")}
    names = ("test_fails_once[a::[b]]", "test_measures", "test_dies_once")
    assert told == {f"UNSTEADY test_checks.py::{name}" for name in names}, said
    assert "assert (not True or " in said, said  # why it failed
    # A test during which a worker died may have been run by another one as well.
    assert said.splitlines()[-1].endswith(" passed, 0 failed, 0 skipped"), said


@pytest.mark.parametrize("wrong", [FAILS, DIES, SKIPPED_THEN, BROKEN], ids=["fails", "dies", "skipped", "broken"])
def test_a_failure_is_one(tmp_path: Path, wrong: str) -> None:
    """Beside an unsteady test, too."""
    status, said = bin_test(tmp_path, ONCE, wrong)
    assert status == 1, said
    assert "UNSTEADY" not in said
    assert "bin/test: tests failed" in said, said
    assert ", 0 failed, " not in said.splitlines()[-1], said


@pytest.mark.parametrize("option", ["--no-rerun", "-k test_"])
def test_who_selects_tests_sees_what_they_do(tmp_path: Path, option: str) -> None:
    status, said = bin_test(tmp_path, ONCE, options=option.split())
    assert status == 1, said
    assert "again" not in said
    assert said.splitlines()[-1] == "total: 2 passed, 1 failed, 0 skipped", said


def never(_: str, names: Sequence[str]) -> Result:
    raise AssertionError(f"{names} are not to be run again")


def failed(*names: str, status: int = FAILED) -> Result:
    return Result(status, {"passed": 9, "failed": len(names), "skipped": 0}, list(names))


@pytest.mark.parametrize(
    "results",
    [
        [Result(PASSED)],
        [failed(*"abcd")],
        [failed(*"ab"), failed(*"cd")],
        [failed("a", status=2)],
        [failed("a"), failed(status=FAILED)],
        [failed("a"), failed("b", status=-9)],
    ],
    ids=["nothing failed", "too many", "too many in all", "interrupted", "nobody knows what", "killed"],
)
def test_nothing_is_run_again(results: list[Result]) -> None:
    assert again.only_unsteady(results, never) == []


def test_all_of_them_must_pass() -> None:
    asked: list[str] = []

    def run(_: str, names: Sequence[str]) -> Result:
        asked.extend(names)
        return answers.pop()

    answers = [Result(PASSED)]
    assert again.only_unsteady([failed("a", "b"), Result(PASSED), failed("c", "a")], run) == ["a", "b", "c"]
    assert asked == ["a", "b", "c"]
    for answer in (failed("b"), Result(4), Result(pytests.NOTHING_SELECTED), Result(PASSED, absent=1)):
        answers.append(answer)
        assert again.only_unsteady([failed("a", "b")], run) == []


def test_what_is_expected_to_fail_is_not_absent(tmp_path: Path) -> None:
    report = tmp_path / "report.xml"
    report.write_text(
        '<testsuites><testsuite tests="3" failures="0" errors="0" skipped="2"><testcase><skipped type="pytest.xfail"/>'
        '</testcase><testcase><skipped type="pytest.skip"/></testcase><testcase/></testsuite></testsuites>'
    )
    result = pytests.read(PASSED, report, tmp_path / "none")
    assert (result.absent, result.counts) == (1, {"passed": 1, "failed": 0, "skipped": 2})

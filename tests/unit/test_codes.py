"""Every message for people has a code, every code is used, and troubleshooting.md explains each."""

from __future__ import annotations

import ast
import logging
import pickle
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from parrot_py import codes
from parrot_py.codes import ALL, Code, tagged
from parrot_py.control import companions, files, mount
from parrot_py.doctor.finding import CODES, GOOD, POOR, Finding
from parrot_py.drivers.cvmfs.trouble import Failure, LocalFailure, local_failure
from parrot_py.errors import ConfigError, Unreachable, Untrusted, code_of

CHECKOUT = Path(__file__).resolve().parents[2]
PAGE = CHECKOUT / "docs" / "troubleshooting.md"
PACKAGE = CHECKOUT / "parrot_py"
FOLDERS = ("parrot_py", "bin", "share", "docs")
LOGGERS = ("log", "trouble", "cvmfs", "debug")
"""What loggers are called; "stats" says what it was asked for."""
LEVELS = ("warning", "error", "critical", "exception")
NAMES = {value: name for name, value in vars(codes).items() if isinstance(value, Code)}


def calls() -> Iterator[tuple[str, ast.Call]]:
    """Every call in the package, and where it is."""
    for file in sorted(PACKAGE.rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Call):
                yield f"{file.relative_to(CHECKOUT)}:{node.lineno}", node


def test_the_page_explains_each_code() -> None:
    explained = dict(re.findall(r"^\* \*\*(PP\d+)\*\* ((?:.|\n(?!\* |\n))*)", PAGE.read_text(), re.MULTILINE))
    assert set(explained) == set(ALL)
    for code, about in ALL.items():
        text = " ".join(explained[code].split())
        assert text.startswith(about), f"{code}: {about}"


def test_codes_that_are_named_exist() -> None:
    for folder in FOLDERS:
        for file in (CHECKOUT / folder).rglob("*"):
            if file.is_file() and "data" not in file.parts and file.suffix in ("", ".py", ".md"):
                named = set(re.findall(r"\bPP\d{3}\b", file.read_text(errors="replace")))
                assert named <= set(ALL), file


def test_each_code_is_used() -> None:
    sources = [file.read_text() for file in PACKAGE.rglob("*.py") if file.name != "codes.py"]
    helpers = "".join(file.read_text() for file in (CHECKOUT / "bin").rglob("*.py"))
    names = set(re.findall(r"\b(?:codes\.)?([A-Z][A-Z_]+)\b", "\n".join(sources)))
    assert not [code for code, name in NAMES.items() if name not in names and f"[{code}]" not in helpers]
    assert set(NAMES) == set(ALL)


def test_loggers_have_these_names() -> None:
    made = [
        re.findall(r"^(\w+) = logging\.getLogger", file.read_text(), re.MULTILINE) for file in PACKAGE.rglob("*.py")
    ]
    assert {name for names in made for name in names} <= {*LOGGERS, "stats"}


def test_what_is_logged_has_a_code() -> None:
    """The type checker asks exceptions for theirs; a logger takes anything."""
    without = []
    for where, call in calls():
        if not isinstance(call.func, ast.Attribute) or call.func.attr not in LEVELS:
            continue
        if not isinstance(call.func.value, ast.Name) or call.func.value.id not in LOGGERS:
            continue
        extra = next((word.value for word in call.keywords if word.arg == "extra"), None)
        if not (isinstance(extra, ast.Attribute) and extra.attr == "extra"):
            without.append(where)
    assert not without


def test_what_is_written_to_stderr_has_a_code() -> None:
    """A line that begins with the name of a command; argparse's own begin with that of its parser."""
    found = []
    for file in PACKAGE.rglob("*.py"):
        for line in file.read_text().splitlines():
            if re.search(r'(stderr\.write\(|print\(|os\.write\(2, )f?"(parrot_\w+|make_growfs|\{\w+\}): ', line):
                found.append(line.strip())
                # The second line of one that has a code.
                assert "tagged(" in line or "more of the same" in line, f"{file}: {line}"
    assert len(found) > 8


@pytest.mark.parametrize(
    ("main", "words"),
    [
        (mount.main, ["a"]),
        (companions.md5, []),
        (companions.md5, ["-a", "nonsense", "file"]),
        (companions.timeout, ["1", "2"]),
        (files.search, []),
        (files.search, ["-x", "a"]),
    ],
)
def test_misuse_names_its_cause(
    main: Callable[[list[str]], int], words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words) == 2
    told = capsys.readouterr()
    first, second = told.err.splitlines()[:2]
    assert (told.out, first.endswith(" [PP704]"), second[:14]) == ("", True, "usage: parrot_")


def test_findings_with_a_remedy_have_a_code() -> None:
    findings = [call for _, call in calls() if isinstance(call.func, ast.Name) and call.func.id == "Finding"]
    assert findings
    for call in findings:
        states = {node.id for node in ast.walk(call.args[1]) if isinstance(node, ast.Name)}
        name = call.args[0]
        if (states & {"POOR", "BAD"} or len(call.args) > 3) and isinstance(name, ast.Constant):
            assert name.value in CODES, name.value
    assert Finding("a job", POOR, "it died").code == codes.TRIAL
    assert Finding("a job", GOOD, "runs").code is None


def test_form() -> None:
    assert tagged("text", codes.NO_PROC) == "text [PP207]"
    assert tagged("text [PP203]", codes.TRIAL) == "text [PP203]"
    assert tagged("a list [1, 2]", codes.TRIAL) == "a list [1, 2] [PP220]"
    assert all(re.fullmatch(r"PP[1-9]\d\d", code) for code in ALL)
    record = logging.makeLogRecord({"msg": "x", **codes.OFFLINE.extra})
    assert record.__dict__["code"] == "PP303"


def test_errors_keep_their_code() -> None:
    error = pickle.loads(pickle.dumps(ConfigError("no", codes.NO_KEY)))
    assert (str(error), error.code, code_of(error)) == ("no", codes.NO_KEY, codes.NO_KEY)


@pytest.mark.parametrize(
    ("failure", "code"),
    [
        (Failure("x", unreachable=True), codes.UNREACHABLE),
        (Failure("x", unreachable=True, missing=True), codes.MISSING),
        (Failure("x", missing=True), codes.MISSING),
        (Failure("x", untrusted=True), codes.UNTRUSTED),
        (Failure("x"), codes.DAMAGED),
        (Failure("x", 13), codes.PROTECTED),
        (Failure("x", about=codes.REVISION), codes.REVISION),
        (local_failure("x", OSError(28, "")), codes.DISK_FULL),
        (local_failure("x", OSError(27, "")), codes.FILE_LIMIT),
        (LocalFailure("x"), codes.CACHE_TROUBLE),
    ],
)
def test_failures_of_a_repository(failure: Failure, code: Code) -> None:
    assert failure.label == failure.again().label == code
    assert code_of(failure.os_error()) == code


def test_errors_without_a_failure() -> None:
    assert code_of(Unreachable(5, "")) == codes.UNREACHABLE
    assert code_of(Untrusted(5, "")) == codes.UNTRUSTED
    assert code_of(OSError(2, "")) == codes.NOT_FOUND
    assert code_of(OSError(5, "")) == codes.DAMAGED
    assert code_of(OSError(13, "")) == codes.LOCAL_FILE

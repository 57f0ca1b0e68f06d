"""The manual pages: one for each command, with its options, as man(1) wants them, and installed with the package."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from parrot_py import completion
from parrot_py.completion.commands import SUBCOMMAND, Command
from parrot_py.drivers.cvmfs.publish import arguments
from parrot_py.tools.options import COMMON

CHECKOUT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(CHECKOUT / "bin"))

from helpers.roff import RoffError, page  # noqa: E402

PAGES = sorted((CHECKOUT / "docs" / "man").glob("*.1.md"))
COMMANDS = {command.name: command for command in completion.commands()}

pages = pytest.mark.parametrize("source", PAGES, ids=lambda source: source.name.partition(".")[0])


def described(text: str) -> set[str]:
    """The options that have a definition of their own."""
    terms = re.findall(r"^(\*\*\\?-.*)\n:   ", text, re.MULTILINE)
    return {name.replace("\\", "") for term in terms for name in re.findall(r"\*\*(\\?-[\w\\-]+)\*\*", term)}


def options(command: Command) -> set[str]:
    return {name for option in command.options for name in option.names}


def test_each_command_has_a_page() -> None:
    assert {source.name.partition(".")[0] for source in PAGES} == set(COMMANDS)


@pages
def test_options(source: Path) -> None:
    command = COMMANDS[source.name.partition(".")[0]]
    text = source.read_text()
    if command.words == SUBCOMMAND:
        own = {name for option in command.options if not set(option.names) & COMMON for name in option.names}
        assert described(text) == own
        for sub in command.subcommands:
            told = re.search(rf"^\*\*{sub.name}\*\*\n:   ((?:.+\n)+)", text, re.MULTILINE)
            assert told is not None
            for option in sub.options:
                names = set(option.names)
                mentioned = any(f"**{name}**" in text.replace("\\", "") for name in names)
                assert mentioned or names & (COMMON | own), f"{sub.name} {option.names}"
    elif command.name == "parrot_cp":
        assert options(command) <= set(re.findall(r"\*\*(-\w)\*\*", text))
    else:
        wanted = options(command)
        assert described(text) - {"-h", "--help"} == wanted - {"-h", "--help"}


@pages
def test_man_has_nothing_to_complain(source: Path) -> None:
    found = shutil.which("man")
    if found is None or not shutil.which("groff"):
        pytest.skip("man or groff is not installed")
    text = page(source.read_text())
    told = subprocess.run([found, "--warnings", "-l", "-"], input=text, capture_output=True, text=True, check=True)
    # Where the caller's locale is not installed man says so, and that is not about the page.
    assert [line for line in told.stderr.splitlines() if "set the locale" not in line] == []
    assert re.search(r"^NAME\n +\w+ +- ", re.sub(r".\x08", "", told.stdout), re.MULTILINE)


@pages
def test_mandoc_has_nothing_to_complain(source: Path, tmp_path: Path) -> None:
    found = shutil.which("mandoc")
    if found is None:
        pytest.skip("mandoc is not installed")
    (tmp_path / "page").write_text(page(source.read_text()))
    told = subprocess.run([found, "-T", "lint", tmp_path / "page"], capture_output=True, text=True)
    # Pages have no date: a build must be the same on any day.
    assert [line for line in told.stdout.splitlines() if "missing date" not in line] == []


def test_what_a_page_can_say() -> None:
    text = page(
        "% X(1) y\n\n# A B\n\na **b-c** *d* `e` \\*f\\*\n.g\n\n* one\n  two\n\n"
        "term\n:   text\n    more\n\n    'code' \\ -\n"
    )
    assert text.splitlines() == [
        '.TH X 1 "" "y" ""',
        '.SH "A B"',
        "a \\fBb\\-c\\fR \\fId\\fR \\fBe\\fR *f* .g",
        ".IP \\(bu 2",
        "one",
        "two",
        ".TP",
        "term",
        "text more",
        ".PP",
        ".RS 4",
        ".nf",
        "\\(aqcode\\(aq \\e \\-",
        ".fi",
        ".RE",
    ]
    for wrong in ("no title", "% X(1) y\n\n| a | b |\n", "% X(1) y\n\n### deep\n", "% X(1) y\n\n```\ncode\n```\n"):
        with pytest.raises(RoffError):
            page(wrong)


def test_installed_files(tmp_path: Path) -> None:
    """What a wheel gets in addition; the rest of building one is setuptools' own."""
    command = [sys.executable, "-B", "setup.py", "-q", "install_data", "--install-dir", str(tmp_path)]
    done = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    for name in COMMANDS:
        assert (tmp_path / "share/man/man1" / f"{name}.1").read_text().startswith(f".TH {name.upper()} 1 ")
        assert (tmp_path / "share/bash-completion/completions" / name).read_text()
        assert (tmp_path / "share/zsh/site-functions" / f"_{name}").read_text().startswith(f"#compdef {name}\n")
        assert (tmp_path / "share/fish/vendor_completions.d" / f"{name}.fish").read_text()
    assert len([file for file in tmp_path.rglob("*") if file.is_file()]) == 4 * len(COMMANDS)


@pytest.mark.parametrize("name", [name for name in COMMANDS if name not in ("parrot_run", "parrot_cp")])
def test_help_fits_a_screen(name: str) -> None:
    """24 lines of 80 columns; parrot_run's has its own test, and parrot_cp's is that of cp."""
    scripts = (CHECKOUT / "pyproject.toml").read_text()
    module, function = re.findall(rf'^{name} = "([\w.]+):(\w+)"$', scripts, re.MULTILINE)[0]
    subcommands = [[sub.name] for sub in COMMANDS[name].subcommands]
    program = f"import sys; sys.argv[0] = '{name}'; from {module} import {function}; sys.exit({function}())"
    for words in [[], *subcommands]:
        command = [sys.executable, "-c", program, *words, "--help"]
        env = {**os.environ, "COLUMNS": "80"}
        told = subprocess.run(command, cwd=CHECKOUT, env=env, capture_output=True, text=True, check=True)
        lines = told.stdout.splitlines()
        assert lines[0].startswith("usage: "), words
        assert (len(lines) <= 24, max(map(len, lines)) <= 80) == (True, True), told.stdout


def test_first_screens_name_what_there_is() -> None:
    text = arguments.parser().format_brief()
    assert set(re.findall(r"--[a-z-]+", text)) <= {*options(COMMANDS["parrot_publish"])}

"""The pages under ``docs/`` name what exists, quote what is written, and list what the table says."""

from __future__ import annotations

import importlib
import os
import re
from pathlib import Path

import pytest

from parrot_py.syscalls import docs
from parrot_py.syscalls.passed import FULL
from parrot_py.syscalls.table import ROWS

CHECKOUT = Path(__file__).resolve().parents[2]
PAGES = sorted([*(CHECKOUT / "docs").rglob("*.md"), CHECKOUT / "README.md", CHECKOUT / "CONTRIBUTING.md"])
FOLDERS = "parrot_py|tests|bin|docs|bench|demo"
SOURCES = {each.name for top in ("parrot_py", "tests", "bin", "bench") for each in (CHECKOUT / top).rglob("*.[pch]*")}
HAND_WRITTEN_LIMIT = 300

pages = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)


def exists(pattern: str) -> bool:
    return any(CHECKOUT.glob(pattern))


def bare(text: str) -> str:
    """*text* without the indentation of its lines and blank ones at its ends."""
    return "\n".join(line.strip() for line in text.splitlines()).strip("\n")


@pages
def test_files_that_are_named_exist(page: Path) -> None:
    named = re.findall(rf"(?<![\w/.-])(?:{FOLDERS})/[\w./*-]*[\w*]", page.read_text())
    assert not [name for name in named if not exists(name)]


@pages
def test_modules_that_are_named_can_be_imported(page: Path) -> None:
    for name in set(re.findall(r"\bparrot_py(?:\.[a-z_]\w*)+", page.read_text())):
        if name == "parrot_py.md" or name.startswith("parrot_py.git"):
            continue
        try:
            importlib.import_module(name)
        except ModuleNotFoundError:
            module, _, attribute = name.rpartition(".")
            assert hasattr(importlib.import_module(module), attribute), name


@pages
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text()):
        assert (page.parent / target).exists(), target


@pages
def test_sources_that_are_named_exist(page: Path) -> None:
    """Also those that are named without their folder, as ``gate.c``."""
    named = set(re.findall(r"`([a-z_0-9]+\.(?:py|c|h))`", page.read_text()))
    assert not named - SOURCES


@pages
def test_words_in_angle_brackets_are_no_html(page: Path) -> None:
    """A browser shows nothing of ``<uid>`` outside of code."""
    text = re.sub(r"(?ms)^```.*?^```$", "", page.read_text())
    text = re.sub(r"(?m)^ {4,}.*$", "", text)
    assert not re.findall(r"<[a-z][\w-]*>", re.sub(r"`[^`]+`", "", text))


@pages
def test_quoted_code_is_in_the_file(page: Path) -> None:
    """A comment ``<!-- from FILE -->`` promises that the indented block below it stands in FILE, word for word."""
    quotes = re.findall(r"<!-- from (\S+) -->\n\n((?: {4}.*\n|\n)+)", page.read_text())
    assert len(quotes) == page.read_text().count("<!-- from ")
    for source, block in quotes:
        assert bare(block) in bare((CHECKOUT / source).read_text()), f"{source}:\n{block}"


@pages
def test_pages_stay_short(page: Path) -> None:
    by_hand = re.sub(r"(?s)<!-- begin ([a-z-]+) -->.*?<!-- end \1 -->", "", page.read_text())
    assert by_hand.count("\n") < HAND_WRITTEN_LIMIT


def test_readme_and_checkout_have_every_command() -> None:
    scripts = (CHECKOUT / "pyproject.toml").read_text().partition("[project.scripts]\n")[2].partition("\n\n")[0]
    commands = re.findall(r"(?m)^(\w+) = ", scripts)
    assert len(commands) > 10
    assert not [name for name in commands if not os.access(CHECKOUT / "bin" / name, os.X_OK)]
    assert not [name for name in commands if f"`{name}`" not in (CHECKOUT / "README.md").read_text()]


def test_syscalls_page_is_that_of_the_table() -> None:
    remedy = "make it anew: python -m parrot_py.syscalls.docs >docs/syscalls.md"
    assert (CHECKOUT / "docs" / "syscalls.md").read_text() == docs.page(), remedy


def test_what_is_not_full_says_why() -> None:
    assert not [row.name for row in ROWS if row.support != FULL and not row.note]

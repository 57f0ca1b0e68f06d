"""The documentation site builds without a warning, holds every page, and fetches nothing from elsewhere."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

CHECKOUT = Path(__file__).resolve().parents[2]

if importlib.util.find_spec("mkdocs") is None or importlib.util.find_spec("material") is None:
    pytest.skip("mkdocs-material is not installed (extra docs)", allow_module_level=True)


def build(source: Path, target: Path) -> subprocess.CompletedProcess[str]:
    command = [
        sys.executable,
        "-m",
        "mkdocs",
        "build",
        "--strict",
        "-f",
        str(source / "mkdocs.yml"),
        "-d",
        str(target),
    ]
    env = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    return subprocess.run(command, env=env, capture_output=True, text=True, timeout=240)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("site")
    done = build(CHECKOUT, target)
    assert done.returncode == 0, done.stdout + done.stderr
    return target


class References(HTMLParser):
    """What a page loads by itself, and what it links to."""

    def __init__(self) -> None:
        super().__init__()
        self.loaded: list[str] = []
        self.linked: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        if tag == "a":
            self.linked.append(values.get("href") or "")
        elif values.get("rel") not in ("canonical", "prev", "next"):
            self.loaded += [values[name] or "" for name in ("src", "href") if values.get(name)]


def references(page: Path) -> References:
    parser = References()
    parser.feed(page.read_text())
    return parser


def test_every_page_is_there_and_in_the_navigation(site: Path) -> None:
    sources = [source.relative_to(CHECKOUT / "docs") for source in (CHECKOUT / "docs").rglob("*.md")]
    linked = {unquote(urlsplit(each).path) for each in references(site / "index.html").linked}
    for source in sources:
        page = str(source)[: -len(".md")] + ".html"
        assert (site / page).exists()
        assert page in linked or page == "index.html", page


def test_the_navigation_has_no_page_twice() -> None:
    named = re.findall(r"- ([\w-]+\.md)$", (CHECKOUT / "mkdocs.yml").read_text(), re.MULTILINE)
    assert len(named) > 20
    assert len(named) == len(set(named))


def test_nothing_is_fetched_from_elsewhere(site: Path) -> None:
    for page in site.rglob("*.html"):
        for name in references(page).loaded:
            parts = urlsplit(name)
            assert not parts.netloc, f"{page.name}: {name}"
            if parts.path and not parts.path.startswith("/"):
                assert (page.parent / unquote(parts.path)).exists(), f"{page.name}: {name}"


def test_a_manual_page_has_its_name_as_heading(site: Path) -> None:
    text = (site / "man" / "parrot_md5.1.html").read_text()
    assert re.search(r'<h1 id="[^"]*">parrot_md5\(1\)', text)
    assert "% PARROT_MD5" not in text


def test_a_link_to_nowhere_stops_the_build(tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(CHECKOUT / "docs", copy / "docs")
    shutil.copytree(CHECKOUT / "bin" / "helpers", copy / "bin" / "helpers")
    shutil.copy(CHECKOUT / "mkdocs.yml", copy)
    (copy / "docs" / "grow.md").write_text("# GROW\n\nSee [this](limits.md#no-such-section).\n")
    done = build(copy, tmp_path / "site")
    assert done.returncode != 0
    assert "no-such-section" in done.stdout + done.stderr

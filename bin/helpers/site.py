"""Hooks of mkdocs (mkdocs.yml): every page has a place, and manual pages are pages of the site."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

MANUALS, MORE = "Manual pages", "More"


def on_config(config: Any) -> Any:
    """Put the manual pages into a section of their own, and what nobody named into the last one."""
    docs = Path(config["docs_dir"])
    named = set(_files(config["nav"]))
    manuals = [f"man/{page.name}" for page in sorted((docs / "man").glob("*.1.md"))]
    others = [page.name for page in sorted(docs.glob("*.md")) if page.name not in named]
    config["nav"] += [{MANUALS: [{_name(page): page} for page in manuals]}]
    if others:
        config["nav"] += [{MORE: others}]
    return config


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """A manual page begins with a line of its own kind, and its headings are one level too high for a site."""
    if not page.file.src_uri.startswith("man/"):
        return markdown
    body = re.sub(r"\A%.*\n", "", markdown)
    return f"# {_name(page.file.src_uri)}\n\n" + re.sub(r"^(#+) ", r"#\1 ", body, flags=re.MULTILINE)


def _name(page: str) -> str:
    """man/parrot_run.1.md → parrot_run(1)."""
    return re.sub(r"^man/(.*)\.(\d)\.md$", r"\1(\2)", page)


def _files(nav: list[Any]) -> Iterator[str]:
    for entry in nav:
        if isinstance(entry, str):
            yield entry
        else:
            for value in entry.values():
                yield from [value] if isinstance(value, str) else _files(value)

"""docs/configuration.md and the man page say what the tables of the configuration say."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from parrot_py.config import docs, domains, options, parameters, proxies, values
from parrot_py.config.model import RepositoryConfig, RunConfig

DOCS = Path(__file__).parents[2] / "docs"
PAGE = DOCS / "configuration.md"
MAN = DOCS / "man" / "parrot_run.1.md"


@pytest.mark.parametrize("page", [PAGE, MAN], ids=lambda page: page.name)
def test_the_tables_are_those_of_the_program(page: Path) -> None:
    remedy = f"make them anew: python -m parrot_py.config.docs {page}"
    assert page.read_text() == docs.renewed(page.read_text()), remedy


def test_every_part_is_somewhere() -> None:
    marks = re.findall(r"<!-- begin ([a-z-]+) -->", PAGE.read_text() + MAN.read_text())
    assert sorted(marks) == sorted(docs.PARTS)


def test_the_command_renews_a_file_in_place(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("before\n<!-- begin flags -->\nold\n<!-- end flags -->\nafter\n")
    docs.main([str(page)])
    text = page.read_text()
    assert "old" not in text
    assert "`cvmfs`" in text
    assert (text.startswith("before\n"), text.endswith("after\n")) == (True, True)
    docs.main([str(page)])
    assert page.read_text() == text


def test_every_parameter_has_its_row() -> None:
    rows = re.findall(r"^\| `([A-Z0-9_<>a-z]+)` \|", PAGE.read_text(), re.MULTILINE)
    assert set(parameters.by_name()) <= set(rows)


def test_every_variable_is_named() -> None:
    for name in (*proxies.VARIABLES, "TMPDIR", "PARROT_ENABLED"):
        assert f"`{name}`" in PAGE.read_text()


def test_defaults() -> None:
    [bound] = [option for option in options.HONOURED if option.key == "timeout"]
    assert values.seconds(bound.default, "-T") == RunConfig._field_defaults["timeout"]
    assert RunConfig._field_defaults["timeout"] == RepositoryConfig._field_defaults["deadline"]


def test_every_known_domain_is_named() -> None:
    for name in (*domains.DOMAINS, *domains.REPOSITORIES):
        assert f"`{name}`" in PAGE.read_text()


def test_every_debug_flag_is_named() -> None:
    listed = PAGE.read_text().partition("<!-- begin flags -->")[2].partition("<!-- end flags -->")[0]
    assert set(listed.replace("`", "").split()) == values.DEBUG_FLAGS


def test_man_page_has_every_option_that_does_something() -> None:
    for option in options.HONOURED:
        names = ", ".join(f"**{name}**" for name in option.names.split())
        assert f"\n{names}" in MAN.read_text()
        assert not option.variable or option.variable in MAN.read_text()

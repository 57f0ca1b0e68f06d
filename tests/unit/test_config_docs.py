"""docs/configuration.md and the man page say what the tables of the configuration say."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from parrot_py.config import domains, options, proxies, values
from parrot_py.config.model import RepositoryConfig, RunConfig
from parrot_py.config.options import Option
from parrot_py.config.repository_options import HONOURED, IGNORED

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "configuration.md").read_text()
MAN = (DOCS / "man" / "parrot_run.1.md").read_text()


def escaped(text: str) -> str:
    return text.replace("|", "\\|")


def option_row(option: Option) -> str:
    names = ", ".join(f"`{name}`" for name in option.names.split()) + (f" {option.argument}" if option.argument else "")
    variable = f"`{option.variable}`" if option.variable else "–"
    if not option.has_effect:
        return f"| {escaped(names)} | {variable} | {escaped(option.ignored or option.refused)} |"
    return f"| {escaped(names)} | {variable} | {escaped(option.default) or '–'} | {escaped(option.help)} |"


@pytest.mark.parametrize("option", options.OPTIONS, ids=lambda option: option.key)
def test_every_option_has_its_row(option: Option) -> None:
    assert option_row(option) in PAGE.splitlines()


def test_no_row_tells_of_an_option_that_is_gone() -> None:
    rows = [line for line in PAGE.splitlines() if line.startswith("| `-")]
    assert sorted(rows) == sorted(option_row(option) for option in options.OPTIONS)


def test_every_variable_is_named() -> None:
    for name in (*proxies.VARIABLES, "TMPDIR", "PARROT_ENABLED"):
        assert f"`{name}`" in PAGE


@pytest.mark.parametrize("option", [*HONOURED, *IGNORED])
def test_every_repository_option_has_its_row(option: str) -> None:
    meaning = HONOURED.get(option) or IGNORED[option]
    assert any(line.startswith(f"| `{option}` | {escaped(meaning)} |") for line in PAGE.splitlines())


def test_defaults() -> None:
    defaults = RepositoryConfig._field_defaults
    assert re.search(rf"\| `timeout` \|.*\| {defaults['timeout']:g} \|", PAGE)
    assert re.search(rf"\| `timeout_direct` \|.*\| {defaults['timeout_direct']:g} \|", PAGE)
    [bound] = [option for option in options.HONOURED if option.key == "timeout"]
    assert values.seconds(bound.default, "-T") == RunConfig._field_defaults["timeout"] == defaults["deadline"]


def test_every_known_domain_is_named() -> None:
    for name in (*domains.DOMAINS, *domains.REPOSITORIES):
        assert f"`{name}`" in PAGE


def test_every_debug_flag_is_named() -> None:
    [listed] = re.findall(r"<!-- flags -->\n(.*?)\n\n", PAGE, re.DOTALL)
    assert set(listed.replace("`", "").split()) == values.DEBUG_FLAGS


def test_man_page_has_every_option_that_does_something() -> None:
    for option in options.HONOURED:
        names = ", ".join(f"**{name}**" for name in option.names.split())
        assert f"\n{names}" in MAN
        assert not option.variable or option.variable in MAN

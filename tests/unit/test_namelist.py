"""Name lists and environment lists, as parrot_run writes them and as the original did."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parrot_py.errors import ConfigError
from parrot_py.namelist import Environment, Wanted, parse_environment, parse_names, to_bytes

names = st.binary(max_size=30).map(lambda rest: b"/" + rest.replace(b"\0", b""))


@given(st.lists(st.builds(Wanted, names, st.booleans())))
def test_what_is_written_is_read(wanted: list[Wanted]) -> None:
    text = to_bytes(wanted)
    assert text.count(b"\n") == len(wanted)
    assert parse_names(text, "list") == wanted


def test_what_the_original_wrote() -> None:
    text = b"/etc/passwd|fullcopy\n/a\\b|c|metadatacopy\n\n/\xff|fullcopy"
    assert parse_names(text, "list") == [(b"/etc/passwd", True), (b"/a\\b|c", False), (b"/\xff", True)]


@pytest.mark.parametrize("line", [b"/a", b"/a|copy", b"a|fullcopy", b"|fullcopy", b"/a\0b|fullcopy"])
def test_lines_that_are_none(line: bytes) -> None:
    with pytest.raises(ConfigError, match="list:2: not a line"):
        parse_names(b"/|fullcopy\n" + line, "list")


def test_environments() -> None:
    assert parse_environment(b"A=1\n2\0odd\0PWD=/a b\n", "e") == Environment((b"A=1\n2", b"odd"), b"/a b")
    assert parse_environment(b"PWD=/x\nB=2\n", "e") == Environment((b"PWD=/x", b"B=2"), b"/x")
    assert parse_environment(b"", "e") == Environment((), b"")
    assert parse_environment(b"PWD=/\n", "e").directory == b"/"


@pytest.mark.parametrize("text", [b"A=1\nB\n", b"A=1\0PWD", b"A=1\0/a\n"])
def test_environments_that_are_none(text: bytes) -> None:
    with pytest.raises(ConfigError, match=r"\Ae: "):
        parse_environment(text, "e")

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from parrot_py.config.grammar import DEFAULTS, FRONT, Entry, entries, options
from parrot_py.errors import ConfigError


def test_one_entry_with_options() -> None:
    [entry] = entries("a.example.org:url=http://h/cvmfs/a,pubkey=/k.pub")
    assert entry == Entry("a.example.org", options=(("url", "http://h/cvmfs/a"), ("pubkey", "/k.pub")))


@pytest.mark.parametrize("text", ["", " ", " \t\n"])
def test_nothing_configured(text: str) -> None:
    assert entries(text) == []


def test_blanks_of_all_kinds_separate_entries() -> None:
    assert [entry.name for entry in entries(" a.b\tc.d\n e.f  ")] == ["a.b", "c.d", "e.f"]


def test_wildcard_only_as_first_character() -> None:
    star, literal = entries("*.cern.ch a*.org")
    assert (star.name, star.wildcard) == (".cern.ch", True)
    assert (literal.name, literal.wildcard) == ("a*.org", False)


def test_escaped_star_is_no_wildcard() -> None:
    [entry] = entries(r"\*.cern.ch")
    assert (entry.name, entry.wildcard) == ("*.cern.ch", False)


def test_star_in_options_of_a_wildcard_entry_is_the_front() -> None:
    [entry] = entries(r"*.cern.ch:url=http://h/*/\*")
    assert entry.options == (("url", f"http://h/{FRONT}/*"),)


def test_star_in_options_of_a_plain_entry_is_a_star() -> None:
    [entry] = entries("a.cern.ch:url=http://h/*")
    assert entry.options == (("url", "http://h/*"),)


def test_subpath() -> None:
    [entry] = entries("a.org/x//y/./z/:url=http://h")
    assert (entry.name, entry.subpath) == ("a.org", "/x/y/z")


def test_escaped_blank_belongs_to_the_value() -> None:
    [entry] = entries(r"a.org:pubkey=/my\ keys/k.pub")
    assert entry.options == (("pubkey", "/my keys/k.pub"),)


def test_comma_in_a_value_needs_both_layers_of_escapes() -> None:
    [twice] = entries(r"a.org:url=http://h/a\\,b")
    assert twice.options == (("url", "http://h/a,b"),)
    [once] = entries(r"a.org:url=http://h/a\,b")
    assert once.options == (("url", "http://h/a"), ("b", ""))


def test_default_repositories_with_options() -> None:
    [entry] = entries(f"{DEFAULTS}:timeout=3")
    assert (entry.name, entry.options) == (DEFAULTS, (("timeout", "3"),))


@pytest.mark.parametrize(
    ("text", "named"),
    [
        (":url=http://h", "':url=http://h'"),
        ("..", "'..'"),
        (".", "'.'"),
        ("/x", "'/x'"),
        (r"a\/b", "'a/b'"),
        ("a.org/../b", "'../b'"),
        ("a.org\\", "lone backslash"),
        ("a\0b", "NUL"),
    ],
)
def test_impossible_entries_are_named(text: str, named: str) -> None:
    with pytest.raises(ConfigError) as caught:
        entries(f"good.org {text}")
    assert named in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize(
    ("entry", "name", "front"),
    [
        (Entry("a.org"), "a.org", ""),
        (Entry("a.org"), "xa.org", None),
        (Entry(".org", wildcard=True), "a.org", "a"),
        (Entry(".org", wildcard=True), ".org", None),
        (Entry("", wildcard=True), "anything", "anything"),
        (Entry("", wildcard=True), "", None),
    ],
)
def test_matching(entry: Entry, name: str, front: str | None) -> None:
    assert entry.front(name) == front


def escape(text: str, special: str) -> str:
    return "".join(f"\\{char}" if char in special or char == "\\" else char for char in text)


_WORD = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1).filter(
    lambda text: text == text.strip() and "=" not in text
)


@settings(deadline=None, derandomize=True)
@given(
    st.lists(
        st.tuples(
            _WORD.filter(lambda name: name not in (".", "..", DEFAULTS) and "/" not in name),
            st.lists(st.tuples(_WORD, st.one_of(st.just(""), _WORD)), max_size=3),
        ),
        max_size=4,
    )
)
def test_whatever_is_escaped_comes_back(listed: list[tuple[str, list[tuple[str, str]]]]) -> None:
    blanks = "".join(chr(i) for i in range(0x3001) if chr(i).isspace())
    words = []
    for name, pairs in listed:
        inner = ",".join(escape(key, ",") + ("=" + escape(value, ",") if value else "") for key, value in pairs)
        words.append(escape(name, f"*:/{blanks}") + ":" + escape(inner, f"*:/{blanks}"))
    got = [(entry.name, list(entry.options), entry.wildcard) for entry in entries(" ".join(words))]
    assert got == [(name, pairs, False) for name, pairs in listed]


@settings(deadline=None, derandomize=True)
@given(st.text())
def test_any_text_is_understood_or_refused_in_one_line(text: str) -> None:
    message = "one line"
    listed: list[Entry] = []
    try:
        listed = entries(text)
    except ConfigError as error:
        message = str(error)
    assert len(message.splitlines()) == 1
    assert all("/" not in entry.name and ".." not in entry.subpath.split("/") for entry in listed)


@settings(deadline=None, derandomize=True)
@given(st.text())
def test_options_never_fail(text: str) -> None:
    assert all(isinstance(pair, tuple) and len(pair) == 2 for pair in options(text))

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from parrot_py.config import proxies
from parrot_py.errors import ConfigError

SQUID = ("http://squid:3128",)


def discovered(option: str | None, environ: dict[str, str]) -> proxies.Groups | None:
    early, late = proxies.discover(option, environ)
    found = early or late
    return found.groups if found else None


def groups(text: str, environ: dict[str, str] | None = None) -> proxies.Groups | None:
    found = proxies.parse(text, "-p", environ or {})
    return found.groups if found else None


@pytest.mark.parametrize("text", ["DIRECT", "DIRECT;", ";DIRECT", " DIRECT ", "direct", "DIRECT;DIRECT"])
def test_every_spelling_of_direct(text: str) -> None:
    assert groups(text) == (("DIRECT",),)


@pytest.mark.parametrize("text", ["", " ", "None", "none", "UNAVAILABLE", ";", "|", ";;|"])
def test_not_set(text: str) -> None:
    assert groups(text) is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("http://squid:3128", (SQUID,)),
        ("squid:3128", (SQUID,)),
        ("http://squid:3128/", (SQUID,)),
        ("HTTP://squid:3128", (SQUID,)),
        ("a:1|b:2;c:3;DIRECT", (("http://a:1", "http://b:2"), ("http://c:3",), ("DIRECT",))),
        (" a:1 | b:2 ; DIRECT ", (("http://a:1", "http://b:2"), ("DIRECT",))),
        ("squid", (("http://squid",),)),
        ("https://squid:443", (("https://squid:443",),)),
        ("user:secret@squid:3128", (("http://user:secret@squid:3128",),)),
        ("[::1]:3128", (("http://[::1]:3128",),)),
        ("http://[fe80::1]", (("http://[fe80::1]",),)),
        ("INVALID-PROXY", (("http://INVALID-PROXY",),)),
        ("squid:3128;squid:3128", (SQUID,)),
    ],
)
def test_spellings(text: str, expected: proxies.Groups) -> None:
    assert groups(text) == expected


@pytest.mark.parametrize(
    "text",
    ["ftp://x", "socks5://x:1", "a b", "http://", "squid:abc", "squid:0", "squid:65536", "squid:", "http://h/path",
     pytest.param("squid:" + "9" * 5000, id="endless"),
     "http://h:1?x", "[::1", "[::1]x", "DIRECT;h:x", ":3128", "a,b c", "h:²"],
)  # fmt: skip
def test_bad_text_is_named(text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        groups(text)
    assert str(caught.value).startswith("-p: ")
    assert text.split(";")[-1] in str(caught.value)


def test_auto_is_http_proxy() -> None:
    assert groups("auto;DIRECT", {"http_proxy": "squid:3128"}) == (SQUID, ("DIRECT",))


def test_auto_without_http_proxy_stays() -> None:
    assert groups("auto;DIRECT") == (("auto",), ("DIRECT",))


@pytest.mark.parametrize("text", ["a:1; b:2", "a:1 |b:2", "a:1;\tDIRECT"])
def test_blanks_between_proxies_warn(text: str) -> None:
    found = proxies.parse(text, "-p", {})
    assert found is not None
    assert found.warning.startswith("-p: blanks")


def test_blanks_around_all_of_it_do_not_warn() -> None:
    found = proxies.parse(" a:1;b:2\n", "-p", {})
    assert found is not None
    assert not found.warning


def test_auto_in_http_proxy_itself_does_not_loop() -> None:
    assert discovered(None, {"http_proxy": "auto"}) == (("auto",),)


def test_order_of_the_places() -> None:
    environ = {
        "HTTP_PROXY": "one:1",
        "http_proxy": "two:2",
        "OSG_SQUID_LOCATION": "three:3",
        "GLIDEIN_Proxy_URL": "four:4",
    }
    assert discovered("zero:1", environ) == (("http://zero:1",),)
    for name, host in zip(proxies.VARIABLES, ("one:1", "two:2", "three:3", "four:4")):
        early, late = proxies.discover(None, environ)
        found = early or late
        assert found is not None
        assert found.groups == ((f"http://{host}",),)
        assert found.origin == f"environment {name}"
        assert (early is None) == (name in proxies.LATE)
        environ[name] = "UNAVAILABLE"
    assert discovered(None, environ) is None


def test_empty_option_means_no_proxy() -> None:
    assert discovered("", {"HTTP_PROXY": "squid:3128"}) == (("DIRECT",),)


def test_a_variable_with_bad_text_is_named() -> None:
    with pytest.raises(ConfigError, match=r"^GLIDEIN_Proxy_URL: .*'ftp://x'"):
        proxies.discover(None, {"GLIDEIN_Proxy_URL": "ftp://x"})


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("squid.example.org", "http://squid.example.org:3128"),
        ("http://squid/", "http://squid:3128"),
        ("squid:80", "http://squid:80"),
        ("[::1]", "http://[::1]:3128"),
    ],
)
def test_osg_squid_without_port(text: str, expected: str) -> None:
    assert discovered(None, {"OSG_SQUID_LOCATION": text}) == ((expected,),)


def test_osg_squid_may_be_direct() -> None:
    assert discovered(None, {"OSG_SQUID_LOCATION": "DIRECT"}) == (("DIRECT",),)


def test_a_fallback_removes_direct() -> None:
    before = (SQUID, ("DIRECT",), ("http://a", "DIRECT"))
    spare = (("http://spare", "DIRECT"),)
    assert proxies.without_direct(before, spare) == ((SQUID, ("http://a",)), (("http://spare",),))
    assert proxies.without_direct(before, ()) == (before, ())
    assert proxies.without_direct(before, (("DIRECT",),)) == ((SQUID, ("http://a",)), ())
    assert proxies.without_direct((("DIRECT",),), (("DIRECT",),)) == ((("DIRECT",),), ())


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("http://me:secret@squid:3128", "http://me:***@squid:3128"),
        ("a:1;me:secret@b:2|x:y@c", "a:1;me:***@b:2|x:***@c"),
        ("http://squid:3128;DIRECT", "http://squid:3128;DIRECT"),
        ("https://u:p@h/path?x=1", "https://u:***@h/path?x=1"),
    ],
)
def test_passwords_are_masked(text: str, shown: str) -> None:
    assert proxies.mask(text) == shown


_HOST = st.from_regex(r"[a-z][a-z0-9.-]{0,10}", fullmatch=True).filter(
    lambda host: host not in ("direct", "auto", "none", "unavailable")
)
_MEMBER = st.one_of(
    st.just("DIRECT"), st.builds(lambda host, port: f"http://{host}:{port}", _HOST, st.integers(1, 65535))
)


@settings(deadline=None, derandomize=True)
@given(st.lists(st.lists(_MEMBER, min_size=1, unique=True).map(tuple), min_size=1, unique=True).map(tuple))
def test_groups_survive_being_written_and_read(wanted: proxies.Groups) -> None:
    assert groups(";".join("|".join(group) for group in wanted)) == wanted
    assert groups(" ; ".join(" | ".join(group) for group in wanted) + ";") == wanted


@settings(deadline=None, derandomize=True)
@given(st.text())
def test_any_text_is_understood_or_refused(text: str) -> None:
    found, message = None, "-p: "
    try:
        found = groups(text)
    except ConfigError as error:
        message = str(error)
    assert message.startswith("-p: ")
    assert all(member in ("DIRECT", "auto") or member.startswith("http") for group in found or () for member in group)

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from parrot_py.config import proxies
from parrot_py.errors import ConfigError

SQUID = ("http://squid:3128",)


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
     "http://h:1?x", "[::1", "[::1]x", "DIRECT;h:x", ":3128", "a,b c", "h:²"],
)  # fmt: skip
def test_bad_text_is_named(text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        groups(text)
    assert str(caught.value).startswith("-p: ")
    assert text.split(";")[-1] in str(caught.value)


def test_auto_is_http_proxy() -> None:
    assert groups("auto;DIRECT", {"http_proxy": "squid:3128"}) == (SQUID, ("DIRECT",))


def test_auto_without_http_proxy_warns_and_goes_direct() -> None:
    found = proxies.parse("auto", "HTTP_PROXY", {})
    assert found is not None
    assert found.groups == (("DIRECT",),)
    assert found.warning.startswith("HTTP_PROXY: ")


def test_auto_in_http_proxy_itself_does_not_loop() -> None:
    found = proxies.discover(None, {"http_proxy": "auto"})
    assert found.groups == (("DIRECT",),)
    assert found.warning


def test_order_of_the_places() -> None:
    environ = {
        "HTTP_PROXY": "one:1",
        "http_proxy": "two:2",
        "OSG_SQUID_LOCATION": "three:3",
        "GLIDEIN_Proxy_URL": "four:4",
    }
    assert proxies.discover("zero:1", environ).groups == (("http://zero:1",),)
    for name, host in zip(proxies.VARIABLES, ("one:1", "two:2", "three:3", "four:4")):
        assert proxies.discover(None, environ).groups == ((f"http://{host}",),)
        environ[name] = "UNAVAILABLE"
    assert proxies.discover(None, environ).groups == (("DIRECT",),)


def test_empty_option_means_no_proxy() -> None:
    assert proxies.discover("", {"HTTP_PROXY": "squid:3128"}).groups == (("DIRECT",),)


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
    assert proxies.discover(None, {"OSG_SQUID_LOCATION": text}).groups == ((expected,),)


def test_osg_squid_may_be_direct() -> None:
    assert proxies.discover(None, {"OSG_SQUID_LOCATION": "DIRECT"}).groups == (("DIRECT",),)


def test_a_fallback_removes_direct() -> None:
    before = (SQUID, ("DIRECT",), ("http://a", "DIRECT"))
    assert proxies.with_fallback(before, (("http://spare",),)) == (SQUID, ("http://a",), ("http://spare",))
    assert proxies.with_fallback(before, ()) == before


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
    assert all(member == "DIRECT" or member.startswith("http") for group in found or () for member in group)

"""Proxy auto-configuration: files that are good, bad, hostile or not to be had."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from parrot_py.drivers.cvmfs.ending import Ending
from parrot_py.drivers.cvmfs.net.fetch import Fetcher
from parrot_py.drivers.cvmfs.net.pac import PacError, evaluate, parse, replaced
from tests.drivers.cvmfs.ways import CONTENT, Ways
from tests.support.httpd import Fault, Server
from tests.support.nameserver import NameServer

Log = pytest.LogCaptureFixture
for package in ("dukpy", "pypac"):
    pytest.importorskip(package, reason=f"the package {package} is not installed here")


def script(result: str) -> str:
    return f"function FindProxyForURL(url, host) {{ return {result}; }}"


@pytest.mark.parametrize(
    ("text", "groups"),
    [
        ("PROXY a:3128; PROXY b:80; DIRECT", (("http://a:3128",), ("http://b:80",), ("DIRECT",))),
        ("proxy a:1;direct", (("http://a:1",), ("DIRECT",))),
        ("HTTPS a:1; HTTP b:2", (("https://a:1",), ("http://b:2",))),
        ("SOCKS a:1; SOCKS5 b:1; PROXY c:1", (("http://c:1",),)),
        ("PROXY; PROXY  ; nonsense; PROXY a b; PROXY a|b:1", ()),
        ("PROXY [::1]:3128", (("http://[::1]:3128",),)),
        ("PROXY a:1; PROXY a:1", (("http://a:1",),)),
        ("", ()),
    ],
)
def test_results(text: str, groups: tuple[tuple[str, ...], ...]) -> None:
    assert parse(text) == groups


def test_what_is_found_takes_the_place_of_auto() -> None:
    found = (("http://x:1",), ("DIRECT",))
    assert replaced([["auto"], ["http://y:1"]], found) == (*found, ("http://y:1",))
    assert replaced([["http://y:1"], ["auto", "http://z:1"]], found) == (("http://y:1",), *found, ("http://z:1",))
    assert replaced([["auto"], ["DIRECT"]], ()) == (("DIRECT",),)


def test_scripts_see_url_and_host_and_have_their_functions() -> None:
    text = "function FindProxyForURL(url, host) { return shExpMatch(url, '*/b/*') ? 'PROXY b:1' : 'PROXY ' + host; }"
    assert evaluate(text, ["http://h.test:80/a/x", "http://h.test/b/x"]) == ["PROXY h.test", "PROXY b:1"]
    assert evaluate(script("isInNet('10.1.2.3', '10.0.0.0', '255.0.0.0') ? 'DIRECT' : 'no'"), ["http://h/"]) == [
        "DIRECT"
    ]


HOSTILE = {
    "no JavaScript": ("<html>captive portal</html>", "not a PAC file"),
    "no function": ("var x = 1;", "not a PAC file"),
    "throws": (script("nonsense()"), "not a PAC file|script failed"),
    "endless": ("while (true) {}", "did not end|time or memory|took more"),
    "endless later": (script("(function () { for (;;) {} })()"), "did not end|time or memory|took more"),
    "eats memory": ("var a = []; while (true) { a.push(new Array(1000000).join('x')); }", "memory|not a PAC|failed"),
    "endless recursion": ("function f() { return f() + 1; } f();", "memory|not a PAC|failed"),
    "deep": ("[" * 200_000, "memory|not a PAC|failed"),
    "long result": (script("new Array(100000000).join('x')"), "memory|not a PAC|failed"),
    "nul": ("\0", "memory|not a PAC|failed"),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_hostile_scripts_end(case: str) -> None:
    text, reason = HOSTILE[case]
    began = time.monotonic()
    with pytest.raises(PacError, match=reason):
        evaluate(text, ["http://h/"], seconds=1.0 if reason.startswith("did not end") else 60.0)
    assert time.monotonic() - began < 100


def test_the_end_ends_an_evaluation() -> None:
    ending = Ending()
    threading.Timer(0.2, ending.come).start()
    began = time.monotonic()
    with pytest.raises(PacError):
        evaluate("while (true) {}", ["http://h/"], seconds=60.0, ending=ending)
    assert time.monotonic() - began < 50


@pytest.fixture
def pac(tmp_path: Path) -> Iterator[Server]:
    with Server(tmp_path) as server:
        yield server


def serve(pac: Server, text: str) -> str:
    pac.fault("/proxy.pac", Fault(body=text.encode()))
    return f"{pac.url}/proxy.pac"


def fetch(ways: Ways, fetcher: Fetcher) -> list[str]:
    ways.asked.clear()
    assert ways.get(fetcher) == CONTENT
    return ways.asked


def named(ways: Ways, *proxies: str) -> str:
    return script("'" + "; ".join(f"PROXY {ways.url(name)[7:]}" for name in proxies) + "'")


def test_the_proxies_of_a_file_are_used_in_their_order(ways: Ways, pac: Server) -> None:
    url = serve(pac, named(ways, "q", "p"))
    fetcher = ways.fetcher(proxies="auto;r", pac_urls=(url,))
    assert fetch(ways, fetcher) == ["q:a"]
    assert fetch(ways, fetcher) == ["q:a"]
    assert fetcher.route is not None
    assert fetcher.route.groups == [[ways.url(name)] for name in "qpr"]
    assert pac.requests == ["/proxy.pac"]


def test_files_are_asked_for_directly_and_in_order(ways: Ways, pac: Server) -> None:
    good = serve(pac, named(ways, "q"))
    pac.fault("/broken.pac", Fault(body=b"<html>"))
    urls = (f"{pac.url}/missing.pac", f"{pac.url}/broken.pac", good, f"{pac.url}/later.pac")
    assert fetch(ways, ways.fetcher(proxies="auto", pac_urls=urls)) == ["q:a"]
    assert pac.requests == ["/missing.pac", "/broken.pac", "/proxy.pac"]


def test_each_server_is_asked_about(ways: Ways, pac: Server) -> None:
    text = "function FindProxyForURL(url, host) { return url == '%s/r/.cvmfspublished' ? 'PROXY %s' : ''; }"
    url = serve(pac, text % (ways.url("b"), ways.url("q")[7:]))
    assert fetch(ways, ways.fetcher(proxies="auto", pac_urls=(url,))) == ["q:a"]


def test_what_was_found_last_time_helps_when_the_file_is_gone(ways: Ways, pac: Server, caplog: Log) -> None:
    url = serve(pac, named(ways, "q"))
    fetch(ways, ways.fetcher(proxies="auto", pac_urls=(url,)))
    assert (ways.cache / "proxies.auto-a.parrot.test").read_text() == ways.url("q") + "\n"
    pac.stop()
    assert fetch(ways, ways.fetcher(proxies="auto", pac_urls=(url,))) == ["q:a"]
    assert "using the proxies of last time" in caplog.text


@pytest.mark.parametrize(("proxies", "expected"), [("auto", "a"), ("auto;DIRECT", "a"), ("auto;p", "p:a")])
def test_without_any_file_the_rest_is_used(ways: Ways, pac: Server, caplog: Log, proxies: str, expected: str) -> None:
    fetcher = ways.fetcher(proxies=proxies, pac_urls=(f"{pac.url}/missing.pac",))
    assert fetch(ways, fetcher) == [expected]
    assert "no PAC file could be used" in caplog.text


def test_a_fallback_removes_the_direct_of_a_file(ways: Ways, pac: Server) -> None:
    url = serve(pac, script("'DIRECT'"))
    assert fetch(ways, ways.fetcher(proxies="auto", fallback="r", pac_urls=(url,))) == ["r:a"]


def test_a_file_that_is_too_long_is_not_read(ways: Ways, pac: Server) -> None:
    url = serve(pac, named(ways, "q") + " " * (1 << 20))
    assert fetch(ways, ways.fetcher(proxies="auto", pac_urls=(url,))) == ["a"]


def test_the_well_known_place_is_tried(ways: Ways, pac: Server) -> None:
    pac.fault("/wpad.dat", Fault(body=named(ways, "q").encode()))
    with NameServer({"wpad": ["127.0.0.1"]}) as names:
        for urls in ((), ("auto",)):
            # Port 80 is not ours to serve: what is looked for there is what counts here.
            fetch(ways, ways.fetcher(proxies="auto", pac_urls=urls, dns_server=names.place))
        assert any(name.startswith("wpad.") for name, _ in names.asked)


def test_a_file_url_will_do(ways: Ways, tmp_path: Path) -> None:
    (tmp_path / "x.pac").write_text(named(ways, "q"))
    assert fetch(ways, ways.fetcher(proxies="auto", pac_urls=(f"file://{tmp_path}/x.pac",))) == ["q:a"]

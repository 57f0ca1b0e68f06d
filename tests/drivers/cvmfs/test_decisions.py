"""Section 7.4 of the format document, row by row: who is asked, in which order, what follows, what the caller sees."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from types import MappingProxyType
from typing import Any, NamedTuple

import pytest

from parrot_py.drivers.cvmfs.trouble import Failure
from tests.drivers.cvmfs.ways import CONTENT, Ways
from tests.support.httpd import Fault
from tests.support.processes import eventually

SQUID = Fault(status=503, body=b"", headers={"X-Squid-Error": "ERR_CONNECT_FAIL 111"})
# Long enough for answers without a fault, also on a machine that has much else to do.
HASTY = {"timeout": 1.5, "timeout_direct": 1.5}
GZIP = Fault(body=b"\x1f\x8b\x08\x00garbage", headers={"Content-Encoding": "gzip"})


class Row(NamedTuple):
    """``faults``: what is wrong with whom, how often (None: always).  ``asked``: the ways of one request, in order.

    ``after``: the way of the next request.  ``fails``: what the failure says; None when the content arrives.
    """

    faults: str
    fault: Fault
    asked: str
    after: str = ""
    fails: str | None = None
    times: int | None = None
    proxies: str = "DIRECT"
    fallback: str = ""
    hosts: tuple[str, ...] = ("a", "b")
    settings: Mapping[str, Any] = MappingProxyType({})


def status(code: int, **headers: str) -> Fault:
    return Fault(status=code, body=b"", headers={name.replace("_", "-"): value for name, value in headers.items()})


ROWS = {
    "all is well": Row("", Fault(), "a", "a"),
    # host HTTP error: the next host, without a pause
    "400": Row("a", status(400), "a b", "b"),
    "404": Row("a", status(404), "a b", "b"),
    "404 everywhere": Row("ab", status(404), "a b", "a", "status 404.*status 404"),
    "500": Row("a", status(500), "a b", "b"),
    "503": Row("a", status(503), "a b", "b"),
    "403, no proxy": Row("a", status(403), "a b", "b"),
    "redirection that is not followed": Row("a", status(302, Location="/r"), "a b", "b"),
    # host connection, too slow, short: the same again after a pause, then the next host
    "429": Row("a", status(429), "a a b", "b"),
    "429 once": Row("a", status(429), "a a", "a", times=1),
    "no answer": Row("a", Fault(drop=True), "a a b", "b"),
    "reset": Row("a", Fault(reset=True), "a a b", "b"),
    "reset in the body": Row("a", Fault(truncate=50, reset=True), "a a b", "b"),
    "truncated": Row("a", Fault(truncate=50), "a a b", "b"),
    "truncated once": Row("a", Fault(truncate=50), "a a", "a", times=1),
    "states to be longer": Row("a", Fault(length=100_000), "a a b", "b"),
    "truncated, everywhere": Row("ab", Fault(truncate=50), "a a b b", "a", "ended after 50 of 660 bytes"),
    "no HTTP": Row("a", Fault(raw=b"what?\r\n\r\n"), "a a b", "b"),
    "silent": Row("a", Fault(delay=60.0), "a a b", "b", settings=HASTY),
    "slow drip": Row("a", Fault(trickle=0.1), "a a b", "b", settings=HASTY),
    "drip above the limit": Row("a", Fault(trickle=0.001), "a", "a", settings={**HASTY, "low_speed_limit": 10}),
    "more retries": Row("a", Fault(drop=True), "a a a a b", "b", settings={"max_retries": 3}),
    "no retries": Row("a", Fault(drop=True), "a b", "b", settings={"max_retries": 0}),
    "too many redirections": Row(
        "a", status(301, Location="/loop"), "a " * 10 + "b", "b", settings={"follow_redirects": True}
    ),
    "a host without address": Row("", Fault(), "b", "b", hosts=("http://no-host.invalid", "b")),
    # bad data: once more past the caches, then the next host
    "flipped": Row("a", Fault(flip=7), "a a! b", "b"),
    "flipped once": Row("a", Fault(flip=7), "a a!", "a", times=1),
    "flipped everywhere": Row("ab", Fault(flip=7), "a a! b b!", "a", "hash mismatch.*hash mismatch"),
    "empty": Row("a", Fault(body=b""), "a a! b", "b"),
    "states to be shorter": Row("a", Fault(length=50), "a a! b", "b"),
    "truncated, without a length": Row("a", Fault(length=-1, truncate=50), "a a! b", "b"),
    "compressed on the way": Row("a", GZIP, "a a! b", "b"),
    "says that it is compressed": Row("a", Fault(headers={"Content-Encoding": "gzip"}), "a", "a"),
    "without a length": Row("a", Fault(length=-1), "a", "a"),
    # through a proxy it is the server's word that counts, or the proxy's, by what the answer looks like
    "404 through a proxy": Row("p", status(404), "p:a p:b", "p:a", "404", proxies="p;q"),
    "503 through a proxy": Row("p", status(503), "p:a p:b", "p:b", times=1, proxies="p;q"),
    "squid's 503": Row("p", SQUID, "p:a q:a", "q:a", proxies="p;q"),
    "Proxy-Status error": Row("p", status(502, Proxy_Status="x; error=dns_error"), "p:a q:a", "q:a", proxies="p;q"),
    "Proxy-Status without": Row(
        "p", status(502, Proxy_Status="x; received-status=502"), "p:a p:b", "p:b", times=1, proxies="p;q"
    ),
    "403 of a proxy": Row("p", status(403), "p:a q:a", "q:a", proxies="p;q"),
    "407 of a proxy": Row("p", status(407), "p:a q:a", "q:a", proxies="p;q"),
    "redirection through a proxy": Row("p", status(302, Location="/"), "p:a p:b", "p:b", times=1, proxies="p;q"),
    "no answer of a proxy": Row("p", Fault(drop=True), "p:a p:a q:a", "q:a", proxies="p;q"),
    "truncated by a proxy": Row("p", Fault(truncate=50), "p:a p:a q:a", "q:a", proxies="p;q"),
    "slow proxy": Row("p", Fault(trickle=0.1), "p:a p:a q:a", "q:a", proxies="p;q", settings=HASTY),
    "silent proxy": Row("p", Fault(delay=60.0), "p:a p:a q:a", "q:a", proxies="p;q", settings=HASTY),
    "flipped by a proxy": Row("p", Fault(flip=7), "p:a p:a! p:b", "p:b", times=2, proxies="p;q"),
    "flipped by a cache": Row("p", Fault(flip=7), "p:a p:a!", "p:a", times=1, proxies="p;q"),
    "429 through a proxy": Row("p", status(429), "p:a p:a p:b", "p:b", times=2, proxies="p;q"),
    "a proxy without address": Row("", Fault(), "q:a", "q:a", proxies="http://no-such-proxy.invalid;q"),
    "nothing listens": Row("", Fault(), "q:a", "q:a", proxies="http://127.0.0.1:1;q"),
    "all proxies bad": Row("pq", SQUID, "p:a q:a p:b q:b", "p:a", "status 503", proxies="p;q"),
    "all proxies bad for one host": Row("pq", SQUID, "p:a q:a p:b", "p:b", times=2, proxies="p;q"),
    "DIRECT as the last group": Row("p", SQUID, "p:a a", "a", proxies="p;DIRECT"),
    "DIRECT, then a host": Row("pa", SQUID, "p:a a b", "b", proxies="p;DIRECT", times=2),
    "a fallback removes DIRECT": Row("p", SQUID, "p:a r:a", "r:a", proxies="p;DIRECT", fallback="r"),
    "a fallback alone": Row("", Fault(), "r:a", "r:a", proxies="DIRECT", fallback="r;DIRECT"),
    "only DIRECT as fallback": Row("p", SQUID, "p:a p:b", "p:a", "503", proxies="p", fallback="DIRECT"),
    "indefinitely": Row("ab", status(404), "a b a b a", "a", times=4, settings={"failover_indefinitely": True}),
}


@pytest.mark.parametrize("case", ROWS)
def test_row(ways: Ways, case: str) -> None:
    row = ROWS[case]
    fault = replace(row.fault)  # all that have it share its count
    for name in row.faults:
        ways.server[name].fault("*", fault, times=row.times)
    fetcher = ways.fetcher(row.hosts, row.proxies, row.fallback, **row.settings)
    if row.fails is None:
        assert ways.get(fetcher) == CONTENT
    else:
        with pytest.raises(Failure, match=row.fails):
            ways.get(fetcher)
    assert ways.asked == row.asked.split()
    for server in ways.server.values():
        server.heal()
    ways.asked.clear()
    time.sleep(0.02)  # a fetcher that nobody answered takes a short rest
    assert ways.get(fetcher) == CONTENT
    assert ways.asked == row.after.split()


def test_nothing_is_left_to_try_without_a_pause_for_404(ways: Ways) -> None:
    for name in "ab":
        ways.server[name].fault("*", Fault(status=404, body=b""))
    fetcher = ways.fetcher(backoff_init=30.0, backoff_max=30.0)
    began = time.monotonic()
    with pytest.raises(Failure, match="404"):
        ways.get(fetcher)
    assert time.monotonic() - began < 25
    assert (fetcher.statistics.retries, fetcher.statistics.host_failovers) == (0, 2)


def test_everything_is_counted(ways: Ways) -> None:
    fetcher = ways.fetcher(proxies="p;q")
    ways.server["p"].fault("*", Fault(truncate=50))
    ways.server["q"].fault("*", Fault(status=404, body=b""), times=1)
    assert ways.get(fetcher) == CONTENT
    assert ways.asked == ["p:a", "p:a", "q:a", "q:b"]
    counters = fetcher.statistics.counters()
    assert counters.pop("download.sz_transfer_time") < 20_000
    assert counters == {
        "download.n_requests": 4,
        "download.sz_transferred_bytes": 100 + len(CONTENT),
        "download.n_retries": 1,
        "download.n_proxy_failover": 1,
        "download.n_host_failover": 1,
    }
    assert not any(fetcher.external_statistics.counters("download-external").values())


def test_an_indefinite_effort_outlasts_the_deadline_and_ends_with_the_fetcher(ways: Ways) -> None:
    for name in "ab":
        ways.server[name].fault("*", Fault(drop=True))
    fetcher = ways.fetcher(failover_indefinitely=True, deadline=0.05)
    ended = threading.Event()

    def get() -> None:
        with pytest.raises(Failure):
            ways.get(fetcher)
        ended.set()

    threading.Thread(target=get, daemon=True).start()
    eventually(lambda: len(ways.asked) >= 100)
    assert not ended.is_set()
    fetcher.close()
    assert ended.wait(60)


def test_the_deadline_ends_an_effort_in_the_middle(ways: Ways) -> None:
    for name in "abpq":
        ways.server[name].fault("*", Fault(delay=60.0))
    fetcher = ways.fetcher(proxies="p;q", deadline=0.8, max_retries=50)
    began = time.monotonic()
    with pytest.raises(Failure, match="timed out"):
        ways.get(fetcher)
    assert time.monotonic() - began < 30


def test_external_data_has_ways_of_its_own(ways: Ways) -> None:
    outer = {"external_urls": (ways.url("b") + "/r",), "external_proxies": ways.groups("q")}
    fetcher = ways.fetcher("a", "p", external_timeout=2.0, timeout=20.0, max_retries=0, **outer)
    path = ways.hash.object_path().encode()
    ways.server["q"].fault("*", Fault(delay=60.0))
    with pytest.raises(Failure, match="timed out"):
        fetcher.external_file(path, ways.sink())
    assert ways.get(fetcher) == CONTENT
    ways.server["q"].heal()
    time.sleep(0.02)
    fetcher.external_file(path, ways.sink())
    assert ways.asked == ["q:b", "p:a", "q:b"]
    assert (fetcher.statistics.requests, fetcher.external_statistics.requests) == (1, 2)


def test_documents_may_be_asked_for_past_all_caches(ways: Ways) -> None:
    fetcher = ways.fetcher("a", "p")
    name = ways.hash.object_path()[1:]
    fetcher.document(name)
    data, hop = fetcher.document(name, no_cache=True)
    assert data == CONTENT
    assert hop.url == ways.url("a") + "/r"
    assert ways.asked == ["p:a", "p:a!"]


@pytest.mark.parametrize("length", [None, -1])
def test_documents_have_a_limit(ways: Ways, length: int | None) -> None:
    ways.server["a"].fault("*", Fault(body=bytes((1 << 20) + 1), length=length))
    with pytest.raises(Failure, match="longer than 1048576 bytes"):
        ways.fetcher("a").document("x")
    ways.server["a"].heal()
    ways.server["a"].fault("*", Fault(body=bytes(1 << 20), length=length))
    data, _ = ways.fetcher("a").document("x")
    assert len(data) == 1 << 20


def test_a_closed_fetcher_asks_nobody(ways: Ways) -> None:
    fetcher = ways.fetcher()
    fetcher.close()
    with pytest.raises(Failure, match="closed"):
        ways.get(fetcher)
    assert ways.asked == []


def test_requests_say_what_they_are_for(ways: Ways) -> None:
    fetcher = ways.fetcher("a", send_info_header=True)
    fetcher.object(ways.hash.object_path(), ways.sink(), info=b"/a dir/\xc3\xa9?")
    ways.get(ways.fetcher("a"))
    told = [headers.get("cvmfs-info") for headers in ways.server["a"].headers]
    assert told == ["/a%20dir/%C3%A9%3F", None]


def test_the_proxy_for_working_offline_fails_at_once_and_nothing_goes_round_it(ways: Ways) -> None:
    fetcher = ways.fetcher("ab", "http://INVALID-PROXY", max_retries=50, backoff_init=60.0)
    began = time.monotonic()
    with pytest.raises(Failure, match="invalid-proxy: no such host") as failed:
        ways.get(fetcher)
    assert failed.value.unreachable
    assert time.monotonic() - began < 30
    assert ways.asked == []


def test_many_at_a_time_find_the_proxy_that_is_left(ways: Ways) -> None:
    """Each effort tries each proxy: what the others find out must not use up its tries."""
    for name in "pq":
        ways.server[name].fault("*", Fault(drop=True))
    fetcher = ways.fetcher("a", "p|q|r", proxy_reset_after=0.01)
    with ThreadPoolExecutor(16) as pool:
        assert all(content == CONTENT for content in pool.map(lambda _: ways.get(fetcher), range(200)))
    assert fetcher.statistics.host_failovers == 0

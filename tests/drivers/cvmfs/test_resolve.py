"""Names and addresses: of proxies, each of which is one proxy, and of servers, which are used in turn."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Callable

import pytest

from parrot_py.config.model import RepositoryConfig
from parrot_py.drivers.cvmfs.ending import Ending
from parrot_py.drivers.cvmfs.net.fetch import Fetcher
from parrot_py.drivers.cvmfs.net.resolve import FAILURE_LIFE, Resolver
from parrot_py.drivers.cvmfs.trouble import Failure
from tests.support.httpd import Fault, Server
from tests.support.nameserver import NameServer

BOTH = ["127.0.0.1", "127.0.0.2", "::1"]
Make = Callable[..., Resolver]


@pytest.fixture
def names() -> Iterator[NameServer]:
    with NameServer({"many.test": BOTH, "six.test": ["::1"], "a.test": ["127.0.0.1"]}) as server:
        yield server


@pytest.fixture
def make(names: NameServer, tmp_path: Path) -> Make:
    def resolver(ending: Ending | None = None, **changes: Any) -> Resolver:
        config = RepositoryConfig("a.parrot.test", (), (), tmp_path, dns_server=names.place)
        return Resolver(config._replace(**changes), ending or Ending())

    return resolver


@pytest.mark.parametrize(
    ("settings", "host", "expected"),
    [
        ({}, "many.test", ("127.0.0.1", "127.0.0.2")),
        ({"ipfamily": 6}, "many.test", ("::1",)),
        ({"ipfamily": 6}, "a.test", ("127.0.0.1",)),
        ({}, "six.test", ("::1",)),
        ({}, "127.0.0.9", ("127.0.0.9",)),
        ({}, "::1", ("::1",)),
        ({"dns_server": None}, "localhost", ("127.0.0.1",)),
    ],
)
def test_addresses(make: Make, settings: dict[str, Any], host: str, expected: tuple[str, ...]) -> None:
    assert make(**settings).resolve(host).addresses in (expected, expected[::-1])


def test_only_ipv4_when_that_is_forced(make: Make) -> None:
    assert make(ipv4_only=True).resolve("six.test").error
    assert set(make(ipv4_only=True, ipfamily=6).resolve("many.test").addresses) == {"127.0.0.1", "127.0.0.2"}


@pytest.mark.parametrize("server", ["", None])
def test_unknown_names_have_an_error(make: Make, names: NameServer, server: str | None) -> None:
    answer = make(dns_server=names.place if server == "" else None).resolve("nobody.parrot.invalid")
    assert answer.addresses == ()
    assert answer.error.startswith("nobody.parrot.invalid: ")
    assert names.asked == []
    assert make().resolve("nobody.test").error.startswith("nobody.test: ")


@pytest.mark.parametrize("name", ["INVALID-PROXY", "x.invalid"])
def test_names_for_working_offline_are_not_even_asked_for(make: Make, names: NameServer, name: str) -> None:
    assert make().resolve(name).error == f"{name}: no such host"
    assert names.asked == []


def test_a_silent_name_server_is_waited_for_so_long_and_no_longer(make: Make, names: NameServer) -> None:
    names.silent = True
    resolver = make(dns_timeout=0.2, dns_retries=1)
    began = time.monotonic()
    with ThreadPoolExecutor(10) as pool:
        answers = list(pool.map(resolver.resolve, ["a.test"] * 10))
    assert all(answer.error for answer in answers)
    assert 0.3 < time.monotonic() - began < 30
    assert len(names.asked) < 10


def test_the_end_ends_a_look_up(make: Make, names: NameServer) -> None:
    names.silent = True
    ending = Ending()
    resolver = make(ending, dns_timeout=60.0)
    threading.Timer(0.1, ending.come).start()
    began = time.monotonic()
    assert resolver.resolve("a.test").error
    assert time.monotonic() - began < 30


def test_a_look_up_of_the_system_that_hangs_is_left_behind(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    hang = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: hang.wait(100) and [])
    resolver = make(dns_server=None, dns_timeout=0.1, dns_retries=0)
    began = time.monotonic()
    assert "no answer" in resolver.resolve("slow.test").error
    assert "no answer" in resolver.resolve("slow.test").error
    assert time.monotonic() - began < 30
    hang.set()


def test_answers_are_kept_for_their_time(make: Make, names: NameServer, monkeypatch: pytest.MonkeyPatch) -> None:
    now = time.monotonic()
    monkeypatch.setattr("parrot_py.drivers.cvmfs.net.resolve.time.monotonic", lambda: now)
    names.ttl = 200
    long, short, bound = make(), make(dns_min_ttl=500.0), make(dns_max_ttl=100.0)
    resolvers = (long, short, bound)

    def asked_at(later: float) -> list[bool]:
        nonlocal now
        now += later
        result = []
        for resolver in resolvers:
            before = len(names.asked)
            resolver.resolve("a.test")
            result.append(len(names.asked) > before)
        return result

    assert asked_at(0) == [True, True, True]
    assert asked_at(99) == [False, False, False]
    assert asked_at(2) == [False, False, True]
    assert asked_at(100) == [True, False, True]
    assert asked_at(300) == [True, True, True]


def test_failures_are_kept_for_a_short_time(make: Make, names: NameServer, monkeypatch: pytest.MonkeyPatch) -> None:
    now = time.monotonic()
    monkeypatch.setattr("parrot_py.drivers.cvmfs.net.resolve.time.monotonic", lambda: now)
    resolver = make()
    assert resolver.resolve("new.test").error
    names.records["new.test"] = ["127.0.0.1"]
    assert resolver.resolve("new.test").error
    now += FAILURE_LIFE + 1
    assert resolver.resolve("new.test").addresses == ("127.0.0.1",)


@pytest.fixture
def two(tmp_path: Path) -> Iterator[tuple[Server, Server]]:
    """The same content at one port of two addresses; either can be a server and a proxy."""
    (tmp_path / "www").mkdir()
    (tmp_path / "www" / "x").write_bytes(b"content")
    with Server(tmp_path / "www") as first, Server(tmp_path / "www", address="127.0.0.2", port=first.port) as second:
        yield first, second


@pytest.fixture
def fetch(names: NameServer, tmp_path: Path) -> Iterator[Callable[..., Fetcher]]:
    made: list[Fetcher] = []

    def fetcher(url: str, proxy: str = "DIRECT", **changes: Any) -> Fetcher:
        config = RepositoryConfig("a.parrot.test", (url,), (), tmp_path / "cache", proxies=((proxy,),))
        config = config._replace(dns_server=names.place, backoff_init=0.01, max_retries=0)
        made.append(Fetcher(config._replace(**changes)))
        return made[-1]

    yield fetcher
    for each in made:
        each.close()


Fetch = Callable[..., Fetcher]
Two = tuple[Server, Server]


def test_each_address_of_a_proxy_is_a_proxy(fetch: Fetch, two: Two, names: NameServer) -> None:
    fetcher = fetch("http://far.test/", f"http://many.test:{two[0].port}")
    fetcher.document("x")
    asked, other = (two[0], two[1]) if two[0].requests else (two[1], two[0])
    assert asked.targets == ["http://far.test/x"]
    assert asked.headers[0]["Host"] == "far.test"
    asked.kill()
    for _ in range(3):
        fetcher.document("x")
    assert other.targets == ["http://far.test/x"] * 3
    assert fetcher.statistics.proxy_failovers == 1
    # Who goes through a proxy does not look up servers.
    assert {name for name, _ in names.asked} == {"many.test."}


def test_the_number_of_addresses_may_be_limited(fetch: Fetch, two: Two) -> None:
    for server in two:
        server.fault("*", Fault(drop=True))
    with pytest.raises(Failure):
        fetch("http://far.test/", f"http://many.test:{two[0].port}", max_addresses_per_proxy=1).document("x")
    assert len(two[0].requests) + len(two[1].requests) == 1


def test_a_proxy_that_moved_is_found_again(fetch: Fetch, two: Two, names: NameServer) -> None:
    names.records["moving.test"] = ["127.0.0.1"]
    names.ttl = 0
    fetcher = fetch("http://far.test/", f"http://moving.test:{two[0].port}", dns_min_ttl=0.0)
    fetcher.document("x")
    names.records["moving.test"] = ["127.0.0.2"]
    fetcher.document("x")
    # No answer at all is no reason to forget the last one.
    del names.records["moving.test"]
    fetcher.document("x")
    assert (len(two[0].requests), len(two[1].requests)) == (1, 2)


def test_the_addresses_of_a_server_are_used_in_turn(fetch: Fetch, two: Two) -> None:
    fetcher = fetch(f"http://many.test:{two[0].port}/")
    for _ in range(4):
        fetcher.document("x")
    # One connection serves all; only a new one goes to the next address.
    assert two[0].connections + two[1].connections == 1
    others = [fetch(f"http://many.test:{two[0].port}/") for _ in range(2)]
    with ThreadPoolExecutor(8) as pool:
        for other in others:
            list(pool.map(lambda _, other=other: other.document("x"), range(8)))
    assert two[0].headers[0]["Host"] == f"many.test:{two[0].port}"


def test_a_dead_address_of_a_server_is_passed_over(fetch: Fetch, two: Two) -> None:
    two[0].stop()
    for _ in range(3):
        assert fetch(f"http://many.test:{two[0].port}/").document("x")[0] == b"content"


def test_an_unknown_server_fails_at_once(fetch: Fetch, two: Two) -> None:
    with pytest.raises(Failure, match=r"nobody\.test: ") as failed:
        fetch(f"http://nobody.test:{two[0].port}/", max_retries=50, backoff_init=60.0).document("x")
    assert failed.value.unreachable

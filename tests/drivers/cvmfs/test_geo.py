"""The order of servers by distance: what is asked, which answers count, what happens without one."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from parrot_py.drivers.cvmfs.net.fetch import Fetcher
from parrot_py.drivers.cvmfs.net.geo import Places
from tests.drivers.cvmfs.ways import CONTENT, HOSTS, PROXIES, Ways
from tests.support.httpd import Fault
from tests.support.nameserver import NameServer
from tests.support.processes import eventually

NAMES = {"a": "zebra.test", "b": "ant.test", "p": "near.test", "q": "far.test", "r": "third.test"}
GEO = "*/api/v1.0/geo/*"


class NamedWays(Ways):
    """Ways whose servers and proxies have names, so that distances can be told apart."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self.names = self.enter_context(NameServer({name: ["127.0.0.1"] for name in NAMES.values()}))

    def url(self, name: str) -> str:
        server = self.server.get(name)
        return f"http://{NAMES[name]}:{server.port}" if server else name

    def config(self, *args: Any, **changes: Any) -> Any:
        return super().config(*args, **{"dns_server": self.names.place, "use_geoapi": True, **changes})

    def answer(self, text: str, servers: str = HOSTS + PROXIES, **fault: Any) -> None:
        """Let these servers answer so when they are asked for an order."""
        for name in servers:
            self.server[name].fault(GEO, Fault(body=text.encode(), **fault))

    def question(self) -> list[str]:
        """The path of each question for an order."""
        paths = [path for server in self.server.values() for path in server.requests if "/api/" in path]
        return [path.partition("/api/v1.0/geo/")[2] for path in paths]

    def first(self, fetcher: Fetcher) -> str:
        """Fetch something; by which way that was."""
        self.asked.clear()
        assert self.get(fetcher) == CONTENT
        return self.asked[-1]


@pytest.fixture
def ways(tmp_path: Path) -> Iterator[NamedWays]:
    with NamedWays(tmp_path) as ways:
        yield ways


def test_the_nearest_server_is_used(ways: NamedWays) -> None:
    ways.answer("1,2\n")
    fetcher = ways.fetcher(proxy_template="here")
    assert ways.first(fetcher) == "b"
    assert ways.question() == ["here/ant.test,zebra.test"]
    assert fetcher.route is not None
    assert fetcher.route.urls == [ways.url("b") + "/r", ways.url("a") + "/r"]


def test_an_answer_is_used_by_later_runs(ways: NamedWays) -> None:
    ways.answer("1,2\n")
    ways.first(ways.fetcher())
    ways.answer("2,1\n")
    assert ways.first(ways.fetcher()) == "b"
    assert len(ways.question()) == 1
    # Another list of servers is another question.
    assert ways.first(ways.fetcher(HOSTS + "p")) in HOSTS + "p"
    assert len(ways.question()) > 1


@pytest.mark.parametrize(
    "spoilt", ["{}", "not json", '{"order": "1,1", "until": 1e11}', '{"order": 5, "until": "x"}', "[]"]
)
def test_a_damaged_note_is_no_answer(ways: NamedWays, spoilt: str) -> None:
    ways.answer("1,2\n")
    ways.first(ways.fetcher())
    for note in ways.cache.glob("geo.*"):
        note.write_text(spoilt)
    assert ways.first(ways.fetcher()) == "b"
    assert len(ways.question()) == 2


@pytest.mark.parametrize(
    ("proxies", "fallback", "names"),
    [
        ("DIRECT", "", "ant.test,zebra.test"),
        ("p", "", "ant.test,zebra.test"),
        ("p", "q|r;r", "ant.test,zebra.test,far.test,third.test"),
        ("DIRECT", "q;r", "ant.test,zebra.test,+PXYSEP+,far.test,third.test"),
    ],
)
def test_questions(ways: NamedWays, proxies: str, fallback: str, names: str) -> None:
    count = names.count(",") + 1
    ways.answer(",".join(map(str, range(1, count + 1))))
    ways.first(ways.fetcher(HOSTS, proxies, fallback))
    who, _, asked = ways.question()[0].partition("/")
    assert asked == names
    # A caching proxy's answer is the same for all behind it; others are told apart.
    assert who == ("near.test" if proxies == "p" else (ways.cache / "uuid").read_text().strip())


def test_fallback_groups_are_ordered_too(ways: NamedWays) -> None:
    ways.answer("5,3,4,1,2")
    fetcher = ways.fetcher(HOSTS, "DIRECT", "q;r")
    assert ways.first(fetcher) == "r:b"
    assert fetcher.route is not None
    assert fetcher.route.groups == [[ways.url("r")], [ways.url("q")]]


BAD = ["", "1", "1,1", "0,1", "1,2,3", "2;1", "a,b", "1,2,", "٢,١"]


@pytest.mark.parametrize("text", BAD)
def test_answers_that_are_no_order_do_not_count(text: str) -> None:
    places = Places.of(["http://a", "http://b"], [["DIRECT"]], [])
    assert places.parse(text) is None
    assert places.parse("2,1\n") == [2, 1]


def test_without_an_answer_time_decides(ways: NamedWays) -> None:
    ways.answer("", status=400)
    ways.server["a"].fault("*/.cvmfspublished", Fault(body=b"x", delay=0.15))
    ways.server["b"].fault("*/.cvmfspublished", Fault(body=b"x"))
    assert ways.first(ways.fetcher()) == "b"
    assert sorted(path for path in ways.server["a"].requests if "/data/" not in path)[0] == "/r/.cvmfspublished"
    assert ways.server["b"].headers[-2]["Cache-Control"] == "no-cache"


def test_a_server_that_is_down_is_the_last(ways: NamedWays) -> None:
    ways.server["a"].kill()
    ways.server["b"].fault("*/.cvmfspublished", Fault(body=b"x"))
    fetcher = ways.fetcher()
    assert ways.first(fetcher) == "b"
    assert fetcher.statistics.retries == 0


def test_when_all_fails_the_order_stays(ways: NamedWays) -> None:
    ways.answer("1,2", status=503)
    assert ways.first(ways.fetcher()) == "a"
    assert list(ways.cache.glob("geo.*")) == []


def test_a_slow_answer_delays_nobody_for_long_and_counts_later(ways: NamedWays) -> None:
    release = threading.Event()
    ways.answer("1,2", hold=release)
    fetcher = ways.fetcher(timeout_direct=60.0)
    began = time.monotonic()
    assert ways.first(fetcher) == "a"
    assert 0.9 < time.monotonic() - began < 30
    release.set()
    assert fetcher.route is not None
    route = fetcher.route
    eventually(lambda: route.current().url == ways.url("b") + "/r", what="the change of the server")
    assert ways.first(fetcher) == "b"


def test_nobody_is_asked_unless_it_is_wanted(ways: NamedWays) -> None:
    assert ways.first(ways.fetcher(use_geoapi=False)) == "a"
    assert ways.first(ways.fetcher("b")) == "b"
    assert ways.question() == []


def test_the_number_of_servers_may_be_limited(ways: NamedWays) -> None:
    ways.answer("1,2")
    for fetcher, url in ((ways.fetcher(max_servers=1), "b"), (ways.fetcher(max_servers=1, use_geoapi=False), "a")):
        assert ways.first(fetcher) == url
        assert fetcher.route is not None
        assert fetcher.route.urls == [ways.url(url) + "/r"]


def test_external_servers_are_ordered_by_themselves(ways: NamedWays) -> None:
    ways.answer("1,2")
    outer = tuple(ways.url(name) + "/r" for name in HOSTS)
    fetcher = ways.fetcher("a", external_urls=outer, external_max_servers=1)
    fetcher.external_file(ways.hash.object_path().encode(), ways.sink())
    assert ways.asked[-1] == "b"
    assert fetcher.external is not None
    assert len(fetcher.external.urls) == 1


def test_a_directory_that_takes_no_notes_is_no_obstacle(ways: NamedWays) -> None:
    ways.cache.write_text("not a directory")
    ways.answer("1,2")
    for _ in range(2):
        assert ways.first(ways.fetcher()) == "b"
    assert len(ways.question()) == 2

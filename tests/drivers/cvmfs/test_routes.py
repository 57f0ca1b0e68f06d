"""Which server and proxy is next: the state alone, without a network."""

from __future__ import annotations

import time
from collections import Counter

import pytest

from parrot_py.drivers.cvmfs.net.proxygroups import Member, ProxyGroups
from parrot_py.drivers.cvmfs.net.resolve import Answer
from parrot_py.drivers.cvmfs.net.routes import Hop, Route

P, Q, R, S = (f"http://{name}:3128" for name in "pqrs")
KEYS = [n.to_bytes(4, "big") for n in range(0, 1 << 32, (1 << 32) // 1000)]


def chosen(groups: ProxyGroups, now: float = 0.0, key: bytes | None = None) -> str:
    return groups.choose(now, key, ()).proxy


def test_only_who_uses_the_current_way_may_leave_it() -> None:
    route = Route(["http://a", "http://b", "http://c"])
    first = route.current()
    assert route.leave_host(first)
    assert not route.leave_host(first)
    assert route.current() == Hop("http://b")
    assert route.current(tried={"http://b"}) == Hop("http://c")
    assert route.current(tried={"http://a", "http://b", "http://c"}) == Hop("http://b")


def test_a_route_goes_home_after_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    route = Route(["http://a", "http://b"], ProxyGroups([["http://p"], ["http://q"]]))
    route.leave_host(route.current())
    route.leave_proxy(route.current())
    assert route.current() == Hop("http://b", "http://q")
    now = time.monotonic()
    monkeypatch.setattr("parrot_py.drivers.cvmfs.net.routes.time.monotonic", lambda: now + 301)
    assert route.current() == Hop("http://b", "http://p")
    monkeypatch.setattr("parrot_py.drivers.cvmfs.net.routes.time.monotonic", lambda: now + 1801)
    assert route.current() == Hop("http://a", "http://p")


def test_zero_means_never_to_go_home(monkeypatch: pytest.MonkeyPatch) -> None:
    route = Route(["http://a", "http://b"], ProxyGroups([[P], [Q]], reset_after=0), host_reset_after=0)
    route.leave_host(route.current())
    route.leave_proxy(route.current())
    now = time.monotonic()
    monkeypatch.setattr("parrot_py.drivers.cvmfs.net.routes.time.monotonic", lambda: now + 1e6)
    assert route.current() == Hop("http://b", Q)


def test_the_members_of_a_group_share_the_load() -> None:
    counts = Counter(chosen(ProxyGroups([[P, Q, R], [S]])) for _ in range(300))
    assert set(counts) == {P, Q, R}
    groups = ProxyGroups([[P, Q, R], [S]])
    assert len({chosen(groups) for _ in range(100)}) == 1


def test_each_member_is_used_before_the_next_group() -> None:
    for _ in range(20):
        groups = ProxyGroups([[P, Q, R], [S]])
        seen = []
        for at in range(4):
            member = groups.choose(at, None, ())
            seen.append(member.proxy)
            assert groups.leave(member, at)
        assert set(seen[:3]) == {P, Q, R}
        assert seen[3] == S
        # After the last one all is forgotten.
        assert chosen(groups) in (P, Q, R)


def test_those_who_come_late_do_not_change_the_choice() -> None:
    groups = ProxyGroups([[P], [Q], [R]])
    first = groups.choose(0, None, ())
    assert groups.leave(first, 0)
    assert not groups.leave(first, 0)
    assert chosen(groups) == Q


def test_who_tried_the_current_proxy_gets_another_one() -> None:
    groups = ProxyGroups([[P], [Q]])
    assert groups.choose(0, None, {Member(P)}) == Member(Q)
    assert groups.choose(0, None, {Member(P), Member(Q)}) == Member(P)
    assert chosen(groups) == P


def test_burned_members_come_back_with_their_group() -> None:
    groups = ProxyGroups([[P, Q]], reset_after=100)
    left = groups.choose(0, None, ())
    groups.leave(left, 0)
    assert chosen(groups, 99) != left.proxy
    counts = {chosen(ProxyGroups([[P, Q]]), 101) for _ in range(50)}
    groups.choose(101, None, ())
    assert counts == {P, Q}
    assert groups.leave(Member(P), 101) or groups.leave(Member(Q), 101)


def test_members_may_disappear_while_they_are_in_use() -> None:
    groups = ProxyGroups([[P], [Q]])
    groups.resolved({P: Answer(("10.0.0.1", "10.0.0.2"), 5.0)})
    assert groups.count() == 3
    member = groups.choose(0, None, ())
    groups.leave(member, 0)
    groups.resolved({P: Answer((member.address or "",), 10.0)})
    assert chosen(groups) == Q


def shares(groups: ProxyGroups) -> dict[bytes, str]:
    return {key: chosen(groups, key=key) for key in KEYS}


def test_objects_are_shared_among_the_members_by_their_hash() -> None:
    before = shares(ProxyGroups([[P, Q, R]], shard=True))
    assert before == shares(ProxyGroups([[R, Q, P]], shard=True))
    assert min(Counter(before.values()).values()) > 100
    groups = ProxyGroups([[P, Q, R]], shard=True)
    assert groups.leave(Member(Q), 0)
    after = shares(groups)
    assert {key for key in KEYS if before[key] != after[key]} == {key for key in KEYS if before[key] == Q}
    # What has no hash goes to any one.
    assert chosen(groups) in (P, R)


def test_the_addresses_of_one_proxy_have_places_of_their_own() -> None:
    groups = ProxyGroups([[P]], shard=True)
    groups.resolved({P: Answer(("10.0.0.1", "10.0.0.2", "fd00::1"), 1e9)})
    counts = Counter(groups.choose(0, key, ()).address for key in KEYS)
    assert set(counts) == {"10.0.0.1", "10.0.0.2", "fd00::1"}
    by_address = ProxyGroups([["http://10.0.0.1:3128", "http://10.0.0.2:3128", "http://[fd00::1]:3128"]], shard=True)
    assert sorted(counts.values()) == sorted(Counter(shares(by_address).values()).values())


@pytest.mark.parametrize(
    ("groups", "fallback", "expected"),
    [
        ([], [], [["DIRECT"]]),
        ([["DIRECT"]], [], [["DIRECT"]]),
        ([[P, "DIRECT"], ["DIRECT"]], [[Q]], [[P], [Q]]),
        ([["DIRECT"]], [[Q, "DIRECT"]], [[Q]]),
        ([["DIRECT"]], [["DIRECT"]], [["DIRECT"]]),
        ([[]], [[]], [["DIRECT"]]),
    ],
)
def test_a_fallback_removes_direct(
    groups: list[list[str]], fallback: list[list[str]], expected: list[list[str]]
) -> None:
    assert ProxyGroups(groups, fallback).groups == expected

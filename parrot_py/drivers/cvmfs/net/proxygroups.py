"""The groups of proxies of one route, and which proxy is in use (section 7.5 of the format document)."""

from __future__ import annotations

import hashlib
import random
import time
from bisect import bisect_left
from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple
from urllib.parse import urlsplit

from parrot_py.config.model import DIRECT
from parrot_py.drivers.cvmfs.net.resolve import Answer

_POINTS = 16
_CIRCLE = 0xFFFFFFFF


class Member(NamedTuple):
    """One address of one proxy.  DIRECT has none; a proxy that cannot be resolved has an ``error`` instead."""

    proxy: str
    address: str | None = None
    error: str = ""


def proxy_host(proxy: str) -> str:
    """The host name of a proxy's URL; empty for what is none."""
    try:
        return urlsplit(proxy).hostname or ""
    except ValueError:
        return ""


def with_fallback(
    groups: Sequence[Sequence[str]], fallback: Sequence[Sequence[str]]
) -> tuple[list[list[str]], list[list[str]]]:
    """Both lists without empty groups; where there is a fallback nobody goes DIRECT any more."""
    spare = [[proxy for proxy in group if proxy != DIRECT] for group in fallback]
    spare = [group for group in spare if group]
    unwanted = {DIRECT} if spare else set()
    regular = [[proxy for proxy in group if proxy not in unwanted] for group in groups]
    regular = [group for group in regular if group]
    if not regular and not spare:
        regular = [[DIRECT]]
    return regular, spare


class ProxyGroups:
    """Which proxy to use.  Not thread-safe (Route's lock guards it); never waits."""

    def __init__(
        self,
        groups: Sequence[Sequence[str]],
        fallback: Sequence[Sequence[str]] = (),
        *,
        reset_after: float = 300.0,
        shard: bool = False,
        most_addresses: int = 0,
    ) -> None:
        self.regular, self.fallback = with_fallback(groups, fallback)
        self._reset_after, self._shard, self._most = reset_after, shard, most_addresses
        self._answers: dict[str, Answer] = {}
        self._burned: set[Member] = set()
        self._group = 0
        self._current: Member | None = None
        self._since = time.monotonic()

    @property
    def groups(self) -> list[list[str]]:
        """All groups, as they are configured, the fallback groups last."""
        return self.regular + self.fallback

    def count(self) -> int:
        """How many different members there are to try."""
        return len({member for group in range(len(self.groups)) for member in self._members(group)})

    def unresolved(self, now: float) -> list[str]:
        """The proxies of the current group whose addresses are not known, or not any more."""
        proxies = [proxy for proxy in self.groups[self._group] if proxy != DIRECT]
        return [proxy for proxy in proxies if proxy not in self._answers or now >= self._answers[proxy].until]

    def resolved(self, answers: Mapping[str, Answer]) -> None:
        """Take the addresses of some proxies, which may have changed; old ones are better than none."""
        for proxy, answer in answers.items():
            known = self._answers.get(proxy)
            if answer.error and known is not None and not known.error:
                answer = known._replace(until=answer.until)
            self._answers[proxy] = answer

    def choose(self, now: float, key: bytes | None, tried: Collection[Member]) -> Member:
        """The member for a request; one in *tried* only when there is no other.

        *key* (an object's hash) decides within the group when the load is shared by content.
        """
        self._recover(now)
        usable = self._settle(now)
        if self._current not in usable:
            self._current = random.choice(usable)
        chosen = self._shared(usable, key) if self._shard and key else self._current
        if chosen is None or chosen not in tried:
            return chosen or self._current
        order = [*range(self._group, len(self.groups)), *range(self._group)]
        for group in order:
            others = [member for member in self._members(group) if member not in tried]
            good = [member for member in others if member not in self._burned]
            if others:
                return random.choice(good or others)
        return chosen

    def leave(self, member: Member, now: float) -> bool:
        """*member* failed: use another one of its group, or the next group; whether that changed anything.

        After the last group everything begins anew.
        """
        if member in self._burned or member not in self._members(self._group):
            return False
        self._burned.add(member)
        self._since = now
        if member != self._current and not self._shard:
            return False
        usable = self._settle(now)
        self._current = random.choice([other for other in usable if other != member] or usable)
        return True

    def reset(self, now: float) -> None:
        """Forget who failed, and begin with the first group."""
        self._group, self._current, self._since = 0, None, now
        self._burned.clear()

    def replace(self, groups: Sequence[Sequence[str]]) -> None:
        """Use other groups instead of the regular ones."""
        self.regular, self.fallback = with_fallback(groups, self.fallback)
        self._group, self._current = 0, None
        self._burned.clear()

    def reorder_fallback(self, fallback: Sequence[Sequence[str]]) -> None:
        """Put the fallback groups into another order."""
        self.fallback = [list(group) for group in fallback]

    def _settle(self, now: float) -> list[Member]:
        """Go on to the first group that has usable members, which are returned; after the last begin anew."""
        for group in range(self._group, len(self.groups)):
            usable = self._usable(group)
            if usable:
                self._group = group
                return usable
        self.reset(now)
        return self._usable(0)

    def _recover(self, now: float) -> None:
        away = self._group or self._burned
        if away and self._reset_after and now - self._since > self._reset_after:
            self.reset(now)

    def _usable(self, group: int) -> list[Member]:
        return [member for member in self._members(group) if member not in self._burned]

    def _members(self, group: int) -> list[Member]:
        found: list[Member] = []
        for proxy in self.groups[group]:
            answer = self._answers.get(proxy)
            if answer is None:
                found.append(Member(proxy))
            elif answer.error:
                found.append(Member(proxy, error=answer.error))
            else:
                found += [Member(proxy, address) for address in answer.addresses[: self._most or None]]
        return list(dict.fromkeys(found))

    @staticmethod
    def _shared(usable: Sequence[Member], key: bytes) -> Member:
        """The member that is responsible for *key*: the owner of the next point on the circle."""
        circle = sorted((point, member) for member in usable for point in _points(member))
        position = bisect_left([point for point, _ in circle], int.from_bytes(key[:4], "big"))
        return circle[position % len(circle)][1]


def _points(member: Member) -> list[int]:
    """Where *member* stands on the circle: places that depend on its URL alone, so all clients agree on them."""
    url = member.proxy
    if member.address is not None:
        parts = urlsplit(url)
        place = f"[{member.address}]" if ":" in member.address else member.address
        url = parts._replace(netloc=place + (f":{parts.port}" if parts.port else "")).geturl()
    state = int.from_bytes(hashlib.sha1(url.encode(), usedforsecurity=False).digest()[:4], "big")
    points = []
    for _ in range(_POINTS):
        state = (state * 6364136223846793005 + 1442695040888963407) % (1 << 64)
        points.append(state * _CIRCLE >> 64)
    return points

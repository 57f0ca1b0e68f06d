"""Names of servers and proxies as addresses: bounded in time, remembered, asked once by however many threads.

Without a configured name server the system is asked (``getaddrinfo``: hosts file, DNS and whatever else the host has),
which cannot be told how long to take, so it runs on a thread that is left behind when the time is over.  A configured
name server is asked by ``dnspython``, which also tells how long an answer may be kept.
"""

from __future__ import annotations

import ipaddress
import socket
import threading
import time
from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

from parrot_py import threads
from parrot_py.config.model import RepositoryConfig
from parrot_py.drivers.cvmfs.ending import Ending
from parrot_py.drivers.cvmfs.net.outcome import RESOLVE, TransferError
from parrot_py.drivers.cvmfs.trouble import log

MOST_ADDRESSES = 16
FAILURE_LIFE = 10.0
"""Seconds until a name that could not be resolved is asked for again."""

_NO_NAMES = ("invalid-proxy", "invalid")
_HOSTS = "/etc/hosts"


class Answer(NamedTuple):
    """The addresses of a name, the preferred ones first, or why there are none; true until ``until`` (monotonic)."""

    addresses: tuple[str, ...]
    until: float
    error: str = ""


class _Question:
    """A name that is being asked for."""

    def __init__(self) -> None:
        self.done = threading.Event()
        self.answer: Answer | None = None


class Resolver:
    """Resolves names as a repository's configuration asks for it.  Thread-safe; calls wait."""

    def __init__(self, config: RepositoryConfig, ending: Ending) -> None:
        self._config, self._ending = config, ending
        self._patience = max(0.1, config.dns_timeout) * (1 + max(0, config.dns_retries))
        self._lock = threading.Lock()
        self._known: dict[str, Answer] = {}
        self._asked: dict[str, _Question] = {}

    def resolve(self, host: str, within: float | None = None) -> Answer:
        """The addresses of *host*; waits at most *within* seconds.  Never raises: the answer may be an error."""
        literal = _literal(host)
        if literal is not None:
            return Answer((literal,), float("inf"))
        if _never_exists(host):
            return Answer((), float("inf"), f"{host}: no such host")
        with self._lock:
            known = self._known.get(host)
            if known is not None and time.monotonic() < known.until:
                return known
            question = self._asked.get(host)
            mine = question is None
            if question is None:
                question = self._asked[host] = _Question()
        if mine and threads.start(partial(self._ask, host, question), "parrot-dns") is None:
            self._ask(host, question)
        with self._ending.waking(question.done.set):
            question.done.wait(self._patience if within is None else min(self._patience, within))
        if question.answer is not None:
            return question.answer
        return Answer((), time.monotonic() + FAILURE_LIFE, f"{host}: no answer from the name server")

    def addresses(self, host: str, within: float) -> Sequence[str]:
        """The addresses of *host*; raises TransferError (RESOLVE) when there are none."""
        answer = self.resolve(host, within)
        if answer.error:
            raise TransferError(RESOLVE, answer.error)
        return answer.addresses

    def _ask(self, host: str, question: _Question) -> None:
        try:
            answer = self._answer(host)
        finally:
            with self._lock:
                self._asked.pop(host, None)
        with self._lock:
            self._known[host] = answer
        question.answer = answer
        question.done.set()

    def _answer(self, host: str) -> Answer:
        try:
            found, life = self._from_server(host) if self._config.dns_server else (_from_system(host), 0.0)
        except (OSError, ValueError) as error:
            reason = (error.strerror if isinstance(error, OSError) else None) or str(error)
            return Answer((), time.monotonic() + FAILURE_LIFE, f"{host}: {reason}")
        addresses = self._preferred(found)
        if not addresses:
            return Answer((), time.monotonic() + FAILURE_LIFE, f"{host}: has no address")
        life = min(max(life, self._config.dns_min_ttl), max(self._config.dns_max_ttl, self._config.dns_min_ttl))
        log.debug("%s: %s is %s", self._config.fqrn, host, ", ".join(addresses))
        return Answer(addresses, time.monotonic() + life)

    def _preferred(self, found: Sequence[str]) -> tuple[str, ...]:
        """Those of one family: the preferred one unless *found* has none of it."""
        version = 4 if self._config.ipv4_only else self._config.ipfamily
        fitting = [address for address in found if _version(address) == version]
        if not fitting and not self._config.ipv4_only:
            fitting = list(found)
        return tuple(dict.fromkeys(fitting))[:MOST_ADDRESSES]

    def _from_server(self, host: str) -> tuple[list[str], float]:
        """Addresses of *host* and seconds that they may be kept, from the hosts file or the configured server."""
        there = _from_hosts_file(host)
        if there:
            return there, 0.0
        import dns.exception
        import dns.resolver

        try:
            resolver = dns.resolver.Resolver()
        except dns.exception.DNSException:  # no resolv.conf: then there are no search domains either
            resolver = dns.resolver.Resolver(configure=False)
        address, port = _server_and_port(self._config.dns_server or "")
        resolver.nameservers, resolver.port = [address], port
        resolver.timeout, resolver.lifetime = max(0.1, self._config.dns_timeout), self._patience
        found: list[str] = []
        life = float("inf")
        reason: Exception | None = None
        kinds = ("A",) if self._config.ipv4_only else ("AAAA", "A") if self._config.ipfamily == 6 else ("A", "AAAA")
        for kind in kinds:
            try:
                answer = resolver.resolve(host, kind, search=True)
            except dns.exception.DNSException as error:
                reason = reason or error
                continue
            found += [record.to_text() for record in answer]
            life = min(life, answer.rrset.ttl if answer.rrset is not None else 0.0)
            break
        if not found:
            raise OSError(0, " ".join(str(reason).split())[:200])
        return found, life


def _literal(host: str) -> str | None:
    """*host* as an address if it is one, else None."""
    try:
        return str(ipaddress.ip_address(host.strip("[]").partition("%")[0]))
    except ValueError:
        return None


def _version(address: str) -> int:
    return ipaddress.ip_address(address.partition("%")[0]).version


def _never_exists(host: str) -> bool:
    """Names that stand for "no network": what Parrot's users write as proxy to work offline, and RFC 6761's."""
    name = host.rstrip(".").lower()
    return name in _NO_NAMES or name.endswith(".invalid")


def _from_system(host: str) -> list[str]:
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except UnicodeError:
        raise ValueError("not a host name") from None
    return [str(entry[4][0]) for entry in found]


def _from_hosts_file(host: str) -> list[str]:
    """The addresses that /etc/hosts gives to *host*: a name server need not know them."""
    try:
        with open(_HOSTS, encoding="utf-8", errors="replace") as file:
            lines = [line.partition("#")[0].split() for line in file]
    except OSError:
        return []
    return [parts[0] for parts in lines if host in parts[1:] and _literal(parts[0])]


def _server_and_port(text: str) -> tuple[str, int]:
    """``address``, ``address:port`` or ``[address]:port``."""
    if _literal(text):
        return text.strip("[]"), 53
    address, _, port = text.rpartition(":")
    if _literal(address) is None or not port.isdecimal():
        raise ValueError(f"not a name server: {text!r}")
    return address.strip("[]"), int(port)

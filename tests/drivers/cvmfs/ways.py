"""Two servers and three proxies that note who was asked for what, by which way and in which order."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from parrot_py.config.model import DIRECT, RepositoryConfig
from parrot_py.drivers.cvmfs.cache.sink import Memory, ObjectSink
from parrot_py.drivers.cvmfs.catalogs.schema import COMPRESSION_NONE
from parrot_py.drivers.cvmfs.hashes import Algorithm
from parrot_py.drivers.cvmfs.net.fetch import Fetcher
from tests.support.httpd import Server

CONTENT = b"some content that is worth having" * 20
HOSTS, PROXIES = "ab", "pqr"


class Ways(contextlib.ExitStack):
    """Servers ``a`` and ``b``, proxies ``p``, ``q`` and ``r``, which have the content themselves.

    ``asked`` has an entry for each request: ``"a"`` (directly) or ``"p:a"``, with a ``!`` at the end when the request
    wanted to pass all caches.
    """

    def __init__(self, directory: Path) -> None:
        super().__init__()
        self.asked: list[str] = []
        self.hash = Algorithm.SHA1.hash(CONTENT)
        file = directory / "www" / self.hash.object_path()[1:]
        file.parent.mkdir(parents=True)
        file.write_bytes(CONTENT)
        self.cache = directory / "cache"
        mounts = {"/r": directory / "www"}
        self.server = {name: self.enter_context(self._made(name, mounts)) for name in HOSTS + PROXIES}
        self._ports = {server.port: name for name, server in self.server.items()}

    def _made(self, name: str, mounts: Mapping[str, Path]) -> Server:
        def watch(target: str, headers: Mapping[str, str]) -> None:
            port = urlsplit(target).port
            way = f"{name}:{self._ports[port]}" if port else name
            self.asked.append(way + ("!" if headers.get("Cache-Control") == "no-cache" else ""))

        return Server(mounts, watch=watch)

    def url(self, name: str) -> str:
        """The URL of server or proxy *name*; any other text stays what it is."""
        return self.server[name].url if name in self.server else name

    def groups(self, text: str) -> tuple[tuple[str, ...], ...]:
        """Proxy groups from text as ``p|q;r;DIRECT``."""
        return tuple(tuple(self.url(name) for name in group.split("|")) for group in text.split(";") if group)

    def config(
        self, hosts: Sequence[str] = HOSTS, proxies: str = DIRECT, fallback: str = "", **changes: Any
    ) -> RepositoryConfig:
        """A configuration with these servers and proxies, quick where it may be."""
        config = RepositoryConfig(
            "a.parrot.test",
            tuple(self.url(name) + "/r" for name in hosts),
            (),
            self.cache,
            proxies=self.groups(proxies),
            fallback_proxies=self.groups(fallback),
            timeout=10.0,
            timeout_direct=10.0,
            deadline=30.0,
            backoff_init=0.002,
            backoff_max=0.01,
        )
        return config._replace(**changes)

    def fetcher(self, *args: Any, **changes: Any) -> Fetcher:
        """A fetcher for that configuration; closed with the servers."""
        fetcher = Fetcher(self.config(*args, **changes))
        self.callback(fetcher.close)
        return fetcher

    def get(self, fetcher: Fetcher) -> bytes:
        """Fetch the content and verify it; raises Failure."""
        output = Memory()
        fetcher.object(self.hash.object_path(), self.sink(output))
        return output.data

    def sink(self, output: Memory | None = None) -> ObjectSink:
        """What verifies the content on its way into *output*."""
        return ObjectSink(self.hash, COMPRESSION_NONE, output or Memory(), size=len(CONTENT))

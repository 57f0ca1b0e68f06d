"""What has names of its own beside /cvmfs: GROW-FS, plain URLs, and the file systems of fsspec that are mounted.

    /grow/HOST[:PORT]/PATH   /http/HOST[:PORT]/PATH   /https/…   /fsspec/QUOTED-URL/PATH

Drivers are made when a name is first used.  A directory of the host with such a name comes first.
"""

from __future__ import annotations

import errno
import logging
import math
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn
from urllib.parse import parse_qsl, unquote_to_bytes, urlsplit

from parrot_py import codes
from parrot_py.config.model import RepositoryConfig, RunConfig
from parrot_py.drivers.base import Driver
from parrot_py.drivers.deferred import Deferred, Leading
from parrot_py.errors import ConfigError, Told
from parrot_py.mounts import FSSPEC
from parrot_py.namespace import Service

STREAMS = "streams"
"""The cache of a run that keeps nothing, in its session directory."""

log = logging.getLogger("parrot_py.remote")


class Services:
    """Makes the drivers of one run."""

    def __init__(self, config: RunConfig, session: Path) -> None:
        """*session* is the session directory, for what is to be gone after the run."""
        self._config = config
        self._session = session
        self._mounted: dict[bytes, Driver] = {}
        self._lock = threading.Lock()

    def places(self) -> dict[bytes, Service]:
        """The services by their prefixes."""
        makers: dict[str, tuple[bytes, Service]] = {
            "grow": (b"/grow", Leading(lambda: _told("grow", self._grow))),
            "http": (b"/http", Leading(lambda: _told("http", lambda: self._http("http")))),
            "https": (b"/https", Leading(lambda: _told("https", lambda: self._http("https")))),
            "fsspec": (FSSPEC, self._fsspec),
        }
        off = self._config.disabled | ({"https"} if "http" in self._config.disabled else set())
        wanted = (place for name, place in makers.items() if name not in off)
        return {prefix: service for prefix, service in wanted if not os.path.lexists(prefix)}

    def _common(self) -> RepositoryConfig:
        """Cache, quota, proxies and time-outs as repositories have them in common; may read files."""
        common = self._config.repositories.common()
        if not self._config.pretences.streams:
            return common
        cache = self._session / STREAMS
        cache.mkdir(exist_ok=True)
        return common._replace(cache_dir=cache, alien=False, lower_cache=None, quota=None)

    @property
    def _ttl(self) -> float:
        """For how long servers that say nothing about that are believed."""
        from parrot_py.drivers.remote.driver import USUAL_TTL

        return math.inf if self._config.pretences.whole_session else USUAL_TTL

    def _grow(self) -> Driver:
        from parrot_py.drivers.grow.hosts import GrowHosts

        return GrowHosts(self._common(), checksums=self._config.checksums, root=self._config.root_checksum)

    def _http(self, scheme: str) -> Driver:
        from parrot_py.drivers.remote.driver import RemoteDriver
        from parrot_py.drivers.remote.http_source import HttpSource

        common = self._common()
        authorities = common.ca_bundle or common.ca_dir
        source = HttpSource(
            scheme,
            (*common.proxies, *common.fallback_proxies),
            common.timeout_direct,
            common.deadline,
            str(authorities) if authorities else None,
        )
        return RemoteDriver(source, common, self._ttl)

    def _fsspec(self, name: bytes) -> Driver | None:
        """The driver of the URL whose quoted form is *name*; None for a name that is none."""
        url = os.fsdecode(unquote_to_bytes(name))
        if "://" not in url:
            return None
        with self._lock:
            if name not in self._mounted:
                self._mounted[name] = Deferred(lambda: _told(url, lambda: self._opened(url)))
            return self._mounted[name]

    def _opened(self, url: str) -> Driver:
        from parrot_py.drivers.remote.driver import RemoteDriver
        from parrot_py.drivers.remote.fsspec_source import FsspecSource

        common = self._common()
        plain, options = _options(url)
        return RemoteDriver(FsspecSource(plain, options, common.deadline), common, self._ttl)


def _options(url: str) -> tuple[str, dict[str, object]]:
    """*url* without its query, and the options for the protocol that this gives."""
    query = urlsplit(url).query
    if not query or "::" in url:
        return url, {}
    words: dict[str, object] = {"true": True, "false": False}
    options = {name: words.get(value.lower(), value) for name, value in parse_qsl(query, keep_blank_values=True)}
    return url.partition("?")[0], options


def _told(what: str, make: Callable[[], Driver]) -> Driver:
    """What *make* makes; where that is not possible, EIO and a line in the log."""
    from parrot_py.drivers.cvmfs.trouble import Failure

    try:
        return make()
    except (ConfigError, Failure) as error:
        _fail(what, str(error))


def _fail(what: str, why: str) -> NoReturn:
    from parrot_py.config.proxies import mask

    log.error("%s: %s", mask(what), why, extra=codes.SERVICE.extra)
    raise Told(errno.EIO, os.strerror(errno.EIO))

"""Magic attributes that are the same on every path: which revision is shown, where it comes from, what was done."""

from __future__ import annotations

import os
import resource
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from parrot_py.config.model import DIRECT
from parrot_py.drivers.base import may_block
from parrot_py.drivers.cvmfs.activity import log_tail
from parrot_py.drivers.cvmfs.cache.sink import Memory, ObjectSink
from parrot_py.drivers.cvmfs.catalogs.catalog import Catalog
from parrot_py.drivers.cvmfs.catalogs.schema import COMPRESSION_ZLIB
from parrot_py.drivers.cvmfs.hashes import METAINFO, ContentHash
from parrot_py.drivers.cvmfs.net.routes import Route

if TYPE_CHECKING:
    from parrot_py.drivers.cvmfs.driver import CvmfsDriver

VERSION = "2.12.0"
_METAINFO_LIMIT = 64 * 1024
_RESERVED_DESCRIPTORS = 512


class RepositoryAttributes:
    """Computes them; None stands for "no such attribute"."""

    def __init__(self, driver: CvmfsDriver) -> None:
        self._driver = driver
        self._metainfo: dict[ContentHash, bytes] = {}

    def table(self) -> dict[bytes, Callable[[], str | bytes | None]]:
        """What computes the value, by name."""
        return {**self._revision(), **self._network(), **self._process()}

    def absent(self) -> set[bytes]:
        """The names that this repository has no value for."""
        manifest = self._driver.view().opened.manifest
        absent = set() if self._authz() is not None else {b"user.authz"}
        return absent if manifest is not None and manifest.metainfo is not None else absent | {b"user.repo_metainfo"}

    def _revision(self) -> dict[bytes, Callable[[], str | bytes | None]]:
        driver = self._driver
        return {
            b"user.fqrn": lambda: driver.fqrn,
            b"user.tag": lambda: driver.view().opened.tag,
            b"user.revision": lambda: str(driver.view().revision),
            b"user.root_hash": lambda: str(driver.view().root.catalog.hash),
            b"user.expires": self._expires,
            b"user.nclg": lambda: str(driver.tree.loaded),
            b"user.inode_max": lambda: str(driver.tree.highest_ino),
            b"user.repo_counters": lambda: counters(driver.view().root.catalog),
            b"user.repo_metainfo": self._meta,
            b"user.pubkeys": self._public_keys,
            b"user.authz": self._authz,
        }

    def _network(self) -> dict[bytes, Callable[[], str | bytes | None]]:
        fetcher, config = self._driver.fetcher, self._driver.config
        return {
            b"user.host": lambda: _host(fetcher.route),
            b"user.host_list": lambda: _hosts(fetcher.route),
            b"user.proxy": lambda: _proxy(fetcher.route),
            b"user.proxy_list": lambda: _groups(fetcher.route),
            b"user.external_host": lambda: _host(fetcher.external),
            b"user.proxy_list_external": lambda: _groups(fetcher.external),
            b"user.timeout": lambda: f"{config.timeout:g}",
            b"user.timeout_direct": lambda: f"{config.timeout_direct:g}",
            b"user.external_timeout": lambda: f"{config.external_timeout_direct:g}",
            b"user.ndownload": lambda: str(fetcher.downloads),
            b"user.rx": lambda: str(fetcher.received // 1024),
            b"user.speed": self._speed,
            b"user.hitrate": self._hit_rate,
        }

    def _process(self) -> dict[bytes, Callable[[], str | bytes | None]]:
        driver, activity = self._driver, self._driver.activity
        return {
            b"user.pid": lambda: str(os.getpid()),
            b"user.uptime": lambda: str(int(time.monotonic() - activity.began) // 60),
            b"user.version": lambda: VERSION,
            b"user.maxfd": lambda: str(max(0, resource.getrlimit(resource.RLIMIT_NOFILE)[0] - _RESERVED_DESCRIPTORS)),
            b"user.usedfd": lambda: str(driver.tree.open_catalogs),
            b"user.useddirp": lambda: "0",
            b"user.nopen": lambda: str(activity.opens),
            b"user.ndiropen": lambda: str(activity.listings),
            b"user.nioerr": lambda: str(activity.errors),
            b"user.timestamp_last_ioerr": lambda: str(activity.last_error),
            b"user.ncleanup24": lambda: str(-1 if driver.config.alien else driver.cache.cleanups()),
            b"user.logbuffer": lambda: "".join(f"{line}\n" for line in log_tail(driver.fqrn, activity.since)),
        }

    def _expires(self) -> str:
        self._driver.view()
        seconds = self._driver.revisions.expires()
        return "never (fixed root catalog)" if seconds is None else str(int(-(-seconds // 1)) // 60)

    def _speed(self) -> str:
        seconds = self._driver.fetcher.statistics.seconds + self._driver.fetcher.external_statistics.seconds
        return str(int(self._driver.fetcher.received / 1024 / seconds) if seconds else 0)

    def _hit_rate(self) -> str:
        asked = self._driver.activity.opens + self._driver.tree.loaded
        missed = min(self._driver.fetcher.downloads, asked)
        return f"{100 * (1 - missed / asked) if asked else 0:.3f}"

    def _meta(self) -> bytes | None:
        manifest = self._driver.view().opened.manifest
        if manifest is None or manifest.metainfo is None:
            return None
        hash_ = manifest.metainfo
        if hash_ not in self._metainfo:
            output = Memory()
            sink = ObjectSink(hash_, COMPRESSION_ZLIB, output, limit=_METAINFO_LIMIT)
            self._driver.fetcher.object(hash_.object_path(METAINFO), sink)
            self._metainfo[hash_] = output.data
        return self._metainfo[hash_]

    def _public_keys(self) -> str:
        may_block()
        texts = []
        for path in self._driver.config.public_keys:
            try:
                texts.append(path.read_text(encoding="ascii", errors="replace").strip() + "\n")
            except OSError:
                continue  # what cannot be read is not in use
        return "".join(texts)

    def _authz(self) -> bytes | None:
        return self._driver.view().root.catalog.facts.authz


def counters(catalog: Catalog) -> str:
    """The statistics as lines ``name,value``, what is in the catalog and below it added up."""
    sums: dict[str, int] = {}
    for counter, value in catalog.counters().items():
        name = counter.partition("_")[2]
        sums[name] = sums.get(name, 0) + value
    return "".join(f"{name},{value}\n" for name, value in sorted(sums.items()))


def _host(route: Route | None) -> str:
    return route.current().url if route else ""


def _hosts(route: Route | None) -> str:
    first = _host(route)
    return ";".join([first, *(url for url in route.urls if url != first)]) if route else ""


def _proxy(route: Route | None) -> str:
    return (route.current().proxy if route else None) or DIRECT


def _groups(route: Route | None) -> str:
    return ";".join("|".join(group) for group in route.groups) if route else ""

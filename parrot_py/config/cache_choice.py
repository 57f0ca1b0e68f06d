"""Where the cache of a repository is and how big it may get.

Whoever chose the place by ``--cvmfs-alien-cache`` gets it.  Then count the parameters that the user gave, then ``-t``,
then those of the site.  A site's cache usually belongs to its own client: what the user may not write, what somebody
else owns and what a client manages by a database is only read, as a lower cache, and only where it is readable.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, NamedTuple

from parrot_py import carried, codes
from parrot_py.config.effective import Builder
from parrot_py.config.settings import COMMON, ENTRY, SPECIFIC, USER
from parrot_py.errors import ConfigError

DEFAULT_QUOTA = 4000 << 20
"""Bytes that a cache of our own may take: the real client's default configuration."""

_PLAIN = {
    "BASE": "CVMFS_CACHE_BASE",
    "DIR": "CVMFS_CACHE_DIR",
    "ALIEN": "CVMFS_ALIEN_CACHE",
    "SHARED": "CVMFS_SHARED_CACHE",
    "QUOTA_LIMIT": "CVMFS_QUOTA_LIMIT",
    "WORKSPACE": "CVMFS_WORKSPACE",
}
_SITE, _OWN = (COMMON, SPECIFIC), (USER, ENTRY)


class Place(NamedTuple):
    """Where a group of settings puts a cache, and whether it is an alien one."""

    path: Path
    alien: bool = False


class Instance:
    """The parameters of one cache instance (``CVMFS_CACHE_<name>_…``; ``""``: the plain ones)."""

    def __init__(self, builder: Builder, name: str) -> None:
        self._builder, self._name = builder, name

    def parameter(self, key: str) -> str:
        """The name of the parameter for *key* (``BASE`` …)."""
        return f"CVMFS_CACHE_{self._name}_{key}" if self._name else _PLAIN.get(key, key)

    def get(self, key: str, group: tuple[int, ...] | None = None) -> Any:
        """Its value; with *group* only if it was set by one of those ranks."""
        name = self.parameter(key)
        if group is not None and self._builder.rank(name) not in group:
            return None
        return self._builder.get(name, f"CVMFS_CACHE_<name>_{key}" if self._name else "")

    def place(self, group: tuple[int, ...]) -> Place | None:
        """Where *group* puts the cache.  Raises ConfigError for combinations that the real client refuses."""
        alien, exact, base = (self.get(key, group) for key in ("ALIEN", "DIR", "BASE"))
        shared, quota = self.get("SHARED", group), self.get("QUOTA_LIMIT", group)
        if alien is not None:
            if shared:
                self._refuse("ALIEN", f"an alien cache needs {self.parameter('SHARED')}=no")
            if quota is not None:
                self._refuse("ALIEN", f"an alien cache has no quota: {self.parameter('QUOTA_LIMIT')}=-1")
            return Place(alien, alien=True)
        if exact is not None and base is not None:
            self._refuse("DIR", f"set either {self.parameter('DIR')} or {self.parameter('BASE')}")
        if exact is not None:
            return Place(exact)
        if base is None:
            return None
        return Place(base / (self._builder.fqrn if self.get("SHARED") is False else "shared"))

    def _refuse(self, key: str, why: str) -> None:
        raise ConfigError(f"{self._builder.settings[self.parameter(key)].what}: {why}", codes.CACHE_SETTINGS)


def choose(builder: Builder) -> None:
    """Set the cache fields."""
    name = builder.text("CVMFS_CACHE_PRIMARY")
    lower = ""
    if name and builder.text(f"CVMFS_CACHE_{name}_TYPE") == "tiered":
        tiers = Instance(builder, name)
        builder.put("lower_readonly", bool(tiers.get("LOWER_READONLY")))
        name, lower = tiers.get("UPPER") or "", tiers.get("LOWER") or ""
    kind = builder.text(f"CVMFS_CACHE_{name}_TYPE") or "posix"
    if kind != "posix":
        builder.warnings.append(f"a cache of type {kind!r} is not supported: {builder.base.cache_dir} is used")
    instance = Instance(builder, "" if name == "default" else name)
    origin = _place(builder, instance)
    place = builder.fields.get("cache_dir", builder.base.cache_dir)
    builder.sources["CVMFS_ALIEN_CACHE" if builder.fields.get("alien") else "CVMFS_CACHE_DIR"] = (str(place), origin)
    _size(builder, instance)
    workspace = instance.get("WORKSPACE") or builder.get("CVMFS_CACHE_WORKSPACE")
    if workspace is None or not _writable(workspace):
        workspace = builder.base.tempdir
    if workspace is not None:
        builder.put("workspace", workspace)
    if lower:
        found = Instance(builder, lower).place((*_SITE, *_OWN))
        builder.put("lower_cache", found.path if found else None)
    if carried.seed is not None and "lower_cache" not in builder.fields:
        builder.fields.update(lower_cache=carried.seed, lower_readonly=True)


def _place(builder: Builder, instance: Instance) -> str:
    """Set where the cache is; says who chose that."""
    base = builder.base
    chosen = builder.origin(*(instance.parameter(key) for key in ("ALIEN", "DIR", "BASE")))
    if base.shared_cache:
        builder.fields.update(cache_dir=base.cache_dir, alien=True)
        return "--cvmfs-alien-cache or PARROT_CVMFS_ALIEN_CACHE"
    own = instance.place(_OWN)
    if own is not None:
        builder.fields.update(cache_dir=own.path, alien=own.alien)
        return chosen
    site = None if base.placed else instance.place(_SITE)
    if site is None:
        return "the tempdir"
    if _ours(site):
        builder.fields.update(cache_dir=site.path, alien=site.alien)
        return chosen
    if os.access(site.path, os.R_OK | os.X_OK) and site.path.is_dir():
        builder.fields.update(lower_cache=site.path, lower_readonly=True)
        builder.remarks.append(f"{builder.fqrn}: the site's cache {site.path} is read; new content goes to the tempdir")
    else:
        builder.remarks.append(f"{builder.fqrn}: the site's cache {site.path} is not for us")
    _apart(builder, instance)
    return "the tempdir"


def _apart(builder: Builder, instance: Instance) -> None:
    """A domain that a site gives a cache of its own (``$CVMFS_CACHE_BASE/osgstorage``) has one here, too."""
    name = instance.parameter("BASE")
    common = builder.common.get(name)
    setting = builder.settings.get(name)
    if common and setting and setting.value.startswith(common.value.rstrip("/") + "/"):
        below = setting.value[len(common.value.rstrip("/")) + 1 :].strip("/").replace("/", "-")
        place = builder.base.cache_dir
        builder.put("cache_dir", place.with_name(f"{place.name}-{below}") if below else None)


def _ours(place: Place) -> bool:
    """Whether the cache may be written: a shared one by us, any other one if it is ours and no client manages it."""
    if place.alien:
        return _writable(place.path)
    if (place.path / "cachedb").exists() or not _writable(place.path):
        return False
    there = _existing(place.path)
    # Root could make anything anywhere; a place that is not there yet is for the client that is to be installed.
    return os.stat(there).st_uid == os.geteuid() and (there == place.path or os.geteuid() != 0)


def _writable(path: Path) -> bool:
    """Whether things can be made in *path*, which need not be there yet."""
    there = _existing(path)
    return there.is_dir() and os.access(there, os.W_OK | os.X_OK)


def _existing(path: Path) -> Path:
    """*path*, or the nearest directory above it that is there."""
    return next((each for each in (path, *path.parents) if each.exists()), path)


def _size(builder: Builder, instance: Instance) -> None:
    limit = instance.get("QUOTA_LIMIT")
    stated = builder.rank(instance.parameter("QUOTA_LIMIT")) >= 0
    if builder.fields.get("alien"):
        if limit is not None:
            setting = builder.settings[instance.parameter("QUOTA_LIMIT")]
            builder.remarks.append(f"{setting.what}: an alien cache has no quota")
        builder.fields["quota"] = None
    else:
        builder.fields["quota"] = limit if stated else DEFAULT_QUOTA
    quota = builder.fields["quota"]
    stated = stated and quota == limit
    origin = builder.origin(instance.parameter("QUOTA_LIMIT")) if stated else "built-in"
    builder.sources["CVMFS_QUOTA_LIMIT"] = (str(-1 if quota is None else quota >> 20), origin)

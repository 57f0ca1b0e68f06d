"""The frozen result of reading command line, environment and files.  Everything below ``config/`` gets only this."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

DIRECT = "DIRECT"


@dataclass(frozen=True)
class RepositoryConfig:
    """How to reach, verify and cache one CernVM-FS repository.

    ``urls`` are tried in order.  ``proxies`` are groups: members of a group share the load, a later group is used
    when all members of the earlier ones failed; the member ``"DIRECT"`` means no proxy.  Time-outs are in seconds:
    ``timeout`` through a proxy, ``timeout_direct`` without; ``deadline`` bounds one whole object with all its retries.
    ``variables`` are what ``$(NAME)`` in variant symbolic links expands to.  ``uid`` and ``gid`` own every entry
    (claimed ownership); ``None`` shows the owner that the catalog states.
    """

    fqrn: str
    urls: tuple[str, ...]
    public_keys: tuple[Path, ...]
    cache_dir: Path
    proxies: tuple[tuple[str, ...], ...] = ((DIRECT,),)
    external_urls: tuple[str, ...] = ()
    external_proxies: tuple[tuple[str, ...], ...] = ((DIRECT,),)
    timeout: float = 5.0
    timeout_direct: float = 10.0
    deadline: float = 60.0
    max_retries: int = 1
    backoff_init: float = 2.0
    backoff_max: float = 10.0
    root_hash: str | None = None
    blacklist: Path | None = None
    subpath: bytes = b""
    uid: int | None = None
    gid: int | None = None
    variables: Mapping[str, str] = field(default_factory=dict)

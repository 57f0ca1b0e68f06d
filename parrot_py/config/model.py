"""The frozen result of reading command line, environment and files.  Everything below ``config/`` gets only this.

The classes are named tuples rather than dataclasses: importing ``dataclasses`` costs a third of the time that
``parrot_run`` has before the job starts.  A variation of a configuration is ``config._replace(field=value)``.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from parrot_py.config.repositories import RepositoryTable

DIRECT = "DIRECT"

_NOTHING: Mapping[str, str] = MappingProxyType({})


class RepositoryConfig(NamedTuple):
    """How to reach, verify and cache one CernVM-FS repository.

    ``urls`` are tried in order.  ``proxies`` are groups: members of a group share the load, a later group is used
    when all members of the earlier ones failed; the member ``"DIRECT"`` means no proxy.  Time-outs are in seconds:
    ``timeout`` through a proxy, ``timeout_direct`` without; ``deadline`` ends the fetching of one file, with all its
    parts and retries, after so long without progress (see drivers/cvmfs/patience.py).
    ``variables`` are what ``$(NAME)`` in variant symbolic links expands to.  ``uid`` and ``gid`` own every entry
    (claimed ownership); ``None`` shows the owner that the catalog states.  ``subpath`` (``b"/a/b"``) is the directory
    of the repository that appears as its root.

    ``local`` asks for the host's own ``/cvmfs/<name><subpath>``: where that exists it is used, natively, instead of
    this driver.  With ``local`` and no ``urls`` there is nothing else to use, and a host without it answers ENOENT.
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
    variables: Mapping[str, str] = _NOTHING
    local: bool = False


class Mount(NamedTuple):
    """A redirection (``-M prefix=destination``): names at and below ``prefix`` are looked up at ``destination``.

    Both are absolute, without ``//``, ``.``, ``..`` and trailing slashes.  The destination is a name of the same
    namespace: it may lie below /cvmfs.
    """

    prefix: bytes
    destination: bytes


class RunConfig(NamedTuple):
    """Everything one run of ``parrot_run`` was asked to do.

    ``command`` is the job (``os.fsencode`` gives the bytes that were typed) and ``environ`` its whole environment:
    the entries that parrot_run got, in their order, plus ``PARROT_ENABLED=TRUE``.  Of several ``mounts`` that match,
    the last one counts.
    ``tempdir`` holds caches, session directories and the log; :func:`parrot_py.config.directories.prepare` creates
    it.  ``timeout`` is the ``-T`` bound in seconds, already part of every repository's configuration.

    ``debug_flags`` choose what is logged; ``debug_file`` is a path, ``:stderr`` or ``:stdout``, or ``None`` when none
    was asked for; ``debug_rotate`` is in bytes, 0 for never.  ``remarks`` (for ``-d debug``) and ``warnings`` are lines
    about the configuration itself, for the log once it is open.  ``work_dir`` is where the job starts, ``None`` for
    the directory of the caller.  ``stats`` asks for the engine's counters at the end of the run.  ``inside``: the
    environment says that another parrot_run is around this one.
    """

    command: tuple[str, ...]
    environ: tuple[bytes, ...]
    repositories: RepositoryTable
    tempdir: Path
    cache_dir: Path
    shared_cache: bool = False
    mounts: tuple[Mount, ...] = ()
    work_dir: Path | None = None
    timeout: float = 60.0
    use_seccomp: bool = True
    stats: bool = False
    inside: bool = False
    debug_flags: frozenset[str] = frozenset()
    debug_file: str | None = None
    debug_rotate: int = 0
    remarks: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


class Message(NamedTuple):
    """An early end: print *text* on stdout (``--help``, ``--version``) and exit with *status*; nothing is started."""

    text: str
    status: int

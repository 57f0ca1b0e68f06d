"""The frozen result of reading command line, environment and files.  Everything below ``config/`` gets only this.

The classes are named tuples rather than dataclasses: importing ``dataclasses`` costs a third of the time that
``parrot_run`` has before the job starts.  A variation of a configuration is ``config._replace(field=value)``.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from parrot_py.config.pretences import Pretences

if TYPE_CHECKING:
    from parrot_py.config.report import Request
    from parrot_py.config.repositories import RepositoryTable

DIRECT = "DIRECT"

_NOTHING: Mapping[str, str] = MappingProxyType({})


class RepositoryConfig(NamedTuple):
    """How to reach, verify, show and cache one CernVM-FS repository.

    What each value means, its parameter (``CVMFS_…``) and its default are in the table of config/parameters.py.
    Units: times are seconds, sizes bytes.  A list of proxies is a sequence of groups: members of a group share the
    load, a later group is used when all members of the earlier ones failed; the member ``"DIRECT"`` means no proxy,
    ``"auto"`` proxy auto-configuration.

    ``deadline`` ends the fetching of one file, with all its parts and retries, after so long without progress (see
    drivers/cvmfs/patience.py).  ``variables`` are what ``$(NAME)`` in variant symbolic links expands to, with
    ``caller_variables`` after the environment of the calling program.  ``uid`` and ``gid`` own every entry (claimed
    ownership); ``None`` shows the owner that the catalog states, mapped by ``uid_map`` and ``gid_map``: pairs
    from → to, ``None`` stands for all others.  ``subpath`` (``b"/a/b"``) is the directory of the repository that
    appears as its root.  ``quota`` None is no limit.  ``workspace`` is for the small files that are no objects.

    ``local`` asks for the host's own ``/cvmfs/<name><subpath>``: where that exists it is used, natively, instead of
    this driver.  With ``local`` and no ``urls`` there is nothing else to use, and a host without it answers ENOENT.
    """

    fqrn: str
    urls: tuple[str, ...]
    public_keys: tuple[Path, ...]
    cache_dir: Path
    subpath: bytes = b""
    local: bool = False
    # which revision, and whether it is to be believed
    root_hash: str | None = None
    tag: str | None = None
    date: int | None = None
    alt_root_path: bool = False
    auto_update: bool = True
    max_ttl: float = 0.0
    blacklists: tuple[Path, ...] = ()
    # how it is shown
    uid: int | None = None
    gid: int | None = None
    uid_map: tuple[tuple[int | None, int], ...] = ()
    gid_map: tuple[tuple[int | None, int], ...] = ()
    world_readable: bool = False
    variables: Mapping[str, str] = _NOTHING
    caller_variables: bool = False
    raw_links: bool = False
    magic_xattrs: str = "rootonly"
    protected_xattrs: tuple[str, ...] = ()
    privileged_gids: tuple[int, ...] = ()
    statfs_timeout: float = 0.0
    # servers and proxies
    proxies: tuple[tuple[str, ...], ...] = ((DIRECT,),)
    fallback_proxies: tuple[tuple[str, ...], ...] = ()
    pac_urls: tuple[str, ...] = ()
    external_urls: tuple[str, ...] = ()
    external_proxies: tuple[tuple[str, ...], ...] = ((DIRECT,),)
    external_fallback_proxies: tuple[tuple[str, ...], ...] = ()
    use_geoapi: bool = False
    proxy_template: str | None = None
    max_servers: int = 0
    external_max_servers: int = 0
    proxy_shard: bool = False
    ipfamily: int = 4
    ipv4_only: bool = False
    max_addresses_per_proxy: int = 0
    dns_timeout: float = 3.0
    dns_retries: int = 1
    dns_min_ttl: float = 60.0
    dns_max_ttl: float = 86400.0
    dns_server: str | None = None
    # transfers
    timeout: float = 5.0
    timeout_direct: float = 10.0
    external_timeout: float = 5.0
    external_timeout_direct: float = 10.0
    deadline: float = 60.0
    low_speed_limit: int = 1024
    max_retries: int = 1
    backoff_init: float = 2.0
    backoff_max: float = 10.0
    proxy_reset_after: float = 300.0
    host_reset_after: float = 1800.0
    failover_indefinitely: bool = False
    follow_redirects: bool = False
    send_info_header: bool = False
    http_tracing: bool = False
    http_tracing_headers: tuple[tuple[str, str], ...] = ()
    uuid: str | None = None
    # https and protected repositories
    ca_dir: Path | None = None
    ca_bundle: Path | None = None
    system_ca: bool = False
    authz_helper: Path | None = None
    authz_search_path: Path = Path("/usr/libexec/cvmfs/authz")
    authz_environ: Mapping[str, str] = _NOTHING
    # cache
    quota: int | None = None
    alien: bool = False
    lower_cache: Path | None = None
    lower_readonly: bool = True
    workspace: Path | None = None
    verify_on_read: bool = False
    prefetch_bundles: bool = True
    read_ahead: bool = False


DENY, ENOENT, LOCAL, RESOLVER, LCACHE = "DENY", "ENOENT", "LOCAL", "resolver", "lcache"
RWX = 7


class Mount(NamedTuple):
    """One line of the mount table: what names at and below ``prefix`` (or a pattern of fnmatch(3)) stand for.

    Without a ``word`` that is ``destination``, a name of the host or below /cvmfs; it may be ``prefix`` itself.
    ``DENY`` and ``ENOENT`` are errors, ``LOCAL`` is the host's own file system; the ``destination`` of ``resolver`` is
    a command, that of ``lcache`` a directory of copies of ``remote``.  ``allowed`` are the bits of R, W and X (4, 2,
    1) that calls may ask for.  Paths are absolute, without ``//``, ``.``, ``..`` and trailing slashes.
    """

    prefix: bytes
    destination: bytes
    word: str = ""
    allowed: int = RWX
    remote: bytes = b""


class RunConfig(NamedTuple):
    """Everything one run of ``parrot_run`` was asked to do.

    ``command`` is the job (``os.fsencode`` gives the bytes that were typed) and ``environ`` its whole environment:
    the entries that parrot_run got, in their order, plus ``PARROT_ENABLED=TRUE``.  Of several ``mounts`` that match,
    the last one counts; with ``dynamic_mounts`` the job may take them away again.
    ``tempdir`` holds caches, session directories and the log; :func:`parrot_py.config.directories.prepare` creates
    it.  ``timeout`` is the ``-T`` bound in seconds, already part of every repository's configuration.

    ``disabled`` are drivers (``cvmfs``, ``grow``, ``http`` …) whose names are the host's.  ``checksums`` and
    ``root_checksum`` are about GROW-FS.

    ``debug_flags`` choose what is logged; ``debug_file`` is a path, ``:stderr`` or ``:stdout``, or ``None`` when none
    was asked for; ``debug_rotate`` is in bytes, 0 for never.  ``remarks`` (for ``-d debug``) and ``warnings`` are lines
    about the configuration itself, for the log once it is open.  ``work_dir`` is where the job starts, as it sees
    names; ``None``: the directory of the caller.  ``pretences`` are other wishes.  ``record_access`` is where to write
    down what the job touches, ``prefetch`` are lists of what to fetch ahead (drivers/cvmfs/record.py).  ``stats`` asks
    for the engine's counters at the end of the run, and with ``syscall_table``, ``stats_file``, ``status_file`` and
    ``env_list`` for what parrot_py/reports.py writes, with ``name_list`` for names.py.  ``old_status`` is the exit
    status of the original where a job has none of its own.  ``own_options`` are what a parrot_run around this one
    leaves without effect, ``own_repositories`` what ``-r`` names.  ``elsewhere`` are places for what must be
    executable, if the tempdir is mounted noexec.
    ``report`` asks to print the configuration instead of running anything, ``doctor`` for a report about this machine.
    """

    command: tuple[str, ...]
    environ: tuple[bytes, ...]
    repositories: RepositoryTable
    tempdir: Path
    cache_dir: Path
    shared_cache: bool = False
    mounts: tuple[Mount, ...] = ()
    dynamic_mounts: bool = False
    disabled: frozenset[str] = frozenset()
    checksums: bool = True
    root_checksum: str | None = None
    work_dir: Path | None = None
    timeout: float = 60.0
    record_access: Path | None = None
    prefetch: tuple[Path, ...] = ()
    use_seccomp: bool = True
    stats: bool = False
    stats_file: Path | None = None
    syscall_table: bool = False
    status_file: Path | None = None
    env_list: Path | None = None
    name_list: Path | None = None
    old_status: bool = False
    doctor: bool = False
    own_options: tuple[str, ...] = ()
    own_repositories: tuple[str, ...] = ()
    elsewhere: tuple[Path, ...] = ()
    debug_flags: frozenset[str] = frozenset()
    debug_file: str | None = None
    debug_rotate: int = 0
    remarks: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    report: Request | None = None
    pretences: Pretences = Pretences()


class Message(NamedTuple):
    """An early end: print *text* on stdout (``--help``, ``--version``) and exit with *status*; nothing is started."""

    text: str
    status: int

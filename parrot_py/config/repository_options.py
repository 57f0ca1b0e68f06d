"""The options of one repository entry (``name:key=value,…``): which there are and which parameter each one sets."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

from parrot_py import codes
from parrot_py.config.settings import ENTRY, Setting, Settings, is_name
from parrot_py.errors import ConfigError

if TYPE_CHECKING:
    from parrot_py.config.effective import Effective


class Option(NamedTuple):
    """The parameter that an option sets (empty: none), and its meaning for the entry's author."""

    parameter: str
    meaning: str


HONOURED = {
    "url": Option(
        "CVMFS_SERVER_URL",
        "servers, `;` between them, tried in order; `@fqrn@` and `@org@` stand for the name and its first label",
    ),
    "external_url": Option("CVMFS_EXTERNAL_URL", "servers of external data, `;` between them"),
    "pubkey": Option(
        "CVMFS_PUBLIC_KEY", "master keys (PEM files), `:` between them; `<BUILTIN-name.pub>` is a built-in one"
    ),
    "proxies": Option("CVMFS_HTTP_PROXY", "HTTP proxies for this repository, spelled like `-p`"),
    "fallback_proxies": Option(
        "CVMFS_FALLBACK_PROXY", "proxy groups used after all others; with them nothing goes `DIRECT`"
    ),
    "timeout": Option("CVMFS_TIMEOUT", "seconds to wait for an answer through a proxy"),
    "timeout_direct": Option("CVMFS_TIMEOUT_DIRECT", "seconds to wait for an answer without a proxy"),
    "repo_name": Option("", "the name that the repository is signed for, when it differs from the name below /cvmfs"),
    "root_hash": Option("CVMFS_ROOT_HASH", "hash of the root catalog to use instead of the newest one"),
    "tag": Option("CVMFS_REPOSITORY_TAG", "named revision to use instead of the newest one"),
    "date": Option("CVMFS_REPOSITORY_DATE", "use the newest revision not after this: 2024-12-31T23:59:59Z"),
    "alt_root_path": Option("CVMFS_ALT_ROOT_PATH", "flag: fetch the root catalog by its alternative name"),
    "max_ttl": Option("CVMFS_MAX_TTL", "minutes after which a newer revision is looked for at the latest; 0: no limit"),
    "quota_limit": Option("CVMFS_QUOTA_LIMIT", "size of the cache in MB; -1: no limit"),
    "blacklist": Option("CVMFS_BLACKLIST", "file with fingerprints of revoked certificates"),
    "try_local_filesystem": Option("", "flag: the host's own /cvmfs/name is used where it exists"),
}
"""Option → parameter and meaning."""

_ELSEWHERE = "there is one cache per tempdir (-t, --cvmfs-alien-cache)"
_LOGGING = "the log is chosen by -d and -o"

IGNORED = {
    "mountpoint": "a repository always appears as /cvmfs/name",
    "allow_unsigned": "content is always verified",
    "whitelist": "the whitelist always comes from the repository",
    "quota_threshold": "what was used least is evicted until half of the quota is free",
    "cachedir": _ELSEWHERE,
    "cache_directory": _ELSEWHERE,
    "alien_cache": _ELSEWHERE,
    "alien_cachedir": _ELSEWHERE,
    "lock_directory": _ELSEWHERE,
    "change_to_cache_directory": _ELSEWHERE,
    "rebuild_cachedb": "the cache needs no database",
    "deep_mount": "unused in the original, too",
    "tracefile": "unused in the original, too",
    "nofiles": "open files are the job's own descriptors",
    "max_open_files": "open files are the job's own descriptors",
    "log_prefix": _LOGGING,
    "log_file": _LOGGING,
    "logfile": _LOGGING,
    "log_syslog_level": _LOGGING,
    "syslog_level": _LOGGING,
}
"""Options of historic configurations that are accepted, with the reason why they have no effect."""

_FLAGS = {
    "try_local_filesystem": "",
    "alt_root_path": "yes",
    "allow_unsigned": "",
    "alien_cache": "",
    "rebuild_cachedb": "",
    "change_to_cache_directory": "",
}
_PREFIXES = ("CVMFS_", "X509_", "CERNVM_", "PARROT_")


def is_parameter(key: str) -> bool:
    """Whether an option is the name of a parameter: ``CVMFS_…`` and its like."""
    return key.startswith(_PREFIXES) and is_name(key)


def check_names(options: Mapping[str, str], where: str) -> list[str]:
    """One remark per option that has no effect.  Raises ConfigError naming *where* and an option that is not known."""
    remarks = []
    for key, value in options.items():
        if key in IGNORED:
            remarks.append(f"{where}: option {key!r} has no effect: {IGNORED[key]}")
        elif key not in HONOURED and not is_parameter(key):
            known = ", ".join(HONOURED)
            raise ConfigError(
                f"{where}: unknown option {key!r}; there are: {known}, and every parameter (CVMFS_...)",
                codes.BAD_REPOSITORY_OPTION,
            )
        if not value and key not in _FLAGS and not is_parameter(key):
            raise ConfigError(f"{where}: option {key!r} needs a value", codes.BAD_REPOSITORY_OPTION)
    return remarks


def settings(options: Mapping[str, str], where: str) -> Settings:
    """The parameters that *options* set, which have passed :func:`check_names`."""
    found: Settings = {}
    for key, value in options.items():
        name = HONOURED[key].parameter if key in HONOURED else key if is_parameter(key) else ""
        if name:
            origin = where.replace(": ", " ", 1)
            found[name] = Setting(value or _FLAGS.get(key, ""), origin, f"{where}: {key}", ENTRY)
    return found


def check_files(made: Effective) -> None:
    """Open every key and blacklist file once.  Raises ConfigError naming who wanted the unreadable one."""
    for name, what, paths in (
        ("CVMFS_PUBLIC_KEY", "public key", made.config.public_keys),
        ("CVMFS_BLACKLIST", "blacklist", made.config.blacklists),
    ):
        where = made.settings[name].what if name in made.settings else what
        for path in paths:
            try:
                os.close(os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK))
            except OSError as error:
                raise ConfigError(
                    f"{where}: cannot read the {what} {str(path)!r}: {error.strerror}", codes.CONFIG_FILE
                ) from error
            if path.is_dir():
                raise ConfigError(f"{where}: {str(path)!r} is a directory, not a file", codes.CONFIG_FILE)

"""The options of one repository entry (``name:key=value,…``): which there are and what each one does."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from parrot_py.config import domains, proxies, values
from parrot_py.config.model import RepositoryConfig
from parrot_py.errors import ConfigError

HONOURED = {
    "url": "servers, `;` between them, tried in order; `@fqrn@` and `@org@` stand for the name and its first label",
    "external_url": "servers of external data, `;` between them",
    "pubkey": "master keys (PEM files), `:` between them; `<BUILTIN-name.pub>` is a built-in one",
    "proxies": "HTTP proxies for this repository, spelled like `-p`",
    "fallback_proxies": "proxy groups used after all others; with them nothing goes `DIRECT`",
    "timeout": "seconds to wait for an answer through a proxy",
    "timeout_direct": "seconds to wait for an answer without a proxy",
    "repo_name": "the name that the repository is signed for, when it differs from the name below /cvmfs",
    "root_hash": "hash of the root catalog to use instead of the newest one",
    "blacklist": "file with fingerprints of revoked certificates",
    "try_local_filesystem": "flag: the host's own /cvmfs/name is used where it exists",
}
"""Option → meaning, for the entry's author."""

_ELSEWHERE = "there is one cache per tempdir (-t, --cvmfs-alien-cache)"
_LOGGING = "the log is chosen by -d and -o"

IGNORED = {
    "mountpoint": "a repository always appears as /cvmfs/name",
    "allow_unsigned": "content is always verified",
    "whitelist": "the whitelist always comes from the repository",
    "max_ttl": "a session keeps the revision it started with",
    "quota_limit": _ELSEWHERE,
    "quota_threshold": _ELSEWHERE,
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

_FLAGS = ("try_local_filesystem", "allow_unsigned", "alien_cache", "rebuild_cachedb", "change_to_cache_directory")
_PROXY_OPTIONS = ("proxies", "fallback_proxies")
_SCHEMES = ("http://", "https://", "file://")
_HASH_SUFFIXES = ("", "-rmd160", "-shake128")


class Base(NamedTuple):
    """What every repository of a run has in common unless its entry says otherwise.

    Relative file names are taken from ``directory``: entries with a wildcard are completed long after the start, when
    the current directory may be another one.
    """

    cache_dir: Path
    proxies: proxies.Groups = proxies.NO_PROXY
    deadline: float = 60.0
    uid: int | None = None
    gid: int | None = None
    environ: Mapping[str, str] = RepositoryConfig._field_defaults["variables"]
    directory: str = ""


def check_names(options: Mapping[str, str], where: str) -> list[str]:
    """One remark per option that has no effect.  Raises ConfigError naming *where* and an option that is not known."""
    remarks = []
    for key, value in options.items():
        if key in IGNORED:
            remarks.append(f"{where}: option {key!r} has no effect: {IGNORED[key]}")
        elif key not in HONOURED:
            raise ConfigError(f"{where}: unknown option {key!r}; there are: {', '.join(HONOURED)}")
        if not value and key not in _FLAGS:
            raise ConfigError(f"{where}: option {key!r} needs a value")
    return remarks


def configuration(name: str, options: Mapping[str, str], base: Base, where: str) -> RepositoryConfig:
    """The configuration of the repository that appears as /cvmfs/*name*.

    *options* have passed :func:`check_names`.  Raises ConfigError naming *where*, the option and its value.
    """
    fqrn = options.get("repo_name", name)
    urls = _urls(options.get("url", ""), fqrn, f"{where}: url")
    return RepositoryConfig(
        fqrn=fqrn,
        urls=urls,
        public_keys=_keys(options.get("pubkey", ""), fqrn, base, where) if urls else (),
        cache_dir=base.cache_dir,
        proxies=_proxies(options, base, where),
        external_urls=_urls(options.get("external_url", ""), fqrn, f"{where}: external_url"),
        timeout=_seconds(options, "timeout", where),
        timeout_direct=_seconds(options, "timeout_direct", where),
        deadline=base.deadline,
        root_hash=_root_hash(options.get("root_hash"), where),
        blacklists=_blacklists(options.get("blacklist"), base, where),
        uid=base.uid,
        gid=base.gid,
        variables=base.environ,
        # An entry without servers means the host's own /cvmfs and nothing else.
        local="try_local_filesystem" in options or not urls,
    )


def proxy_warnings(options: Mapping[str, str], base: Base, where: str) -> list[str]:
    """What could not be obeyed to the letter in the proxies of an entry, one line each."""
    found = (proxies.parse(options.get(key, ""), f"{where}: {key}", base.environ) for key in _PROXY_OPTIONS)
    return [each.warning for each in found if each and each.warning]


def check_files(config: RepositoryConfig, where: str) -> None:
    """Open every key and blacklist file once.  Raises ConfigError naming *where* and the one that cannot be read."""
    for path in config.public_keys + config.blacklists:
        try:
            os.close(os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK))
        except OSError as error:
            what = "blacklist" if path in config.blacklists else "public key"
            raise ConfigError(f"{where}: cannot read the {what} {str(path)!r}: {error.strerror}") from error
        if path.is_dir():
            raise ConfigError(f"{where}: {str(path)!r} is a directory, not a file")


def _urls(text: str, fqrn: str, what: str) -> tuple[str, ...]:
    urls = []
    for part in filter(None, map(str.strip, text.split(";"))):
        url = part.replace("@fqrn@", fqrn).replace("@org@", fqrn.partition(".")[0])
        scheme = next((known for known in _SCHEMES if url.lower().startswith(known)), None)
        if scheme is None or len(url) == len(scheme) or any(char.isspace() or char < " " for char in url):
            raise ConfigError(f"{what}: not an http, https or file URL: {part!r}")
        urls.append(scheme + url[len(scheme) :])
    return tuple(dict.fromkeys(urls))


def _keys(text: str, fqrn: str, base: Base, where: str) -> tuple[Path, ...]:
    paths = tuple(_key(part, base, where) for part in text.split(":") if part)
    if paths:
        return paths
    known = domains.known(fqrn)
    if known is None:
        raise ConfigError(f"{where}: there is no built-in master key for {fqrn!r}: add pubkey=FILE")
    return tuple(domains.DATA / f"{key}.pub" for key in known.keys)


def _blacklists(text: str | None, base: Base, where: str) -> tuple[Path, ...]:
    return () if text is None else (values.absolute(text, f"{where}: blacklist", base.directory),)


def _key(text: str, base: Base, where: str) -> Path:
    if not text.startswith("<"):
        return values.absolute(text, f"{where}: pubkey", base.directory)
    name = text[len("<BUILTIN-") : -len(".pub>")] if text.startswith("<BUILTIN-") and text.endswith(".pub>") else ""
    path = domains.key_file(name)
    if path is None:
        raise ConfigError(f"{where}: pubkey: there is no built-in key {text!r}")
    return path


def _proxies(options: Mapping[str, str], base: Base, where: str) -> proxies.Groups:
    own = proxies.parse(options.get("proxies", ""), f"{where}: proxies", base.environ)
    spare = proxies.parse(options.get("fallback_proxies", ""), f"{where}: fallback_proxies", base.environ)
    return proxies.with_fallback(own.groups if own else base.proxies, spare.groups if spare else ())


def _seconds(options: Mapping[str, str], key: str, where: str) -> float:
    default: float = RepositoryConfig._field_defaults[key]
    return values.seconds(options[key], f"{where}: {key}") if key in options else default


def _root_hash(text: str | None, where: str) -> str | None:
    if text is None:
        return None
    digits, dash, algorithm = text.partition("-")
    if len(digits) != 40 or set(digits) - set("0123456789abcdef") or dash + algorithm not in _HASH_SUFFIXES:
        form = "40 hexadecimal digits, perhaps -rmd160 or -shake128"
        raise ConfigError(f"{where}: root_hash: not a hash: {text!r} ({form})")
    return text

"""The configuration of one repository, for a program that opens it by itself: the library and ``parrot_cvmfs``.

It is that of ``parrot_run``: the same options, variables and files say the same things.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from urllib.parse import urlsplit

from parrot_py import codes
from parrot_py.config import directories, read
from parrot_py.config.model import RepositoryConfig, RunConfig
from parrot_py.errors import ConfigError

_PLAIN = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-+@=,;")


def run_config(options: Sequence[str], environ: Mapping[str, str]) -> RunConfig:
    """What ``parrot_run`` with *options* would use.  Changes nothing.  Raises ConfigError."""
    wanted = read([*options, "--", "true"], environ)
    if not isinstance(wanted, RunConfig):
        raise ConfigError(
            f"not an option that describes a repository: {' '.join(options)}", codes.BAD_REPOSITORY_OPTION
        )
    return wanted


def find(run: RunConfig, fqrn: str) -> RepositoryConfig:
    """How *run* reaches the repository *fqrn*.  Raises ConfigError when nobody configured it, or nothing but the host.

    The directories for the cache and for temporary files are made when they are not there.
    """
    try:
        config = run.repositories.find(fqrn)
    finally:
        run.repositories.close()
    if config is None:
        raise ConfigError(
            f"no repository {fqrn!r} is configured; describe it with -r {fqrn}:url=URL,pubkey=FILE",
            codes.UNKNOWN_REPOSITORY,
        )
    if not config.urls:
        raise ConfigError(
            f"no server of {fqrn!r} is known; describe it with -r {fqrn}:url=URL,pubkey=FILE", codes.UNKNOWN_REPOSITORY
        )
    directories.prepare(run)
    return config


def by_url(url: str, keys: Sequence[str], options: Sequence[str], environ: Mapping[str, str]) -> RepositoryConfig:
    """The configuration of the repository at *url*, whose last part is its full name, with the master *keys* (files).

    Without keys the built-in ones of its domain count.  Raises ConfigError.
    """
    fqrn = urlsplit(url).path.rstrip("/").rpartition("/")[2]
    if not fqrn:
        raise ConfigError(f"the URL of a repository ends in its full name: {url!r}", codes.BAD_NAME)
    described = {"url": url, **({"pubkey": ":".join(keys)} if keys else {})}
    return find(run_config([*options, "-r", entry(fqrn, described)], environ), fqrn)


def entry(fqrn: str, options: Mapping[str, str]) -> str:
    """The text for ``-r`` that gives the repository *fqrn* exactly these *options* (see grammar.py)."""
    values = ((key, value.replace("\\", "\\\\").replace(",", "\\,")) for key, value in options.items())
    text = ",".join(f"{key}={_escaped(value)}" for key, value in values)
    return f"{_escaped(fqrn)}:{text}"


def _escaped(text: str) -> str:
    return "".join(char if char in _PLAIN else f"\\{char}" for char in text)


def is_url(text: str) -> bool:
    """Whether *text* is the URL of a repository and not its name."""
    return "://" in text


def fqrn_and_path(text: str) -> tuple[str, str]:
    """``REPO``, ``REPO:PATH``, ``REPO/PATH`` or ``/cvmfs/REPO/PATH`` → the repository and the path in it (or ``""``).

    Raises ConfigError when there is no name of a repository.
    """
    rest = text[len("/cvmfs/") :].lstrip("/") if text.startswith("/cvmfs/") else text
    cut = min((at for at in (rest.find("/"), rest.find(":")) if at >= 0), default=len(rest))
    fqrn, path = rest[:cut], rest[cut + 1 :] if rest[cut : cut + 1] == ":" else rest[cut:]
    if not fqrn or fqrn in (".", "..") or os.sep in fqrn:
        raise ConfigError(
            f"not the name of a repository: {text!r} (write sw.example.org or /cvmfs/sw.example.org)", codes.BAD_NAME
        )
    return fqrn, path

"""HTTP proxies: every spelling that sites use, turned into groups of proxies.

``;`` separates groups (tried in order), ``|`` the members of a group (they share the load), ``DIRECT`` is no proxy.
A missing scheme means ``http://``.  ``INVALID-PROXY``, the documented way to force offline use of a preloaded cache,
stays what it is: a proxy that no name server knows, so every transfer fails at once and nothing goes round it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from parrot_py import codes
from parrot_py.config.model import DIRECT
from parrot_py.errors import ConfigError

Groups = tuple[tuple[str, ...], ...]

NO_PROXY: Groups = ((DIRECT,),)

EARLY = ("HTTP_PROXY", "http_proxy")
"""Where a proxy is looked for when ``-p`` is not given, before the parameter CVMFS_HTTP_PROXY, in this order."""

LATE = ("OSG_SQUID_LOCATION", "GLIDEIN_Proxy_URL")
"""Where a proxy is looked for when that parameter is not set either, in this order."""

VARIABLES = EARLY + LATE

# What glidein factories write into a variable that has no value.
_UNSET = ("", "none", "unavailable")
AUTO = "auto"
"""The member that stands for proxy auto-configuration."""

# Not compiled before they are needed: every start of a job imports this module.
_PASSWORD = r"((?://|^|[;|])[^\s;|/@:]*:)[^\s;|/@]*@"
_BLANK = r"[;|]\s|\s[;|]"


class Found(NamedTuple):
    """The proxies to use, whose word that is, and a warning for the log about the way they were written."""

    groups: Groups
    warning: str = ""
    origin: str = ""


def discover(option: str | None, environ: Mapping[str, str]) -> tuple[Found | None, Found | None]:
    """What comes before and what comes after the parameter CVMFS_HTTP_PROXY: None where nothing is said.

    The first is ``-p`` (*option*), else the first variable of :data:`EARLY` that is set; the second one of
    :data:`LATE`, looked at only when there is no first.  Raises ConfigError naming the place and the text.
    """
    if option is not None:
        # An empty -p is a decision too: no proxy, whatever the environment says.
        return (parse(option, "-p", environ) or Found(NO_PROXY))._replace(origin="-p"), None
    early = _first(EARLY, environ)
    return early, None if early else _first(LATE, environ)


def _first(names: Sequence[str], environ: Mapping[str, str]) -> Found | None:
    for name in names:
        text = environ.get(name, "")
        if name == "OSG_SQUID_LOCATION" and text.strip().lower() not in _UNSET:
            text = _with_port(text.strip())
        found = parse(text, name, environ)
        if found:
            return found._replace(origin=f"environment {name}")
    return None


def parse(text: str, what: str, environ: Mapping[str, str]) -> Found | None:
    """The groups that *text* describes; None if it describes none (empty, ``None``, ``UNAVAILABLE``, only ``;``).

    ``auto`` is the caller's ``http_proxy`` (the first rule of CernVM-FS for it), else it stays: who fetches knows the
    auto-configuration files.  Raises ConfigError naming *what* and the text that is not a proxy.
    """
    if text.strip().lower() in _UNSET:
        return None
    groups: list[tuple[str, ...]] = []
    for part in text.split(";"):
        if part.strip().lower() == AUTO:
            groups += _automatic(environ)
        else:
            groups.append(tuple(proxy(member, what) for member in part.split("|") if member.strip()))
    unique = tuple(dict.fromkeys(group for group in groups if group))
    warning = blanks(text)
    return Found(unique, f"{what}: {warning}" if warning else "") if unique else None


def blanks(text: str) -> str:
    """A warning about blanks beside ``;`` and ``|``: another client would take them for part of a name."""
    return f"blanks beside ';' and '|' are ignored in {mask(text)!r}" if re.search(_BLANK, text.strip()) else ""


def mask(text: str) -> str:
    """*text* with the passwords of all URLs and proxies in it replaced by ``***``."""
    return re.sub(_PASSWORD, r"\1***@", text)


def text(groups: Groups) -> str:
    """*groups* as they are written."""
    return ";".join("|".join(group) for group in groups)


def _automatic(environ: Mapping[str, str]) -> Groups:
    named = environ.get("http_proxy", "")
    if AUTO not in (part.strip().lower() for part in named.split(";")):
        found = parse(named, "http_proxy", environ)
        if found:
            return found.groups
    return ((AUTO,),)


def without_direct(groups: Groups, fallback: Groups) -> tuple[Groups, Groups]:
    """*groups* and *fallback* as they count: with a fallback nobody goes DIRECT any more, as CernVM-FS has it."""
    if not fallback:
        return groups, ()
    regular, spare = _pruned(groups), _pruned(fallback)
    return (regular, spare) if regular or spare else (NO_PROXY, ())


def _pruned(groups: Groups) -> Groups:
    kept = (tuple(member for member in group if member != DIRECT) for group in groups)
    return tuple(dict.fromkeys(group for group in kept if group))


def proxy(text: str, what: str) -> str:
    """One proxy as ``http://host[:port]`` or ``DIRECT``.  Raises ConfigError naming *what* and *text*."""
    text = text.strip()
    if text.upper() == DIRECT:
        return DIRECT
    scheme, separator, rest = text.partition("://")
    if not separator:
        scheme, rest = "http", text
    rest = rest[:-1] if rest.endswith("/") else rest
    if scheme.lower() not in ("http", "https"):
        raise ConfigError(
            f"{what}: cannot use the proxy {mask(text)!r}: only http:// and https:// proxies", codes.BAD_PROXY
        )
    host, port = _host_and_port(rest.rpartition("@")[2])
    if not host or not set(rest).isdisjoint("/?#\\\"'<>") or any(c.isspace() or c < " " for c in rest):
        raise ConfigError(f"{what}: not a proxy: {mask(text)!r} (write http://host:port or DIRECT)", codes.BAD_PROXY)
    if port is not None and not (port.isascii() and port.isdigit() and len(port) <= 5 and 0 < int(port) < 65536):
        raise ConfigError(
            f"{what}: the port of the proxy {mask(text)!r} is not a number from 1 to 65535", codes.BAD_PROXY
        )
    return f"{scheme.lower()}://{rest}"


def _host_and_port(text: str) -> tuple[str, str | None]:
    """Split ``host:port`` and ``[address]:port``; the port is None when there is none."""
    if text.startswith("["):
        host, bracket, port = text[1:].partition("]")
        return (host if bracket and (not port or port.startswith(":")) else ""), (port[1:] if port else None)
    host, colon, port = text.partition(":")
    return host, (port if colon else None)


def _with_port(text: str) -> str:
    """A squid's place as OSG writes it, with its port: 3128 when none is given."""
    if any(char in text for char in ";|") or text.upper() == DIRECT:
        return text
    bare = text[:-1] if text.endswith("/") else text
    host = bare.partition("://")[2] or bare
    return bare if _host_and_port(host.rpartition("@")[2])[1] is not None else f"{bare}:3128"

"""HTTP proxies: every spelling that sites use, turned into groups of proxies.

``;`` separates groups (tried in order), ``|`` the members of a group (they share the load), ``DIRECT`` is no proxy.
A missing scheme means ``http://``.  ``INVALID-PROXY``, the documented way to force offline use of a preloaded cache,
stays what it is: a proxy that no name server knows, so every transfer fails at once and nothing goes round it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from parrot_py.config.model import DIRECT
from parrot_py.errors import ConfigError

Groups = tuple[tuple[str, ...], ...]

NO_PROXY: Groups = ((DIRECT,),)

VARIABLES = ("HTTP_PROXY", "http_proxy", "OSG_SQUID_LOCATION", "GLIDEIN_Proxy_URL")
"""Where a proxy is looked for when ``-p`` is not given, in this order."""

# What glidein factories write into a variable that has no value.
_UNSET = ("", "none", "unavailable")
_AUTO = "auto"


class Found(NamedTuple):
    """The proxies to use and, where the wish could not be obeyed to the letter, a warning for the log."""

    groups: Groups
    warning: str = ""


def discover(option: str | None, environ: Mapping[str, str]) -> Found:
    """The proxies of ``-p`` (*option*), else of the first variable of :data:`VARIABLES` that is set, else none.

    Raises ConfigError naming the place and the text.
    """
    if option is not None:
        # An empty -p is a decision too: no proxy, whatever the environment says.
        return parse(option, "-p", environ) or Found(NO_PROXY)
    for name in VARIABLES:
        text = environ.get(name, "")
        if name == "OSG_SQUID_LOCATION" and text.strip().lower() not in _UNSET:
            text = _with_port(text.strip())
        found = parse(text, name, environ)
        if found:
            return found
    return Found(NO_PROXY)


def parse(text: str, what: str, environ: Mapping[str, str]) -> Found | None:
    """The groups that *text* describes; None if it describes none (empty, ``None``, ``UNAVAILABLE``, only ``;``).

    ``auto`` is the caller's ``http_proxy`` (the first rule of CernVM-FS for it); without that a warning and DIRECT.
    Raises ConfigError naming *what* and the text that is not a proxy.
    """
    if text.strip().lower() in _UNSET:
        return None
    groups: list[tuple[str, ...]] = []
    warning = ""
    for part in text.split(";"):
        if part.strip().lower() == _AUTO:
            automatic = _automatic(what, environ)
            groups += automatic.groups
            warning = automatic.warning
        else:
            groups.append(tuple(proxy(member, what) for member in part.split("|") if member.strip()))
    unique = tuple(dict.fromkeys(group for group in groups if group))
    return Found(unique, warning) if unique else None


def _automatic(what: str, environ: Mapping[str, str]) -> Found:
    text = environ.get("http_proxy", "")
    if _AUTO not in (part.strip().lower() for part in text.split(";")):
        found = parse(text, "http_proxy", environ)
        if found:
            return found
    return Found(NO_PROXY, f"{what}: proxy auto-configuration files are not supported yet; connecting directly")


def with_fallback(groups: Groups, fallback: Groups) -> Groups:
    """*groups* followed by *fallback*; with a fallback nobody goes DIRECT any more, as CernVM-FS has it."""
    if not fallback:
        return groups
    pruned = (tuple(member for member in group if member != DIRECT) for group in groups + fallback)
    return tuple(dict.fromkeys(group for group in pruned if group)) or NO_PROXY


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
        raise ConfigError(f"{what}: cannot use the proxy {text!r}: only http:// and https:// proxies")
    host, port = _host_and_port(rest.rpartition("@")[2])
    if not host or not set(rest).isdisjoint("/?#\\\"'<>") or any(c.isspace() or c < " " for c in rest):
        raise ConfigError(f"{what}: not a proxy: {text!r} (write http://host:port or DIRECT)")
    if port is not None and not (port.isascii() and port.isdigit() and 0 < int(port) < 65536):
        raise ConfigError(f"{what}: the port of the proxy {text!r} is not a number from 1 to 65535")
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

"""Which proxies a repository is reached through."""

from __future__ import annotations

from parrot_py.config import proxies
from parrot_py.config.effective import Builder
from parrot_py.config.proxies import AUTO, Found, Groups
from parrot_py.config.settings import BUILT_IN, ENTRY, SPECIFIC, USER

PUBLIC_FALLBACK = "http://cvmfsbproxy.cern.ch:3126;http://cvmfsbproxy.fnal.gov:3126"
"""What the public configuration uses behind the proxies of a site."""

PUBLIC_SCRIPTS = (
    "http://grid-wpad/wpad.dat",
    "http://wpad/wpad.dat",
    "http://cernvm-wpad.cern.ch/wpad.dat",
    "http://cernvm-wpad.fnal.gov/wpad.dat",
)
"""The proxy auto-configuration files of the public configuration."""

NAME, FALLBACK = "CVMFS_HTTP_PROXY", "CVMFS_FALLBACK_PROXY"
SINGLE = ((AUTO,), ("DIRECT",))


def choose(builder: Builder, groups: Groups, *, from_files: bool) -> None:
    """Set the proxy fields; *groups* are the :func:`regular` ones."""
    fallback = _fallback(builder, groups, from_files=from_files)
    groups, fallback = proxies.without_direct(groups, fallback)
    builder.fields.update(proxies=groups, fallback_proxies=fallback)
    _, origin = builder.sources.get(NAME, ("", builder.origin(NAME)))
    builder.sources[NAME] = (proxies.text(groups), origin)
    if fallback:
        _, origin = builder.sources.get(FALLBACK, ("", builder.origin(FALLBACK)))
        builder.sources[FALLBACK] = (proxies.text(fallback), origin)
    scripts = builder.get("CVMFS_PAC_URLS")
    asked = any(AUTO in group for group in groups)
    builder.put("pac_urls", scripts or (PUBLIC_SCRIPTS if asked else None))
    if asked and not scripts:
        builder.sources["CVMFS_PAC_URLS"] = (";".join(PUBLIC_SCRIPTS), "built-in")
    external = _groups(builder, "CVMFS_EXTERNAL_HTTP_PROXY") or proxies.NO_PROXY
    spare = _groups(builder, "CVMFS_EXTERNAL_FALLBACK_PROXY") or ()
    external, spare = proxies.without_direct(external, spare)
    builder.fields.update(external_proxies=external, external_fallback_proxies=spare)


def regular(builder: Builder) -> tuple[Groups, bool]:
    """The proxies without the fallback, and whether a file of the site gave them.

    The order is that of the documentation: the entry's own, ``-p``, the environment, parameters, what grid sites put
    into the environment, the profile, none.
    """
    own = _groups(builder, NAME)
    if own and builder.rank(NAME) == ENTRY:
        return own, False
    if builder.base.proxy is not None:
        return _told(builder, builder.base.proxy), False
    if own:
        return own, builder.rank(NAME) <= SPECIFIC
    if builder.base.late_proxy is not None:
        return _told(builder, builder.base.late_proxy), False
    if builder.text("CVMFS_CLIENT_PROFILE") == "single":
        builder.sources[NAME] = ("auto;DIRECT", "CVMFS_CLIENT_PROFILE=single")
        return SINGLE, False
    return proxies.NO_PROXY, False


def _told(builder: Builder, found: Found) -> Groups:
    builder.sources[NAME] = (proxies.text(found.groups), found.origin)
    return found.groups


def _groups(builder: Builder, name: str) -> Groups | None:
    groups: Groups | None = builder.get(name)
    if groups is not None:
        warning = proxies.blanks(builder.text(name))
        if warning:
            builder.warnings.append(f"{builder.settings[name].what}: {warning}")
    return groups or None


def _fallback(builder: Builder, groups: Groups, *, from_files: bool) -> Groups:
    """The groups after all others.

    Those of files and of the public configuration stand behind a site's proxies only: who names proxies himself gets
    these, ``DIRECT`` where he wrote it, and no others (an INVALID-PROXY is there to keep everything offline).
    """
    if FALLBACK in builder.settings:
        stated = builder.rank(FALLBACK) >= USER
        return (_groups(builder, FALLBACK) if stated or from_files else None) or ()
    profile = builder.text("CVMFS_CLIENT_PROFILE")
    if not from_files or profile in ("single", "custom") or builder.rank("CVMFS_SERVER_URL") != BUILT_IN:
        return ()
    if groups in (proxies.NO_PROXY, SINGLE):
        return ()
    builder.sources[FALLBACK] = (PUBLIC_FALLBACK, "built-in list")
    found = proxies.parse(PUBLIC_FALLBACK, FALLBACK, {})
    return found.groups if found else ()

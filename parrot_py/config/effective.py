"""From parameters to a :class:`RepositoryConfig`: where all that was set about a repository comes together.

What wins, lowest first: built-in defaults, the built-in list, the files of /etc/cvmfs, ``PARROT_CVMFS_CONFIG``, option
files, ``--cvmfs-option``, the entry of ``-r``.  Most parameters are a field each (``plain`` in the table); the others
are combined here, in builtin.py, cache_choice.py, key_choice.py and
proxy_choice.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from parrot_py.config import parameters, proxies
from parrot_py.config.files import LocalFiles
from parrot_py.config.kinds import Where
from parrot_py.config.model import RepositoryConfig
from parrot_py.config.settings import BUILT_IN, Setting, Settings, expanded
from parrot_py.config.sources import Base
from parrot_py.errors import ConfigError

if TYPE_CHECKING:
    from parrot_py.config.site import Chain

GRID_CERTIFICATES = Path("/etc/grid-security/certificates")
_AUTHZ = "CVMFS_AUTHZ_"


class Effective(NamedTuple):
    """A finished configuration, each value that was set about it, and what could not be obeyed.

    ``sources`` has what counts for parameters that are combined with others (parameter → value and origin); ``read``
    are the files of the site that were read.  ``partial``: the configuration repository could not be, so that this
    holds until it can.
    """

    config: RepositoryConfig
    settings: Mapping[str, Setting]
    sources: Mapping[str, tuple[str, str]]
    warnings: tuple[str, ...]
    remarks: tuple[str, ...]
    read: tuple[str, ...] = ()
    partial: bool = False


class Builder:
    """Reads parameters by name and collects fields.  Mistakes raise ConfigError or become a warning (see Setting)."""

    def __init__(self, fqrn: str, settings: Mapping[str, Setting], base: Base, chain: Chain | None = None) -> None:
        """*chain* is what the files of the site say, part of *settings*."""
        self.fqrn, self.base = fqrn, base
        self.common: Mapping[str, Setting] = chain.common if chain else {}
        self.files = chain.files if chain else LocalFiles()
        self.extra_blacklist = chain.extra_blacklist if chain else ""
        self.settings: Settings = expanded(settings, fqrn)
        self.fields: dict[str, Any] = {}
        self.sources: dict[str, tuple[str, str]] = {}
        self.warnings: list[str] = []
        self.remarks: list[str] = []
        self.table = parameters.by_name()

    def below(self, settings: Mapping[str, Setting]) -> None:
        """Put *settings* below all that is there."""
        self.settings = {**expanded(settings, self.fqrn), **self.settings}

    def text(self, name: str) -> str:
        """The text of the parameter *name*; ``""`` when it is empty or not set."""
        setting = self.settings.get(name)
        return setting.value if setting else ""

    def get(self, name: str, kind: str = "") -> Any:
        """The value of the parameter *name*, parsed as the table (its row *kind*) says; None when there is none.

        A mistake in one that is not strict is as good as none.
        """
        setting = self.settings.get(name)
        if setting is None or not setting.value:
            return None
        try:
            where = Where(setting.what, self.base.directory, self.base.environ)
            return self.table[kind or name].kind.parse(setting.value, where)
        except ConfigError as error:
            if setting.strict:
                raise
            self.warnings.append(f"{error}; ignored")
            del self.settings[name]
            default = self.table[kind or name].default
            if default:
                self.sources[name] = (default, f"built-in ({setting.origin} is not understood)")
            return None

    def put(self, field: str, value: Any) -> None:
        """Set *field* unless *value* is None, which leaves the default."""
        if value is not None:
            self.fields[field] = value

    def origin(self, *names: str) -> str:
        """Who set the first of *names* that is set to something; ``built-in`` when nobody did."""
        return next((self.settings[name].origin for name in names if self.rank(name) >= 0), "built-in")

    def rank(self, name: str) -> int:
        """Who set *name* to something that is not empty; -1: nobody."""
        setting = self.settings.get(name)
        return setting.rank if setting and setting.value else -1


def build(builder: Builder, *, built_in: bool = True, served: bool = True, keys: bool = True) -> Effective:
    """The configuration that *builder*'s parameters describe.

    *built_in*: servers that nobody set are those of the built-in list.  Not *served*: there are none, whoever sets
    them.  Without *keys* nobody looks for master keys.  Raises ConfigError.
    """
    from parrot_py.config import builtin, cache_choice, key_choice, proxy_choice

    groups, from_files = proxy_choice.regular(builder)
    if built_in and not builder.get("CVMFS_SERVER_URL"):
        builder.below(builtin.settings(builder.fqrn, builder.settings, proxies.text(groups)))
    for name in list(builder.settings):
        _plain(builder, name)
    if not served:
        builder.fields.pop("urls", None)
    proxy_choice.choose(builder, groups, from_files=from_files)
    cache_choice.choose(builder)
    if keys:
        key_choice.choose(builder)
    _combine(builder)
    config = RepositoryConfig(
        fqrn=builder.fqrn,
        urls=builder.fields.pop("urls", ()),
        public_keys=builder.fields.pop("public_keys", ()),
        cache_dir=builder.fields.pop("cache_dir", builder.base.cache_dir),
        **builder.fields,
    )
    return Effective(config, builder.settings, builder.sources, tuple(builder.warnings), tuple(builder.remarks))


def _plain(builder: Builder, name: str) -> None:
    row = parameters.find(name)
    if row is None:
        if name.startswith("CVMFS_"):
            builder.remarks.append(f"{builder.settings[name].what} is not known: a variable of links and nothing else")
    elif not row.has_effect:
        builder.remarks.append(f"{builder.settings[name].what} has no effect: {row.ignored}")
    elif row.plain:
        builder.put(row.fields, builder.get(name))


def _combine(builder: Builder) -> None:
    """The fields that are neither plain nor subject of a module of their own."""
    base, environ = builder.base, builder.base.environ
    builder.put("deadline", base.deadline)
    if builder.get("CVMFS_CLAIM_OWNERSHIP") is not False:
        builder.put("uid", base.uid)
        builder.put("gid", base.gid)
    minutes, seconds = builder.get("CVMFS_MAX_TTL"), builder.get("CVMFS_MAX_TTL_SECS")
    builder.put("max_ttl", minutes if seconds is None else seconds)
    hidden = {None: None, True: "never", False: "always"}[builder.get("CVMFS_HIDE_MAGIC_XATTRS")]
    builder.put("magic_xattrs", builder.get("CVMFS_MAGIC_XATTRS_VISIBILITY") or hidden)
    if builder.text("CVMFS_IPV4_ONLY") or environ.get("CVMFS_IPV4_ONLY"):
        builder.put("ipv4_only", True)
    for field in ("timeout", "timeout_direct"):
        own = builder.get(f"CVMFS_EXTERNAL_{field.upper()}")
        builder.put(f"external_{field}", builder.fields.get(field) if own is None else own)
    builder.put("uuid", environ.get("CERNVM_UUID") or None if "uuid" not in builder.fields else None)
    _certificates(builder)
    _variables(builder)


def _certificates(builder: Builder) -> None:
    """X509_… are variables of the environment as much as parameters; a parameter counts first."""
    for field, name in (("ca_dir", "X509_CERT_DIR"), ("ca_bundle", "X509_CERT_BUNDLE")):
        found = builder.get(name)
        if found is None and builder.base.environ.get(name, "").startswith("/"):
            found = Path(builder.base.environ[name])
            builder.sources[name] = (str(found), f"environment {name}")
        builder.put(field, found)
    if "ca_dir" not in builder.fields and GRID_CERTIFICATES.is_dir():
        builder.put("ca_dir", GRID_CERTIFICATES)


def _variables(builder: Builder) -> None:
    settings, environ = builder.settings, builder.base.environ
    # What the built-in list says about other programs' variables (GLITE_VERSION) is a default.
    below = {name: each.value for name, each in settings.items() if each.rank == BUILT_IN}
    above = {name: each.value for name, each in settings.items() if each.rank != BUILT_IN}
    builder.put("variables", {**below, **environ, **above})
    chosen = builder.text("PARROT_LINK_ENVIRONMENT") == "job" or builder.base.caller_variables
    builder.put("caller_variables", chosen or None)
    own = ("CVMFS_AUTHZ_HELPER", "CVMFS_AUTHZ_SEARCH_PATH")
    passed = [name for name in settings if name.startswith(_AUTHZ) and name not in own and name != _AUTHZ]
    builder.put("authz_environ", {name[len(_AUTHZ) :]: settings[name].value for name in passed} or None)

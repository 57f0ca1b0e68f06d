"""All that says something about repositories besides their entries: options of the run, and the files of the site.

Nothing of it is read, and the modules that understand it are not imported, before a repository is first used.
"""

from __future__ import annotations

import errno
import re
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from parrot_py import codes
from parrot_py.config.model import RepositoryConfig
from parrot_py.config.proxies import Found
from parrot_py.errors import ConfigError

if TYPE_CHECKING:
    from parrot_py.config.effective import Effective
    from parrot_py.config.option_files import UserOptions
    from parrot_py.config.settings import Setting, Settings
    from parrot_py.config.site import Site

ETC = Path("/etc/cvmfs")
"""Where a site keeps the configuration of its clients, unless ``PARROT_CVMFS_ETC`` names another place."""


class Base(NamedTuple):
    """What every repository of a run has in common unless something set about it says otherwise.

    ``shared_cache``: the place of the cache was chosen by ``--cvmfs-alien-cache``; ``placed``: by ``-t``.  ``proxy``
    is what comes before parameters (``-p``, ``HTTP_PROXY``, ``http_proxy``), ``late_proxy`` what comes after them.
    Relative file names are taken from ``directory``: repositories are completed long after the start, when the current
    directory may be another one.  ``etc`` is the site's configuration directory, ``tempdir`` a
    directory of our own.
    """

    cache_dir: Path
    proxy: Found | None = None
    deadline: float = 60.0
    uid: int | None = None
    gid: int | None = None
    environ: Mapping[str, str] = RepositoryConfig._field_defaults["variables"]
    directory: str = ""
    shared_cache: bool = False
    placed: bool = False
    late_proxy: Found | None = None
    caller_variables: bool = False
    etc: Path = ETC
    tempdir: Path = Path("/tmp")


class Sources:
    """The layers below the entry of ``-r``.  Any thread may ask it."""

    def __init__(self, base: Base, user: UserOptions | None = None) -> None:
        """*user* is what the options of the run say; *base* what no parameter says."""
        self.base = base
        self._user = user
        self._lock = threading.Lock()
        self._opened: Site | None = None
        self.named: Callable[[str], RepositoryConfig | None] = lambda _: None
        """How the table finds a repository: an entry may be about the configuration repository."""

    def check(self, name: str, own: Mapping[str, Setting], *, served: bool) -> Effective:
        """What *name* would be without the files of the site: mistakes of the user show at the start.

        *own* is what the entry sets; *served* says whether it has servers.  Raises ConfigError.
        """
        from parrot_py.config import effective

        # Option files may build on what the site says; nothing else needs it this early.
        common = self.site().common().settings if self._user and self._user.has_files else {}
        user = self.user_settings({each: setting.value for each, setting in common.items()})
        builder = effective.Builder(name, {**user, **own}, self.base)
        # Keys that nobody named may be the site's.
        keys = "CVMFS_PUBLIC_KEY" in own or not self.base.etc.is_dir()
        return effective.build(builder, built_in=False, served=served, keys=keys)

    def effective(
        self, name: str, own: Mapping[str, Setting], repo_name: str = "", *, built_in: bool, served: bool
    ) -> Effective | None:
        """The repository that appears as /cvmfs/*name*; None when the site does not want it shown.

        *repo_name* is the name that it is signed for, when that is another one; *built_in*: nobody but the built-in
        list names it.  May read files and the network.  Raises ConfigError.
        """
        from parrot_py.config import effective
        from parrot_py.config.kinds import truth

        site = self.site()
        domain = site.default_domain() if built_in and "." not in name else ""
        fqrn = repo_name or (f"{name}.{domain}" if domain else name)
        # Who says where a repository is and whom to believe need not wait for anybody's configuration.
        chain = site.chain(fqrn, remote=not {"CVMFS_SERVER_URL", "CVMFS_PUBLIC_KEY"} <= set(own))
        known = {name: setting.value for name, setting in chain.settings.items()}
        settings = {**chain.settings, **self.user_settings(known), **own}
        strict = settings.get("CVMFS_STRICT_MOUNT")
        if built_in and strict and truth(strict.value) and fqrn not in self._allowed(settings):
            return None
        builder = effective.Builder(fqrn, settings, self.base, chain)
        made = effective.build(builder, built_in=built_in, served=served)
        if chain.trouble and served and not made.config.urls:
            # It is not known whether there are any: an error, and not the absence of a repository.
            raise ConfigError(f"no server of {fqrn} is known, and {chain.trouble}", codes.UNKNOWN_REPOSITORY)
        warnings = chain.warnings + made.warnings
        return made._replace(warnings=warnings, read=chain.read, partial=bool(chain.trouble))

    def common(self) -> Effective:
        """What all repositories have in common, but for what the configuration repository says.  Raises ConfigError."""
        from parrot_py.config import effective

        chain = self.site().common()
        known = {name: setting.value for name, setting in chain.settings.items()}
        builder = effective.Builder("", {**chain.settings, **self.user_settings(known)}, self.base, chain)
        made = effective.build(builder, built_in=False, served=False, keys=False)
        return made._replace(warnings=chain.warnings + made.warnings, read=chain.read)

    def user_settings(self, environ: Mapping[str, str]) -> Settings:
        """What the options of the run set; option files begin with the variables *environ*.  Raises ConfigError."""
        return self._user.settings(environ) if self._user else {}

    def site(self) -> Site:
        """The files of the site; nothing of them is read by this."""
        with self._lock:
            if self._opened is None:
                from parrot_py.config.site import Site

                self._opened = Site(self.base, self.user_settings, self._find)
            return self._opened

    def close(self) -> None:
        """Drop connections to the configuration repository."""
        if self._opened is not None:
            self._opened.close()

    def _find(self, name: str) -> RepositoryConfig:
        found = self.named(name)
        if found is None or not found.urls:
            made = self.effective(name, {}, built_in=True, served=True)
            found = made.config if made else None
        if found is None or not found.urls:
            raise OSError(errno.EIO, "no server of it is known")
        return found

    def _allowed(self, settings: Mapping[str, Setting]) -> set[str]:
        listed = settings.get("CVMFS_REPOSITORIES")
        names = set(re.split(r"[\s,:]+", listed.value)) if listed else set()
        return names | {self.site().repository()}

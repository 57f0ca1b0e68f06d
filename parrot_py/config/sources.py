"""All that says something about repositories besides their entries: options of the run, and the files of the site.

Nothing of it is read, and the modules that understand it are not imported, before a repository is first used.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from parrot_py.config.model import RepositoryConfig
from parrot_py.config.proxies import Found

if TYPE_CHECKING:
    from parrot_py.config.effective import Effective
    from parrot_py.config.settings import Setting, Settings

ETC = Path("/etc/cvmfs")
"""Where a site keeps the configuration of its clients, unless ``PARROT_CVMFS_ETC`` names another place."""


class Base(NamedTuple):
    """What every repository of a run has in common unless something set about it says otherwise.

    ``shared_cache``: the place of the cache was chosen by ``--cvmfs-alien-cache``; ``placed``: by ``-t``.  ``proxy``
    is what comes before parameters (``-p``, ``HTTP_PROXY``, ``http_proxy``), ``late_proxy`` what comes after them.
    Relative file names are taken from ``directory``: repositories are completed long after the start, when the current
    directory may be another one.  ``etc`` is the site's configuration directory.
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


class Sources:
    """The layers below the entry of ``-r``.  Any thread may ask it."""

    def __init__(self, base: Base, user: Settings | None = None) -> None:
        """*user* is what the options of the run set; *base* what no parameter says."""
        self.base = base
        self.user: Settings = user or {}

    def check(self, name: str, own: Mapping[str, Setting], *, served: bool) -> Effective:
        """What *name* would be without the files of the site: mistakes of the user show at the start.

        *own* is what the entry sets; *served* says whether it has servers.  Raises ConfigError.
        """
        from parrot_py.config import effective

        builder = effective.Builder(name, {**self.user, **own}, self.base)
        # Keys that nobody named may be the site's.
        keys = "CVMFS_PUBLIC_KEY" in own or not self.base.etc.is_dir()
        return effective.build(builder, built_in=False, served=served, keys=keys)

    def effective(
        self, name: str, own: Mapping[str, Setting], repo_name: str = "", *, built_in: bool, served: bool
    ) -> Effective | None:
        """The repository that appears as /cvmfs/*name*; None when the site does not want it shown.

        *repo_name* is the name that it is signed for, when that is another one; *built_in*: nobody but the built-in
        list names it.  May read files.  Raises ConfigError.
        """
        from parrot_py.config import effective

        builder = effective.Builder(repo_name or name, {**self.user, **own}, self.base)
        return effective.build(builder, built_in=built_in, served=served)

"""The configuration files of a site: /etc/cvmfs and a configuration repository, in the order of the real client."""

from __future__ import annotations

import errno
import os
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from parrot_py import codes
from parrot_py.config import proxies
from parrot_py.config.files import LocalFiles, SiteFiles, Tree
from parrot_py.config.kinds import truth
from parrot_py.config.model import RepositoryConfig
from parrot_py.config.option_files import evaluate
from parrot_py.config.settings import COMMON, SPECIFIC, Settings
from parrot_py.config.sources import Base
from parrot_py.errors import ConfigError

if TYPE_CHECKING:
    from parrot_py.config.config_repository import ConfigRepository
    from parrot_py.config.shell import Script

ROOT = "/cvmfs"
REPOSITORY, REQUIRED = "CVMFS_CONFIG_REPOSITORY", "CVMFS_CONFIG_REPO_REQUIRED"
MOUNT_DIR = "CVMFS_MOUNT_DIR"
_BELOW = "etc/cvmfs"
# A configuration repository that cannot be had is asked for again after so many seconds.
_AGAIN = 60.0


class Chain(NamedTuple):
    """What the files say: ``settings`` in all, ``common`` of those about all repositories.

    ``files`` reads what values name; ``extra_blacklist`` is that of the configuration repository; ``read`` are the
    paths of the files that were there, in order.  ``trouble`` says why the configuration repository could not be read.
    """

    settings: Settings
    common: Settings
    files: LocalFiles
    warnings: tuple[str, ...]
    read: tuple[str, ...]
    extra_blacklist: str = ""
    trouble: str = ""


class _Pass:
    """One way through the files."""

    def __init__(
        self, base: Base, files: LocalFiles, scripts: dict[str, Script], known: Settings, *, protected: bool = True
    ) -> None:
        """Go on from *known*; *protected*: the configuration repository was chosen before."""
        self._files, self._scripts, self._protected = files, scripts, protected
        own = {name: text for name, text in base.environ.items() if not name.startswith("CVMFS_")}
        self._environ = {**own, MOUNT_DIR: ROOT}
        self.settings: Settings = dict(known)
        self.warnings: list[str] = []
        self.read: list[str] = []

    def file(self, path: str, rank: int, above: Mapping[str, str] | None = None) -> None:
        """Run the file at *path*, if it is there, with what is known so far and the variables *above*."""
        if self._files.kind(path) != "file":
            return
        known = {name: setting.value for name, setting in self.settings.items()}
        try:
            found = evaluate(
                path, {**self._environ, **known, **(above or {})}, self._files, rank, self.warnings, self._scripts
            )
        except PermissionError as error:
            self.warnings.append(f"{path}: {error.strerror}: left out")
            return
        self.read.append(path)
        self._protect(found)
        self.settings.update(found)

    def _protect(self, found: Settings) -> None:
        """What the first two steps said about the configuration repository stays."""
        old, new = self.settings.get(REPOSITORY), found.get(REPOSITORY)
        if self._protected and new is not None and new.value != (old.value if old else ""):
            self.warnings.append(f"{new.what} comes too late and is ignored")
            del found[REPOSITORY]


class Site:
    """Everything below one configuration directory.  Thread-safe.  May wait for the network."""

    def __init__(
        self,
        base: Base,
        user: Callable[[Mapping[str, str]], Settings],
        find: Callable[[str], RepositoryConfig],
    ) -> None:
        """*user* gives the parameters of the run's options; *find* the configuration of the configuration repository,
        made with this chain, which for that name does without it.
        """
        self._base, self._user, self._find = base, user, find
        self._scripts: dict[str, Script] = {}
        self._lock = threading.RLock()
        self._begun: _Pass | None = None
        self._common: dict[bool, _Pass] = {}
        self._tree: ConfigRepository | None = None
        self._failed = 0.0
        self._why = ""

    def chain(self, fqrn: str, *, remote: bool = True) -> Chain:
        """What the files say about *fqrn*; not *remote*: without the configuration repository.

        Raises ConfigError when the configuration repository cannot be read and is required.
        """
        name = self.repository()
        remote = remote and bool(name) and name != fqrn
        try:
            return self._chain(fqrn, remote)
        except OSError as error:
            if not remote:
                raise ConfigError(f"cannot read {error.filename!r}: {error.strerror}", codes.CONFIG_FILE) from error
            if not self._failed:
                # The driver puts its reason behind the errno.
                self._failed, self._why = time.monotonic(), str(error.filename or error.strerror)
            return self._without(fqrn, name)

    def common(self) -> Chain:
        """What the files say about all repositories, the configuration repository's excepted."""
        done = self._common_pass(remote=False)
        return Chain(done.settings, done.settings, LocalFiles(), tuple(done.warnings), tuple(done.read))

    def repository(self) -> str:
        """The name of the configuration repository, or ``""``."""
        found = self._first().settings.get(REPOSITORY)
        return found.value if found else ""

    def default_domain(self) -> str:
        """What is appended to names without a dot, or ``""``."""
        found = self._common_pass(remote=False).settings.get("CVMFS_DEFAULT_DOMAIN")
        return found.value if found else ""

    def close(self) -> None:
        """Drop the connections to the configuration repository."""
        with self._lock:
            if self._tree is not None:
                self._tree.close()

    def _without(self, fqrn: str, name: str) -> Chain:
        found = self._chain(fqrn, remote=False)
        required = found.settings.get(REQUIRED)
        line = f"the configuration repository {name} cannot be read: {self._why}"
        if required is not None and truth(required.value):
            raise ConfigError(f"{line}; {required.what} wants it", codes.CONFIG_FILE)
        return found._replace(warnings=(*found.warnings, f"{line}; going on without it"), trouble=line)

    # -- the passes

    def _etc(self, *parts: str) -> str:
        return os.path.join(self._base.etc, *parts)

    def _first(self) -> _Pass:
        """Steps 1 and 2, once."""
        with self._lock:
            if self._begun is None:
                chosen = self._user({}).get(REPOSITORY)
                known = {REPOSITORY: chosen} if chosen else {}
                done = _Pass(self._base, LocalFiles(), self._scripts, known, protected=bool(chosen))
                done.file(self._etc("default.conf"), COMMON)
                for path in LocalFiles().glob(self._etc("default.d", "*.conf")):
                    done.file(path, COMMON)
                self._begun = done
            return self._begun

    def _prefix(self) -> str:
        """Where files say that the configuration repository is."""
        found = self._first().settings.get(MOUNT_DIR)
        return f"{found.value if found and found.value else ROOT}/{self.repository()}"

    def _common_pass(self, *, remote: bool) -> _Pass:
        """Steps 1 to 4, once."""
        with self._lock:
            if remote not in self._common:
                begun = self._first()
                done = _Pass(self._base, self._files(remote), self._scripts, begun.settings)
                done.warnings, done.read = list(begun.warnings), list(begun.read)
                if remote:
                    done.file(f"{self._prefix()}/{_BELOW}/default.conf", COMMON)
                done.file(self._etc("default.local"), COMMON)
                self._common[remote] = done
            return self._common[remote]

    def _chain(self, fqrn: str, remote: bool) -> Chain:
        common = self._common_pass(remote=remote)
        files = self._files(remote)
        done = _Pass(self._base, files, self._scripts, common.settings)
        place = f"{self._prefix()}/{_BELOW}"
        for path in self._specific(fqrn, place if remote else ""):
            done.file(path, SPECIFIC, self._above(done.settings))
        blacklist = f"{place}/blacklist" if remote and files.kind(f"{place}/blacklist") == "file" else ""
        warnings, read = (*common.warnings, *done.warnings), (*common.read, *done.read)
        return Chain(done.settings, common.settings, files, warnings, read, blacklist)

    def _specific(self, fqrn: str, place: str) -> Iterable[str]:
        """Steps 5 to 10."""
        for directory, name in (("domain.d", fqrn.partition(".")[2]), ("config.d", fqrn)):
            if name:
                if place:
                    yield f"{place}/{directory}/{name}.conf"
                yield self._etc(directory, f"{name}.conf")
                yield self._etc(directory, f"{name}.local")

    def _above(self, settings: Settings) -> dict[str, str]:
        """What files about domains see of the user's wishes, as if default.local had them."""
        known = {name: setting.value for name, setting in settings.items()}
        wishes = {name: setting.value for name, setting in self._user(known).items()}
        early = self._base.proxy
        return {"CVMFS_HTTP_PROXY": proxies.text(early.groups), **wishes} if early else wishes

    # -- the configuration repository

    def _files(self, remote: bool) -> LocalFiles:
        """The files to read; raises OSError when the configuration repository cannot be had."""
        if not remote:
            return LocalFiles()
        if os.path.isdir(f"{self._prefix()}/{_BELOW}"):
            return LocalFiles()
        return SiteFiles(self._prefix(), self._open(self.repository()), self._base.tempdir / "config")

    def _open(self, name: str) -> Tree:
        with self._lock:
            if self._failed and time.monotonic() - self._failed < _AGAIN:
                raise OSError(errno.EIO, self._why)
            self._failed = 0.0
            if self._tree is None:
                from parrot_py.config.config_repository import ConfigRepository

                self._tree = ConfigRepository(self._find(name))
            self._tree.check()
            return self._tree


def paths(etc: Path) -> list[str]:
    """The files that are read for every repository, as far as they are there."""
    files = LocalFiles()
    named = [str(etc / "default.conf"), *files.glob(str(etc / "default.d" / "*.conf")), str(etc / "default.local")]
    return [path for path in named if files.kind(path) == "file"]

"""The repository table: which names below /cvmfs are configured, and how."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from parrot_py import codes
from parrot_py.config import domains
from parrot_py.config.grammar import DEFAULTS, FRONT, Entry, entries
from parrot_py.config.model import RepositoryConfig
from parrot_py.errors import ConfigError

if TYPE_CHECKING:
    from parrot_py.config.effective import Effective
    from parrot_py.config.settings import Settings
    from parrot_py.config.sources import Sources

DEMO = "demo.parrot.local"

# A name that matched a wildcard comes from the job and goes into URLs and file names: nothing but these characters.
_SAFE = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-")
_SERVERS = ("url", "CVMFS_SERVER_URL")
# A job may probe any number of names.
_REMEMBERED = 4096

log = logging.getLogger("parrot_py.cvmfs")
debug = logging.getLogger("parrot_py.debug")


class Outline(NamedTuple):
    """What is known of a name without reading any file.

    ``local``: the host's own directory (its ``subpath``) is used where it exists; ``served``: there may be servers.
    """

    local: bool
    served: bool
    subpath: bytes


class RepositoryTable:
    """Names below /cvmfs and their configurations.  Any thread may ask it."""

    def __init__(
        self, listed: Sequence[Entry], sources: Sources, where: str = "", builtin: Sequence[Entry] = ()
    ) -> None:
        """Check *listed*; of several entries that match a name, the last one counts.

        The entries of *builtin* come before them, unchecked: checking our own data is a matter for the tests.
        Raises ConfigError, naming *where* and the entry, for an option that is not known, for a value that is not
        understood, and for a file that a non-wildcard entry names and that cannot be read.
        """
        self._entries = (*builtin, *listed)
        self._sources = sources
        self._where = where
        self._found: dict[str, Effective | None] = {}
        self._told: set[str] = set()
        self._lock = threading.Lock()
        self.remarks: list[str] = []
        self.warnings: list[str] = []
        sources.named = self.find
        for entry in listed:
            self._check(entry)

    def outline(self, name: bytes | str) -> Outline | None:
        """What the entries alone say about /cvmfs/*name*; None if nobody configured it.  Reads nothing."""
        matched = self._match(os.fsdecode(name))
        if matched is None:
            return None
        entry, _ = matched
        local = not _served(entry) or any(key == "try_local_filesystem" for key, _ in entry.options)
        return Outline(local, _served(entry), os.fsencode(entry.subpath))

    def known(self, name: bytes | str) -> bool:
        """Whether :meth:`find` answers for *name* from memory, reading nothing."""
        return os.fsdecode(name) in self._found

    def find(self, name: bytes | str) -> RepositoryConfig | None:
        """How to serve /cvmfs/*name*; None if nobody configured it, which is ENOENT.

        A result with ``local`` asks for the host's own directory first; see RepositoryConfig.  May read files and the
        network (see sources.py), so the tracer's thread asks only what is :meth:`known`.  What could not be obeyed is
        logged.  Raises ConfigError.
        """
        found = self.effective(name)
        return found.config if found else None

    def effective(self, name: bytes | str) -> Effective | None:
        """As :meth:`find`, with where each value comes from."""
        text = os.fsdecode(name)
        try:
            return self._found[text]
        except KeyError:
            pass  # asked for the first time
        matched = self._match(text)
        made = self._build(matched[0], text, matched[1]) if matched else None
        if made is not None:
            self._tell(made)
            if made.partial:
                return made
        with self._lock:
            if len(self._found) >= _REMEMBERED:
                self._found.clear()
            self._found[text] = made
        return made

    def close(self) -> None:
        """Drop connections that finding a repository may have opened."""
        self._sources.close()

    def common(self) -> RepositoryConfig:
        """What all repositories have in common: cache, proxies, time-outs.  May read files.  Raises ConfigError."""
        return self._sources.common().config

    def names(self) -> list[str]:
        """The names that a listing of /cvmfs shows: every repository that was configured by its full name."""
        return list(dict.fromkeys(entry.name for entry in self._entries if not (entry.wildcard or entry.hidden)))

    def _match(self, name: str) -> tuple[Entry, str] | None:
        """The entry that counts for *name*, and what its ``*`` stands for."""
        for entry in reversed(self._entries):
            front = entry.front(name)
            if front is not None:
                return None if entry.wildcard and not _is_safe(name) else (entry, front)
        return None

    def _check(self, entry: Entry) -> None:
        from parrot_py.config import repository_options

        where = f"{self._where}: {entry}"
        self.remarks += repository_options.check_names(dict(entry.options), where)
        # What is wrong with one name is wrong with all that match; a '*' makes messages show what was written.
        front = "*" if entry.wildcard else ""
        signed = _filled(entry, front).get("repo_name") or front + entry.name
        made = self._sources.check(signed, _settings(entry, front, where), served=_served(entry))
        self.warnings += made.warnings
        if not entry.wildcard:
            repository_options.check_files(made)

    def _build(self, entry: Entry, name: str, front: str) -> Effective | None:
        where = f"{self._where}: {entry}"
        options = _filled(entry, front)
        own = _settings(entry, front, where)
        signed = options.get("repo_name", "")
        made = self._sources.effective(name, own, signed, built_in=entry.hidden, served=_served(entry))
        if made is None:
            return None
        local = "try_local_filesystem" in options or not made.config.urls
        return made._replace(config=made.config._replace(subpath=os.fsencode(entry.subpath), local=local))

    def _tell(self, made: Effective) -> None:
        for line in made.warnings:
            if line not in self._told:
                self._told.add(line)
                log.warning("%s", line, extra=codes.LEFT_OUT.extra)
        for line in made.remarks:
            if line not in self._told:
                self._told.add(line)
                debug.debug("%s", line)


def _served(entry: Entry) -> bool:
    """Whether there may be servers: an entry of the user's without one means the host's own /cvmfs and nothing else."""
    return entry.hidden or any(key in _SERVERS for key, _ in entry.options)


def _settings(entry: Entry, front: str, where: str) -> Settings:
    from parrot_py.config import repository_options

    return repository_options.settings(_filled(entry, front), where)


def _filled(entry: Entry, front: str) -> dict[str, str]:
    """The options of *entry*, of equal ones the last, with *front* where the ``*`` was."""
    return {key: value.replace(FRONT, front) for key, value in entry.options}


def table(text: str | None, sources: Sources, where: str) -> RepositoryTable:
    """The table for the repository list *text* that stood at *where*; None means that none was given.

    Without a list: the built-in one.  With one: its entries and the demonstration repository, which a wildcard does
    not hide.  An empty list configures nothing at all.
    """
    if text is None:
        return RepositoryTable((), sources, "built-in list", [*default_entries(), *_demo([])])
    try:
        listed = _splice(entries(text))
    except ConfigError as error:
        raise ConfigError(f"{where}: {error}", error.code) from error
    return RepositoryTable([*listed, *_demo(listed)] if listed else [], sources, where)


def default_entries() -> list[Entry]:
    """The built-in list, least specific first: any name, known domains, known repositories.

    What is known of them counts less than the files of the site, so it is not here but in builtin.py.
    """
    own = (("try_local_filesystem", ""),)
    listed = [Entry("", wildcard=True, options=own, hidden=True)]
    listed += [Entry(f".{domain}", wildcard=True, options=own, hidden=True) for domain in domains.DOMAINS]
    listed += [Entry(name, options=own, hidden=True) for name in domains.REPOSITORIES]
    return listed


def _splice(listed: Sequence[Entry]) -> list[Entry]:
    """Put the built-in list in the place of ``<default-repositories>``, its options behind theirs."""
    result: list[Entry] = []
    for entry in listed:
        if entry.name == DEFAULTS:
            result += [known._replace(options=known.options + entry.options) for known in default_entries()]
        else:
            result.append(entry)
    return result


def _demo(listed: Sequence[Entry]) -> list[Entry]:
    """The demonstration repository inside the package, unless *listed* has its own of that name."""
    key = f"<BUILTIN-{DEMO}.pub>"
    if any(entry.name == DEMO and not entry.wildcard for entry in listed) or not domains.key_file(DEMO):
        return []
    return [Entry(DEMO, options=(("url", _file_url(domains.DEMO / "www" / DEMO)), ("pubkey", key)))]


def _file_url(path: Path) -> str:
    # The package may lie anywhere; in a list of URLs blanks and ';' have a meaning of their own.
    plain = _SAFE.union("/+~=")
    return "file://" + "".join(chr(byte) if chr(byte) in plain else f"%{byte:02X}" for byte in os.fsencode(path))


def _is_safe(name: str) -> bool:
    return not name.startswith(".") and len(name) < 256 and _SAFE.issuperset(name)

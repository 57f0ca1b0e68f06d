"""The repository table: which names below /cvmfs are configured, and how."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from parrot_py.config import domains, repository_options
from parrot_py.config.grammar import DEFAULTS, FRONT, Entry, entries
from parrot_py.config.model import RepositoryConfig
from parrot_py.config.repository_options import Base
from parrot_py.errors import ConfigError

DEMO = "demo.parrot.local"

# A name that matched a wildcard comes from the job and goes into URLs and file names: nothing but these characters.
_SAFE = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-")


class RepositoryTable:
    """Names below /cvmfs and their configurations.  Immutable, so any thread may ask it."""

    def __init__(self, listed: Sequence[Entry], base: Base, where: str = "", builtin: Sequence[Entry] = ()) -> None:
        """Check *listed*; of several entries that match a name, the last one counts.

        The entries of *builtin* come before them, unchecked: checking our own data is a matter for the tests.
        Raises ConfigError, naming *where* and the entry, for an option that is not known, for a value that is not
        understood, and for a file that a non-wildcard entry names and that cannot be read.
        """
        self._entries = (*builtin, *listed)
        self._base = base
        self._where = where
        self.remarks: list[str] = []
        self.warnings: list[str] = []
        for entry in listed:
            self._check(entry)

    def find(self, name: bytes | str) -> RepositoryConfig | None:
        """How to serve /cvmfs/*name*; None if nobody configured it, which is ENOENT.

        A result with ``local`` asks for the host's own directory first; see RepositoryConfig.
        """
        text = os.fsdecode(name)
        for entry in reversed(self._entries):
            front = entry.front(text)
            if front is not None:
                if entry.wildcard and not _is_safe(text):
                    return None
                return self._build(entry, text, front)
        return None

    def names(self) -> list[str]:
        """The names that a listing of /cvmfs shows: every repository that was configured by its full name."""
        return list(dict.fromkeys(entry.name for entry in self._entries if not (entry.wildcard or entry.hidden)))

    def _check(self, entry: Entry) -> None:
        where = f"{self._where}: {entry}"
        self.remarks += repository_options.check_names(dict(entry.options), where)
        # What is wrong with one name is wrong with all that match; a '*' makes messages show what was written.
        front = "*" if entry.wildcard else ""
        config = self._build(entry, front + entry.name, front)
        self.warnings += repository_options.proxy_warnings(_filled(entry, front), self._base, where)
        if not entry.wildcard:
            repository_options.check_files(config, where)

    def _build(self, entry: Entry, name: str, front: str) -> RepositoryConfig:
        where = f"{self._where}: {entry}"
        config = repository_options.configuration(name, _filled(entry, front), self._base, where)
        return config._replace(subpath=os.fsencode(entry.subpath))


def _filled(entry: Entry, front: str) -> dict[str, str]:
    """The options of *entry*, of equal ones the last, with *front* where the ``*`` was."""
    return {key: value.replace(FRONT, front) for key, value in entry.options}


def table(text: str | None, base: Base, where: str) -> RepositoryTable:
    """The table for the repository list *text* that stood at *where*; None means that none was given.

    Without a list: the built-in one.  With one: its entries and the demonstration repository, which a wildcard does
    not hide.  An empty list configures nothing at all.
    """
    if text is None:
        return RepositoryTable(_demo([]), base, "built-in list", default_entries())
    try:
        listed = _splice(entries(text))
    except ConfigError as error:
        raise ConfigError(f"{where}: {error}") from error
    return RepositoryTable([*listed, *_demo(listed)] if listed else [], base, where)


def default_entries() -> list[Entry]:
    """The built-in list, least specific first: the host's own repositories, known domains, known repositories."""
    listed = [Entry("", wildcard=True, options=(("try_local_filesystem", ""),))]
    listed += [_known(f".{domain}", known, wildcard=True) for domain, known in domains.DOMAINS.items()]
    listed += [_known(name, known, wildcard=False) for name, known in domains.REPOSITORIES.items()]
    return listed


def _known(name: str, known: domains.Known, wildcard: bool) -> Entry:
    options = [
        ("try_local_filesystem", ""),
        ("url", ";".join(known.urls)),
        ("pubkey", ":".join(f"<BUILTIN-{key}.pub>" for key in known.keys)),
    ]
    if known.external_urls:
        options.append(("external_url", ";".join(known.external_urls)))
    return Entry(name, wildcard, options=tuple(options), hidden=True)


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

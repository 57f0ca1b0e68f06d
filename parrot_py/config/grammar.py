r"""The text of ``-r`` and ``PARROT_CVMFS_REPO``, taken apart.

::

    text    := entry (blank entry)*
    entry   := ['*'] name ['/' subpath] [':' options]
    options := option (',' option)*
    option  := key ['=' value]

Two layers of ``\`` escapes, as in the original: the first is consumed when the text is split into entries and makes
the next character literal for that layer (a blank, ``*``, ``/``, ``:``); the second when options are split, so a
comma inside a value is written ``\\,``.  An unescaped ``*`` in the options of a wildcard entry stands for the front
part that the ``*`` of the name matched; here it has become :data:`FRONT`, a character that no text contains.
"""

from __future__ import annotations

from typing import NamedTuple

from parrot_py import codes
from parrot_py.errors import ConfigError

DEFAULTS = "<default-repositories>"
FRONT = "\0"


class Entry(NamedTuple):
    """One entry: whom it is about and its options in the order written (flags have an empty value).

    ``name`` is the whole name, or with ``wildcard`` the end of it.  A ``hidden`` entry is not listed in /cvmfs.
    """

    name: str
    wildcard: bool = False
    subpath: str = ""
    options: tuple[tuple[str, str], ...] = ()
    hidden: bool = False

    def front(self, name: str) -> str | None:
        """The part of *name* that stands for the ``*`` (``""`` without wildcard); None if the entry does not match."""
        if not self.wildcard:
            return "" if name == self.name else None
        if len(name) > len(self.name) and name.endswith(self.name):
            return name[: len(name) - len(self.name)]
        return None

    def __str__(self) -> str:
        return ("*" if self.wildcard else "") + self.name


def entries(text: str) -> list[Entry]:
    """All entries of *text*, in order; ``<default-repositories>`` stays an entry of that name.

    Raises ConfigError, naming the entry, for an empty or impossible repository name and a trailing backslash.
    """
    if FRONT in text:
        raise ConfigError(f"a NUL character in the repository list {text!r}", codes.BAD_LIST)
    return [_entry(word) for word in _words(text)]


# A character and whether it may have a special meaning, i.e. was not escaped.
_Char = tuple[str, bool]


def _words(text: str) -> list[list[_Char]]:
    """Split at unescaped blanks and consume the first layer of escapes."""
    words: list[list[_Char]] = [[]]
    characters = iter(text)
    for char in characters:
        if char.isspace():
            words.append([])
        elif char == "\\":
            escaped = next(characters, None)
            if escaped is None:
                raise ConfigError(f"the repository list ends in a lone backslash: {text!r}", codes.BAD_LIST)
            words[-1].append((escaped, False))
        else:
            words[-1].append((char, True))
    return [word for word in words if word]


def _entry(word: list[_Char]) -> Entry:
    wildcard = word[0] == ("*", True)
    head, _, tail = _partition(word[1:] if wildcard else word, ":")
    name, _, subpath = _partition(head, "/")
    text = _plain(name)
    if not wildcard and _plain(head) == DEFAULTS:
        return Entry(DEFAULTS, options=options(_mark_front(tail)))
    # The name becomes one component of a path below /cvmfs, and the end of a name may be empty for a lone '*'.
    if not (text or wildcard) or text in (".", "..") or "/" in text:
        raise ConfigError(f"no repository can have the name {text!r} (in {_plain(word)!r})", codes.BAD_LIST)
    return Entry(text, wildcard, _subpath(_plain(subpath)), options(_mark_front(tail) if wildcard else _plain(tail)))


def options(text: str) -> tuple[tuple[str, str], ...]:
    r"""Split ``a=b,c,d=e\,f`` into pairs of key and value; blank parts are skipped, ``\`` makes a comma literal."""
    parts = [""]
    characters = iter(text)
    for char in characters:
        if char == ",":
            parts.append("")
        else:
            parts[-1] += next(characters, "\\") if char == "\\" else char
    pairs = (part.partition("=") for part in parts if part.strip())
    return tuple((key.strip(), value.strip()) for key, _, value in pairs)


def _partition(word: list[_Char], separator: str) -> tuple[list[_Char], bool, list[_Char]]:
    """``str.partition`` at the first unescaped *separator*."""
    if (separator, True) not in word:
        return word, False, []
    at = word.index((separator, True))
    return word[:at], True, word[at + 1 :]


def _plain(word: list[_Char]) -> str:
    return "".join(char for char, _ in word)


def _mark_front(word: list[_Char]) -> str:
    return "".join(FRONT if item == ("*", True) else item[0] for item in word)


def _subpath(text: str) -> str:
    """The subpath as ``/a/b``, or ``""``.  Raises ConfigError for one that climbs out."""
    parts = [part for part in text.split("/") if part not in ("", ".")]
    if ".." in parts:
        raise ConfigError(f"the path below a repository must not contain '..': {text!r}", codes.BAD_LIST)
    return "".join(f"/{part}" for part in parts)

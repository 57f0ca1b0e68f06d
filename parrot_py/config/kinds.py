"""How the values of parameters are written: one parser for each kind of value.

A parser takes the text and a :class:`Where`; it raises ConfigError, naming the place and the text, for what it does not
understand.  Spellings are those of the real client; times may carry a unit (``30s``, ``5m``) besides.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from parrot_py import codes
from parrot_py.config import proxies, values
from parrot_py.errors import ConfigError

_SCHEMES = ("http://", "https://", "file://")
_HASH_SUFFIXES = ("", "-rmd160", "-shake128")
_DATE = re.compile(r"(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)Z", re.ASCII)
_MAP_LIMIT = 16 << 20
_ON, _OFF = ("yes", "on", "1", "true"), ("no", "off", "0", "false")
_VISIBLE = {"rootonly": "rootonly", "never": "never", "always": "always"}


class Where(NamedTuple):
    """Where a value stood (``what``, for messages), and what its text is relative to.

    Relative file names are taken from ``directory`` (``""``: it is gone); ``auto`` proxies ask ``environ`` first.
    """

    what: str
    directory: str = ""
    environ: Mapping[str, str] = {}


class Kind(NamedTuple):
    """A way to write a value: its name and form for the documentation, and its parser."""

    name: str
    parse: Callable[[str, Where], Any]


def truth(text: str) -> bool | None:
    """What *text* means as a boolean: yes/on/1/true, no/off/0/false in any case; anything else is neither."""
    lowered = text.lower()
    return True if lowered in _ON else False if lowered in _OFF else None


def _flag(text: str, where: Where) -> bool:
    found = truth(text)
    if found is None:
        raise ConfigError(f"{where.what}: neither yes nor no: {text!r}", codes.BAD_VALUE)
    return found


def _text(text: str, where: Where) -> str:  # noqa: ARG001 - the signature of a parser, here and below
    return text


def _seconds(text: str, where: Where) -> float:
    return values.seconds(text, where.what)


def _pause(text: str, where: Where) -> float:
    """Seconds, where zero has a meaning of its own."""
    return 0.0 if text.strip("0") in ("", ".") and text not in ("", ".") else values.seconds(text, where.what)


def _minutes(text: str, where: Where) -> float:
    return _count(text, where) * 60.0


def _count(text: str, where: Where) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= values.LONGEST_NUMBER):
        raise ConfigError(f"{where.what}: not a number: {text!r}", codes.BAD_VALUE)
    return int(text)


def _megabytes(text: str, where: Where) -> int | None:
    """Bytes, or None for no limit (a negative number)."""
    if text[:1] == "-" and text[1:].isascii() and text[1:].isdigit():
        return None
    return _count(text, where) << 20


def _servers(text: str, where: Where) -> tuple[str, ...]:
    urls = []
    for part in filter(None, map(str.strip, text.split(";"))):
        scheme = next((known for known in _SCHEMES if part.lower().startswith(known)), None)
        if scheme is None or len(part) == len(scheme) or any(char.isspace() or char < " " for char in part):
            raise ConfigError(f"{where.what}: not an http, https or file URL: {part!r}", codes.BAD_VALUE)
        urls.append(scheme + part[len(scheme) :])
    return tuple(dict.fromkeys(urls))


def _scripts(text: str, where: Where) -> tuple[str, ...]:
    """URLs of proxy auto-configuration files; ``auto`` is the one that every site may have."""
    parts = (part.strip() for part in text.split(";"))
    return _servers(";".join("http://wpad/wpad.dat" if part.lower() == "auto" else part for part in parts), where)


def _proxies(text: str, where: Where) -> proxies.Groups:
    found = proxies.parse(text, where.what, where.environ)
    return found.groups if found else ()


def _file(text: str, where: Where) -> Path:
    return values.absolute(text, where.what, where.directory)


def _files(text: str, where: Where) -> tuple[Path, ...]:
    return tuple(_file(part, where) for part in text.split(":") if part)


def _words(text: str, where: Where) -> tuple[str, ...]:  # noqa: ARG001
    return tuple(dict.fromkeys(part for part in re.split(r"[\s,:]+", text) if part))


def _groups(text: str, where: Where) -> tuple[int, ...]:
    return tuple(_count(word, where) for word in _words(text, where))


def _hash(text: str, where: Where) -> str:
    digits, dash, algorithm = text.partition("-")
    if len(digits) != 40 or set(digits) - set("0123456789abcdef") or dash + algorithm not in _HASH_SUFFIXES:
        form = "40 hexadecimal digits, perhaps -rmd160 or -shake128"
        raise ConfigError(f"{where.what}: not a hash: {text!r} ({form})", codes.BAD_VALUE)
    return text


def _date(text: str, where: Where) -> int:
    """Seconds since the epoch of ``YYYY-MM-DDTHH:MM:SSZ``, which is the only spelling."""
    match = _DATE.fullmatch(text)
    try:
        if match:
            # Imported here: nobody else needs it before the job starts.
            from datetime import datetime, timezone

            year, month, day, hour, minute, second = map(int, match.groups())
            return int(datetime(year, month, day, hour, minute, second, tzinfo=timezone.utc).timestamp())
    except ValueError:
        pass  # a day or an hour that does not exist
    raise ConfigError(f"{where.what}: not a date: {text!r} (write 2024-12-31T23:59:59Z)", codes.BAD_VALUE)


def _owners(text: str, where: Where) -> tuple[tuple[int | None, int], ...]:
    """The pairs of an owner map file: lines ``from to``, ``*`` for all others, ``#`` comments."""
    path = _file(text, where)
    try:
        with open(
            os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK), encoding="utf-8", errors="replace"
        ) as file:
            lines = file.read(_MAP_LIMIT).splitlines()
    except OSError as error:
        raise ConfigError(
            f"{where.what}: cannot read the owner map {str(path)!r}: {error.strerror}", codes.CONFIG_FILE
        ) from error
    pairs: list[tuple[int | None, int]] = []
    for number, line in enumerate(lines, 1):
        words = line.partition("#")[0].split()
        if not words:
            continue
        inner = Where(f"{path}:{number}")
        if len(words) != 2:
            raise ConfigError(f"{inner.what}: not a line 'FROM TO': {line!r}", codes.BAD_VALUE)
        pairs.append((None if words[0] == "*" else _count(words[0], inner), _count(words[1], inner)))
    return tuple(pairs)


def _headers(text: str, where: Where) -> tuple[tuple[str, str], ...]:
    """``key:value|key:value``, keys of letters, digits, ``-`` and ``_``, at most 1000 characters in all."""
    if len(text) > 1000:
        raise ConfigError(f"{where.what}: longer than 1000 characters", codes.BAD_VALUE)
    pairs = [part.partition(":") for part in text.split("|") if part.strip()]
    for key, colon, value in pairs:
        if not colon or not re.fullmatch(r"[A-Za-z0-9_-]+", key.strip()) or not value.isprintable():
            raise ConfigError(f"{where.what}: not a list key:value|key:value: {text!r}", codes.BAD_VALUE)
    return tuple((key.strip(), value.strip()) for key, _, value in pairs)


def _family(text: str, where: Where) -> int:
    if text not in ("4", "6"):
        raise ConfigError(f"{where.what}: not an IP family: {text!r} (write 4 or 6)", codes.BAD_VALUE)
    return int(text)


def _visibility(text: str, where: Where) -> str:
    if text not in _VISIBLE:
        raise ConfigError(f"{where.what}: not one of {', '.join(_VISIBLE)}: {text!r}", codes.BAD_VALUE)
    return text


TEXT = Kind("text", _text)
FLAG = Kind("yes/no", _flag)
SECONDS = Kind("seconds", _seconds)
PAUSE = Kind("seconds, or 0", _pause)
MINUTES = Kind("minutes", _minutes)
COUNT = Kind("number", _count)
MEGABYTES = Kind("MB", _megabytes)
SERVERS = Kind("URLs, `;`", _servers)
SCRIPTS = Kind("URLs, `;`, or auto", _scripts)
PROXIES = Kind("proxies", _proxies)
FILE = Kind("path", _file)
FILES = Kind("paths, `:`", _files)
WORDS = Kind("names, `,`", _words)
GROUPS = Kind("gids, `,`", _groups)
HASH = Kind("hash", _hash)
DATE = Kind("date", _date)
OWNERS = Kind("map file", _owners)
HEADERS = Kind("k:v\\|k:v", _headers)
FAMILY = Kind("4 or 6", _family)
VISIBILITY = Kind("rootonly, never, always", _visibility)

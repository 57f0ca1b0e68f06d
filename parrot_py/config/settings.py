"""Parameters that were set: the value, who set it, and what is done about a mistake in it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from parrot_py import codes
from parrot_py.errors import ConfigError

BUILT_IN, COMMON, SPECIFIC, USER, ENTRY = range(5)
"""Who set a parameter, lowest first: the built-in list, files about all repositories, files about a domain or a
repository, options of the run, the entry of ``-r``."""

OPTION = "--cvmfs-option"

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
_TEMPLATE = re.compile(r"@([A-Za-z_][A-Za-z0-9_]*)@", re.ASCII)


class Setting(NamedTuple):
    """One value of one parameter.

    ``origin`` tells people where it comes from, ``what`` names place and parameter in messages.  A mistake in a
    ``strict`` one is a ConfigError; in others, which the user did not write, it is a warning, and the default counts.
    """

    value: str
    origin: str
    what: str
    rank: int
    strict: bool = True


Settings = dict[str, Setting]


def merged(layers: Iterable[Mapping[str, Setting]]) -> Settings:
    """All *layers* in one; of equal names the last one counts."""
    result: Settings = {}
    for layer in layers:
        result.update(layer)
    return result


def expanded(settings: Mapping[str, Setting], fqrn: str) -> Settings:
    """*settings* with ``@fqrn@``, ``@org@`` and ``@NAME@`` of every parameter that is set replaced in all values."""
    names = {name: setting.value for name, setting in settings.items()}
    names.update(fqrn=fqrn, org=fqrn.partition(".")[0])
    return {name: setting._replace(value=fill(setting.value, names)) for name, setting in settings.items()}


def fill(text: str, names: Mapping[str, str]) -> str:
    """*text* with each ``@name@`` of *names* replaced, once; others stay as they are."""
    return _TEMPLATE.sub(lambda match: names.get(match[1], match[0]), text) if "@" in text else text


def is_name(text: str) -> bool:
    """Whether *text* can be the name of a parameter."""
    return bool(_NAME.fullmatch(text))


def of_options(texts: Iterable[str]) -> Settings:
    """The parameters of ``--cvmfs-option NAME=VALUE``, split at the first ``=``.  Raises ConfigError."""
    settings: Settings = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or not is_name(name):
            raise ConfigError(f"{OPTION}: not a parameter: {text!r} (write CVMFS_NAME=VALUE)", codes.BAD_VALUE)
        settings[name] = Setting(value, OPTION, f"{OPTION}: {name}", USER)
    return settings

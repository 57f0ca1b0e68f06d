"""What options of the run set: ``PARROT_CVMFS_CONFIG``, option files, ``--cvmfs-option``; the later ones win."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from parrot_py import codes
from parrot_py.config import grammar, settings
from parrot_py.config.files import LocalFiles
from parrot_py.config.settings import USER, Setting, Settings
from parrot_py.errors import ConfigError

if TYPE_CHECKING:
    from parrot_py.config.shell import Script
    from parrot_py.config.shell.conditions import Files

_LEGACY = {
    "cache_directory": "CVMFS_CACHE_DIR",
    "cachedir": "CVMFS_CACHE_DIR",
    "alien_cachedir": "CVMFS_ALIEN_CACHE",
    "lock_directory": "CVMFS_WORKSPACE",
    "nofiles": "CVMFS_NFILES",
    "max_open_files": "CVMFS_NFILES",
    "log_prefix": "CVMFS_SYSLOG_PREFIX",
    "log_file": "CVMFS_USYSLOG",
    "logfile": "CVMFS_USYSLOG",
    "log_syslog_level": "CVMFS_SYSLOG_LEVEL",
    "syslog_level": "CVMFS_SYSLOG_LEVEL",
    "quota_limit": "CVMFS_QUOTA_LIMIT",
}
_NOTHING = ("alien_cache", "change_to_cache_directory", "quota_threshold", "rebuild_cachedb")
_NAMED = re.compile(r"\s*(?:(?:readonly|export|eval)\s+)?([A-Za-z_][A-Za-z0-9_]*)\+?=", re.ASCII)


def names(text: str) -> list[str]:
    """The parameters that a configuration file with this *text* may set: those with a line ``NAME=…`` of their own.

    That is the rule of the real client, whatever else the file does.
    """
    found = (_NAMED.match(line.partition("#")[0]) for line in text.splitlines())
    return list(dict.fromkeys(match[1] for match in found if match))


def evaluate(
    path: str, environ: Mapping[str, str], files: Files, rank: int, warnings: list[str], scripts: dict[str, Script]
) -> Settings:
    """The parameters that the file at *path* sets, run in *environ*.  Raises OSError if it cannot be read.

    Values are those after the whole file, with blanks collapsed, as ``echo $NAME`` shows them.
    """
    # Nobody who has no such files pays for the interpreter.
    from parrot_py.config.shell import Shell

    listed = names(files.read(path).decode("utf-8", "surrogateescape"))
    values = Shell(files, warnings.append, scripts).run(path, environ)
    result: Settings = {}
    for name in listed:
        value = values.get(name)
        if value is not None:
            origin = f"{value.path}:{value.line}"
            result[name] = Setting(" ".join(value.text.split()), origin, f"{origin}: {name}", rank, strict=rank >= USER)
    return result


class UserOptions:
    """All that the options of a run say about parameters.  Thread-safe."""

    def __init__(self, legacy: tuple[str, str] | None, files: Sequence[Path], options: Sequence[str]) -> None:
        """*legacy* is the place and the text of a global option string; *options* are ``NAME=VALUE``.

        Raises ConfigError for what is not understood, and for files that cannot be read.
        """
        self._files = [str(path) for path in files]
        self.has_files = bool(files)
        self._scripts: dict[str, Script] = {}
        self.remarks: list[str] = []
        self._legacy = of_legacy(*legacy, self.remarks) if legacy else {}
        self._options = settings.of_options(options)
        self.settings({})

    def settings(self, environ: Mapping[str, str]) -> Settings:
        """The parameters, where files begin with the variables *environ*.  Raises ConfigError."""
        found = dict(self._legacy)
        for path in self._files:
            known = {**environ, **{name: setting.value for name, setting in found.items()}}
            warnings: list[str] = []
            try:
                found.update(evaluate(path, known, LocalFiles(), USER, warnings, self._scripts))
            except OSError as error:
                raise ConfigError(
                    f"cannot read the option file {path!r}: {error.strerror}", codes.CONFIG_FILE
                ) from error
            if self._scripts[path].error is not None:
                raise ConfigError(warnings[-1], codes.CONFIG_SCRIPT)
            self.remarks += [line for line in warnings if line not in self.remarks]
        return {**found, **self._options}


def of_legacy(place: str, text: str, remarks: list[str]) -> Settings:
    """The parameters that the global options of libcvmfs, ``key=value,flag``, stand for.

    ``alien_cache`` makes the cache directory an alien cache.  What is not known leaves a remark, as in the original's
    days when every version knew others.
    """
    options = dict(grammar.options(text))
    result: Settings = {}
    for key, value in options.items():
        name = _LEGACY.get(key)
        if name is None or not value:
            remarks.append(f"{place}: {key!r} has no effect" + ("" if key in _NOTHING or name else ": it is not known"))
        else:
            result[name] = Setting(value, place, f"{place}: {key}", USER)
    if "alien_cache" in options and "CVMFS_CACHE_DIR" in result:
        result["CVMFS_ALIEN_CACHE"] = result.pop("CVMFS_CACHE_DIR")
    if "CVMFS_ALIEN_CACHE" in result:
        # The original ignored the quota here, and an alien cache has none.
        result.pop("CVMFS_CACHE_DIR", None)
        result.pop("CVMFS_QUOTA_LIMIT", None)
    return result

"""Reading of command line, environment and files; nothing else in parrot_py looks at the environment.

:func:`read` makes a :class:`RunConfig` of what a user wrote, :func:`parrot_py.config.directories.prepare` makes the
directories that it names, and everything below gets only frozen values.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from parrot_py import __version__, carried, codes
from parrot_py.codes import tagged
from parrot_py.config import command_line, directories, environment, inner, pretences, proxies, repositories, values
from parrot_py.config.command_line import REPORT, Given
from parrot_py.config.model import Message, Mount, RunConfig
from parrot_py.config.pretences import Pretences
from parrot_py.config.repositories import RepositoryTable
from parrot_py.config.sources import ETC, Base, Sources
from parrot_py.errors import ConfigError

if TYPE_CHECKING:
    from parrot_py.config.option_files import UserOptions
    from parrot_py.config.report import Request

__all__ = ["ETC", "Message", "Mount", "RepositoryTable", "RunConfig", "read"]

ENABLED = "PARROT_ENABLED"
"""The variable that tells a job, by the value ``TRUE``, where it runs."""

DRIVERS = ("local", "cvmfs", "fsspec", "grow", "http", "https")
"""What ``--check-driver`` answers yes to."""


def read(
    argv: Sequence[str], environ: Mapping[str, str], entries: Sequence[bytes] | None = None
) -> RunConfig | Message:
    """What the user asked for with *argv* (without the program's name) in *environ*: a run, or just a message.

    *entries* is the same environment as it was passed, for the job, when it is more than a mapping can tell.
    Looks at the files that the configuration names; changes nothing.  The command line wins over the environment.
    Raises ConfigError: one line that names the offending text.
    """
    given = command_line.parse(argv, environ)
    message = _message(given, environ)
    if message:
        return message
    if not given.command and REPORT not in given.values and "doctor" not in given.values:
        from parrot_py.config.help import text

        return Message(f"{text()}\nparrot_run: {tagged('no command was given', codes.NO_COMMAND)}\n", 1)
    return _run(given, environ, environment.of_mapping(environ) if entries is None else entries)


def _message(given: Given, environ: Mapping[str, str]) -> Message | None:
    if "help" in given.values or "help-all" in given.values:
        # The help text is needed here only, and costs time to put together.
        from parrot_py.config import help as texts

        return Message(texts.everything() if "help-all" in given.values else texts.text(), 0)
    if "version" in given.values:
        return Message(f"parrot_run (parrot_py) {__version__}\n", 0)
    if "is-running" in given.values:
        # The engine is needed here only, and costs time to load.
        from parrot_py.joining import inside

        found = inside(environ)
        return Message(f"parrot_run (parrot_py) {__version__}\n" if found else "", 0 if found else 1)
    driver = given.last("check-driver")
    if driver is not None:
        enabled = driver in DRIVERS
        return Message(f"{driver} is {'' if enabled else 'not '}enabled\n", 0 if enabled else 1)
    return None


def _run(given: Given, environ: Mapping[str, str], entries: Sequence[bytes]) -> RunConfig:
    tempdir = directories.tempdir(given.last("tempdir"), environ)
    shared, cache_dir = _cache_dir(given, environ, tempdir)
    timeout = _timeout(given, environ)
    early, late = proxies.discover(given.last("proxy"), environ)
    base = Base(
        cache_dir=cache_dir,
        proxy=early,
        deadline=timeout,
        uid=os.getuid(),
        gid=os.getgid(),
        environ=dict(environ),
        directory=values.current_directory(),
        shared_cache=shared,
        placed=bool(given.last("tempdir") or environ.get("PARROT_TEMP_DIR")),
        late_proxy=late,
        caller_variables=_caller_variables(given, environ),
        etc=values.absolute(environ.get("PARROT_CVMFS_ETC") or str(carried.site or ETC), "PARROT_CVMFS_ETC"),
        tempdir=tempdir,
    )
    wishes = pretences.read(given, environ)
    user = _user_options(given, environ, wishes)
    sources = Sources(base, user)
    table = _table(given, environ, sources)
    flags = _debug_flags(given, environ)
    return RunConfig(
        own_options=inner.options(given),
        own_repositories=inner.repositories(given),
        elsewhere=directories.elsewhere(environ),
        command=given.command,
        environ=environment.with_variable(entries, ENABLED.encode(), b"TRUE"),
        repositories=table,
        tempdir=tempdir,
        cache_dir=cache_dir,
        shared_cache=shared,
        mounts=_mounts(given, environ),
        dynamic_mounts="dynamic-mounts" in given.values,
        disabled=frozenset(given.values.get("disable-service", ())),
        checksums=_checksums(given),
        root_checksum=_root_checksum(given, environ),
        work_dir=_file(given, "work-dir"),
        timeout=timeout,
        record_access=_file(given, "record-access"),
        prefetch=_prefetch(given, environ),
        use_seccomp="no-seccomp" not in given.values,
        stats="stats" in given.values,
        stats_file=_file(given, "stats-file"),
        syscall_table="syscall-table" in given.values,
        status_file=_file(given, "status-file"),
        env_list=_file(given, "env-list"),
        name_list=_file(given, "name-list"),
        old_status="old-exit-status" in given.values,
        doctor="doctor" in given.values,
        debug_flags=flags,
        debug_file=_debug_file(given, bool(flags - values.ALWAYS_LOGGED)),
        debug_rotate=values.size(given.last("debug-rotate-max") or "0", "-O"),
        remarks=given.remarks + tuple(user.remarks if user else ()) + tuple(table.remarks),
        warnings=(
            *(found.warning for found in (early, late) if found and found.warning),
            *table.warnings,
            *given.absent,
        ),
        pretences=wishes,
        report=_report(given, environ, sources) if REPORT in given.values else None,
    )


def _report(given: Given, environ: Mapping[str, str], sources: Sources) -> Request:
    """What ``--print-config`` wants to know.  Raises ConfigError."""
    from parrot_py.config.report import Request

    names = [name for name in (given.last(REPORT), *given.command) if name]
    if len(names) > 1:
        raise ConfigError(f"--{REPORT}: one repository at a time: {' '.join(names)}", codes.BAD_NAME)
    base = sources.base
    own = (
        ("PARROT_TEMP_DIR", str(base.tempdir), _origin(given, environ, "tempdir", "PARROT_TEMP_DIR")),
        ("PARROT_TIMEOUT", f"{base.deadline:g}", _origin(given, environ, "timeout", "PARROT_TIMEOUT")),
        (
            "PARROT_CVMFS_REPO",
            _repositories(given, environ),
            _origin(given, environ, "cvmfs-repos", "PARROT_CVMFS_REPO"),
        ),
        ("PARROT_CVMFS_ETC", str(base.etc), _origin(given, environ, "", "PARROT_CVMFS_ETC")),
    )
    return Request(names[0] if names else "", own, sources)


def _repositories(given: Given, environ: Mapping[str, str]) -> str:
    return " ".join(given.values.get("cvmfs-repos", ())) or environ.get("PARROT_CVMFS_REPO", "<default-repositories>")


def _origin(given: Given, environ: Mapping[str, str], key: str, variable: str) -> str:
    """Who gave the option *key*, which has the *variable*."""
    if key in given.values:
        return f"--{key}"
    return f"environment {variable}" if environ.get(variable) else "built-in"


def _user_options(given: Given, environ: Mapping[str, str], wishes: Pretences) -> UserOptions | None:
    """What the options of the run say about parameters; None when they say nothing."""
    options = ((pretences.NO_UPDATE,) if wishes.whole_session else ()) + given.values.get("cvmfs-option", ())
    files = [values.absolute(text, "--cvmfs-option-file") for text in given.values.get("cvmfs-option-file", ())]
    named = environ.get("PARROT_CVMFS_OPTION_FILE")
    if named and not files:
        files = [values.absolute(named, "PARROT_CVMFS_OPTION_FILE")]
    legacy = given.last("cvmfs-config")
    told = (
        ("--cvmfs-config", legacy)
        if legacy is not None
        else ("PARROT_CVMFS_CONFIG", environ.get("PARROT_CVMFS_CONFIG", ""))
    )
    if not (options or files or told[1]):
        return None
    # Only who uses parameters pays for the modules that know them.
    from parrot_py.config.option_files import UserOptions

    return UserOptions(told if told[1] else None, files, options)


def _table(given: Given, environ: Mapping[str, str], sources: Sources) -> RepositoryTable:
    if "cvmfs-repos" in given.values:
        return repositories.table(" ".join(given.values["cvmfs-repos"]), sources, "-r")
    return repositories.table(environ.get("PARROT_CVMFS_REPO"), sources, "PARROT_CVMFS_REPO")


def _caller_variables(given: Given, environ: Mapping[str, str]) -> bool:
    chosen = environ.get("PARROT_LINK_ENVIRONMENT", "")
    if chosen not in ("", "job"):
        raise ConfigError(f"PARROT_LINK_ENVIRONMENT: not a choice: {chosen!r} (write job, or nothing)", codes.BAD_VALUE)
    return bool(chosen) or "link-environment" in given.values


def _cache_dir(given: Given, environ: Mapping[str, str], tempdir: Path) -> tuple[bool, Path]:
    """Whether the cache was chosen explicitly, and where it is."""
    option = given.last("cvmfs-alien-cache")
    if option is not None:
        return True, values.absolute(option, "--cvmfs-alien-cache")
    named = environ.get("PARROT_CVMFS_ALIEN_CACHE")
    if named:
        return True, values.absolute(named, "PARROT_CVMFS_ALIEN_CACHE")
    return False, tempdir / "cvmfs"


def _timeout(given: Given, environ: Mapping[str, str]) -> float:
    option = given.last("timeout")
    if option is not None:
        return values.seconds(option, "-T")
    named = environ.get("PARROT_TIMEOUT")
    default: float = RunConfig._field_defaults["timeout"]
    return values.seconds(named, "PARROT_TIMEOUT") if named else default


def _mounts(given: Given, environ: Mapping[str, str]) -> tuple[Mount, ...]:
    """The table of mounts: what the environment says, then the options in their order; a later one counts more."""
    named = [("tab-file", "PARROT_MOUNT_FILE"), ("mount", "PARROT_MOUNT_STRING")]
    wanted = [(key, environ[variable], variable) for key, variable in named if environ.get(variable)]
    options = {"tab-file": "-m", "mount": "-M"}
    wanted += [(key, text, options[key]) for key, text in given.sequence if key in options]
    if not wanted:
        return ()
    from parrot_py.config import mountlist

    mounts: list[Mount] = []
    for key, text, what in wanted:
        if key == "mount":
            mounts.append(mountlist.redirection(text, what))
        else:
            mounts += mountlist.read(values.absolute(text, what), what)
    return tuple(mounts)


def _checksums(given: Given) -> bool:
    """Whether files of GROW-FS are compared with their checksums: the last word counts, and a root checksum is one."""
    says = {"no-checksums": False, "with-checksums": True, "root-checksum": True}
    return next((says[key] for key, _ in reversed(given.sequence) if key in says), True)


def _root_checksum(given: Given, environ: Mapping[str, str]) -> str | None:
    option = given.last("root-checksum")
    text, what = (option, "-R") if option is not None else (environ.get("PARROT_GROW_CHECKSUM"), "PARROT_GROW_CHECKSUM")
    if not text:
        return None
    if len(text) != 40 or not set(text.lower()) <= set("0123456789abcdef"):
        raise ConfigError(f"{what}: not a SHA-1 in hexadecimal: {text!r}", codes.BAD_VALUE)
    return text.lower()


def _file(given: Given, key: str) -> Path | None:
    """The file that the option *key* names."""
    option = given.last(key)
    return None if option is None else values.absolute(option, f"--{key}")


def _prefetch(given: Given, environ: Mapping[str, str]) -> tuple[Path, ...]:
    """The lists that the command line names; without any, those of the variable, which stand between colons."""
    options = given.values.get("prefetch")
    if options is not None:
        return tuple(values.absolute(text, "--prefetch") for text in options)
    named = environ.get("PARROT_PREFETCH", "")
    return tuple(values.absolute(text, "PARROT_PREFETCH") for text in named.split(":") if text)


def _debug_flags(given: Given, environ: Mapping[str, str]) -> frozenset[str]:
    options = given.values.get("debug")
    if options is not None:
        return values.debug_flags(list(options), "-d")
    return values.debug_flags([environ.get("PARROT_DEBUG_FLAGS", "")], "PARROT_DEBUG_FLAGS")


def _debug_file(given: Given, debugging: bool) -> str | None:
    option = given.last("debug-file")
    if option is None:
        return ":stderr" if debugging else None
    return option if option in (":stderr", ":stdout") else str(values.absolute(option, "-o"))

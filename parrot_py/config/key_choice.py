"""Which master keys and blacklists a repository is verified with."""

from __future__ import annotations

from pathlib import Path

from parrot_py import codes
from parrot_py.config import domains, values
from parrot_py.config.effective import Builder
from parrot_py.config.settings import BUILT_IN, COMMON, USER, Setting
from parrot_py.errors import ConfigError

KEY, DIRECTORY, BLACKLIST = "CVMFS_PUBLIC_KEY", "CVMFS_KEYS_DIR", "CVMFS_BLACKLIST"


def choose(builder: Builder) -> None:
    """Set ``public_keys`` and ``blacklists``.  Raises ConfigError for a repository with servers and no key."""
    builder.put("blacklists", _blacklists(builder))
    if not builder.fields.get("urls"):
        return
    keys = _keys(builder)
    if not keys:
        where = builder.settings["CVMFS_SERVER_URL"].what.rpartition(": ")[0]
        raise ConfigError(
            f"{where}: there is no built-in master key for {builder.fqrn!r}: add pubkey=FILE", codes.NO_KEY
        )
    builder.put("public_keys", keys)
    builder.sources[KEY] = (":".join(map(str, keys)), _origin(builder, keys))


def _origin(builder: Builder, keys: tuple[Path, ...]) -> str:
    if all(path.parent in (domains.DATA, domains.DEMO) for path in keys) and builder.rank(KEY) < 0:
        return "built-in list"
    if builder.rank(KEY) < 0 and builder.rank(DIRECTORY) < 0:
        return str(builder.base.etc / "keys")
    return builder.origin(KEY, DIRECTORY) if builder.rank(KEY) >= builder.rank(DIRECTORY) else builder.origin(DIRECTORY)


def _keys(builder: Builder) -> tuple[Path, ...]:
    listed, directory = builder.rank(KEY), builder.rank(DIRECTORY)
    if listed >= 0 and not directory >= USER > listed:
        return _listed(builder, builder.settings[KEY])
    known = _built_in(builder)
    if directory < 0:
        # The site's own directory is for what nothing is known about.
        return known or _in_directory(builder, builder.base.etc / "keys")
    path = values.absolute(builder.text(DIRECTORY), builder.settings[DIRECTORY].what, builder.base.directory)
    found = _in_directory(builder, path)
    # A directory for all repositories need not hold the keys of a domain that only the built-in list knows.
    if builder.rank("CVMFS_SERVER_URL") == BUILT_IN and directory <= COMMON:
        return tuple(dict.fromkeys(known + found))
    return found or known


def _built_in(builder: Builder) -> tuple[Path, ...]:
    known = domains.known(builder.fqrn)
    return tuple(domains.DATA / f"{key}.pub" for key in known.keys) if known else ()


def _listed(builder: Builder, setting: Setting) -> tuple[Path, ...]:
    return tuple(_key(builder, part, setting.what) for part in setting.value.split(":") if part)


def _key(builder: Builder, text: str, what: str) -> Path:
    if not text.startswith("<"):
        return _local(builder, values.absolute(text, what, builder.base.directory), what)
    name = text[len("<BUILTIN-") : -len(".pub>")] if text.startswith("<BUILTIN-") and text.endswith(".pub>") else ""
    path = domains.key_file(name)
    if path is None:
        raise ConfigError(f"{what}: there is no built-in key {text!r}", codes.NO_KEY)
    return path


def _in_directory(builder: Builder, path: Path) -> tuple[Path, ...]:
    return tuple(builder.files.local(Path(each)) for each in builder.files.glob(f"{path}/*.pub"))


def _blacklists(builder: Builder) -> tuple[Path, ...]:
    named = builder.get(BLACKLIST)
    usual = builder.base.etc / "blacklist"
    found: tuple[Path, ...] = (usual,) if usual.is_file() else ()
    if named is not None:
        found = (_local(builder, named, builder.settings[BLACKLIST].what),)
    extra = builder.extra_blacklist
    return (*found, _local(builder, Path(extra), "blacklist")) if extra else found


def _local(builder: Builder, path: Path, what: str) -> Path:
    """*path*, or a copy of it where it lies in the configuration repository."""
    try:
        return builder.files.local(path)
    except OSError as error:
        raise ConfigError(f"{what}: cannot read {str(path)!r}: {error.strerror}", codes.NO_KEY) from error

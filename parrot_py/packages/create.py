"""The command ``parrot_package_create``: a package from what ``parrot_run -n -e`` wrote down."""

from __future__ import annotations

import argparse
import os
import signal
import stat
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from parrot_py import caller, codes, joining, log, sessiondir
from parrot_py.codes import Code, tagged
from parrot_py.config import directories, single
from parrot_py.errors import ConfigError, ParrotError
from parrot_py.namelist import Environment, Wanted, parse_environment, parse_names
from parrot_py.packages import ENVIRONMENT, SERVICES, archive, shown
from parrot_py.packages.arguments import parser
from parrot_py.packages.packer import Packer
from parrot_py.packages.source import Source
from parrot_py.stdout import tells

DONE, INCOMPLETE, INTERRUPTED = 0, 1, 130


class _Job(NamedTuple):
    names: list[Wanted]
    environment: bytes
    told: Environment


@tells("parrot_package_create", INCOMPLETE)
def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; answers its exit status."""
    words: list[str] = []
    if argv is None:
        caller.hold_standard_descriptors()
        os.umask(os.umask(0o077) & 0o077)  # as parrot_run: what the owner may do is not masked
        signal.signal(signal.SIGTERM, signal.default_int_handler)  # what is half made goes away
    arguments = parser(words).parse_args(argv)
    try:
        return _create(arguments, words)
    except (ParrotError, OSError) as error:
        about = f"{error.strerror}: {shown(str(error.filename))}" if isinstance(error, OSError) else str(error)
        _say(about, codes.LOCAL_FILE if isinstance(error, OSError) else error.code)
        return INCOMPLETE
    except KeyboardInterrupt:
        return INTERRUPTED


def _say(text: str, code: Code) -> None:
    if sys.stderr is not None:  # Python's view of a closed descriptor
        sys.stderr.write(f"parrot_package_create: {tagged(text, code)}\n")


def _create(arguments: argparse.Namespace, words: Sequence[str]) -> int:
    job = _read(Path(arguments.name_list), Path(arguments.env_list))
    new_env = _inside(arguments.new_env or ENVIRONMENT)
    adds = arguments.add is not None
    path = Path(arguments.add if adds else arguments.package_path).absolute()
    if adds and not arguments.new_env:
        raise ConfigError("--add needs --new-env, a name for this environment in the package", codes.USAGE)
    if adds != os.path.lexists(path):
        raise ConfigError(f"{str(path)!r} is {'not there' if adds else 'there already'}", codes.PACKAGE)
    kind = archive.compression(path) if not path.is_dir() else None
    if adds and kind is None and not path.is_dir():
        raise ConfigError(f"{str(path)!r} is no package: neither a directory nor named as an archive", codes.PACKAGE)
    if adds and kind is None:
        return _fill(path, job, new_env, words, archived=False)
    with _scratch(path) as top:
        if adds:
            archive.unpack(path, top)
        status = _fill(top, job, new_env, words, archived=kind is not None)
        if kind is None:
            os.rename(top, path)
        else:
            new = top.with_name(f"{top.name}.new")
            try:
                archive.write(top, new, kind)
                os.replace(new, path)
            finally:
                new.unlink(missing_ok=True)
    return status


def _read(names: Path, environment: Path) -> _Job:
    try:
        wanted = parse_names(names.read_bytes(), f"--name-list: {names}")
        text = environment.read_bytes()
    except OSError as error:
        raise ConfigError(f"cannot read {str(error.filename)!r}: {error.strerror}", codes.PACKAGE_LIST) from error
    return _Job(wanted, text, parse_environment(text, f"--env-list: {environment}"))


def _inside(name: str) -> str:
    """A relative name in the package.  Raises ConfigError."""
    parts = name.split("/")
    if not all(parts) or {".", ".."} & set(parts):
        raise ConfigError(f"--new-env: not a name in the package: {name!r} (write {ENVIRONMENT}.2)", codes.USAGE)
    return name


@contextmanager
def _scratch(path: Path) -> Iterator[Path]:
    """A directory beside *path*, which gets that name in the end or goes away."""
    top = Path(tempfile.mkdtemp(prefix=f".{path.name[:200]}.", dir=path.parent))
    try:
        yield top
    finally:
        if top.exists():
            sessiondir.remove(top, closed=True)


def _fill(top: Path, job: _Job, new_env: str, words: Sequence[str], *, archived: bool) -> int:
    failed: list[bytes] = []

    def trouble(name: bytes, error: OSError) -> None:
        failed.append(name)
        _say(f"{shown(name)}: {error.strerror or error}", codes.NOT_PACKED)

    def remark(name: bytes, text: str) -> None:
        _say(f"{shown(name)}: {text}", codes.BARE_PACKED)

    source = _source(words)
    try:
        packer = Packer(source, os.fsencode(top), trouble, remark,
                        archive=archived)  # fmt: skip
        packer.prepare()
        if job.told.directory:
            packer.add(job.told.directory, full=False)
        for name, full in job.names:
            packer.add(name, full=full)
        _put_environment(top, new_env, job.environment)
        packer.finish()
    finally:
        source.close()
    if failed:
        _say(f"{len(failed)} names could not be packed", codes.NOT_PACKED)
    return INCOMPLETE if failed else DONE


def _source(words: Sequence[str]) -> Source:
    options = ["--cvmfs-option", "PARROT_VERIFY_CACHE=yes", *words]
    if joining.inside(os.environ):
        # The parrot_run around this process shows what there is, and there is no second one.
        options += ["-M", "/cvmfs=LOCAL", *(f"--disable-service={name}" for name in SERVICES)]
    config = single.run_config(options, os.environ)
    directories.prepare(config)
    log.start(config)
    return Source(config)


def _put_environment(top: Path, name: str, text: bytes) -> None:
    path = top / name
    for above in [*path.relative_to(top).parents][-2::-1]:
        with suppress(FileExistsError):
            os.mkdir(top / above, 0o755)
        if not stat.S_ISDIR(os.lstat(top / above).st_mode):
            raise ConfigError(f"--new-env: /{above} in the package is no directory: {name!r}", codes.PACKAGE)
    try:
        with path.open("xb") as file:
            file.write(text)
    except FileExistsError:
        raise ConfigError(
            f"the package has something at /{name} already: choose another --new-env", codes.PACKAGE
        ) from None
    path.chmod(0o644)

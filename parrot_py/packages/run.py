"""The command ``parrot_package_run``: a command in a package, which is the root of all names."""

from __future__ import annotations

import getopt
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from parrot_py import __version__, caller, cli, codes
from parrot_py.config import Message, RunConfig, directories, read
from parrot_py.errors import ConfigError
from parrot_py.namelist import Environment, parse_environment
from parrot_py.packages import ENVIRONMENT, MACHINE, SERVICES, archive
from parrot_py.packages.unpacked import Unpacked

_OWN = {"-p": "package-path", "-e": "env-list", "-s": "shell-type", "-h": "help", "-v": "version"}
_HANDED_ON = ("-d", "--debug", "-o", "--debug-file", "-t", "--tempdir")
_LONG = (
    "package-path=", "env-list=", "env-path=", "shell-type=", "help", "version", "debug=", "debug-file=", "tempdir=",
)  # fmt: skip
_HELP = f"""\
usage: parrot_package_run -p PACKAGE [options] [command]

Run a command in a package that parrot_package_create made.  The names are those
of the package, the environment is the recorded one.  /dev, /proc and /sys are
those of this machine; nothing else is.

  -p, --package-path PATH  the package: a directory, or an archive, which is
                           unpacked for the run
  -e, --env-list FILE      the environment (default: {ENVIRONMENT} in the package);
                           PACKAGE/NAME is one in the package, also of an
                           archive; also --env-path
  -s, --shell-type SHELL   what to run without a command (default: sh)
  -t, --tempdir DIR        session data and the unpacked archive, as parrot_run
  -d, --debug FLAG         log more, as parrot_run
  -o, --debug-file FILE    where the log goes, as parrot_run
  -v, --version            print the version and exit
  -h, --help               print this text and exit
"""


class _Asked(NamedTuple):
    values: Mapping[str, str]
    options: Sequence[str]
    command: Sequence[str]


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; the exit status is that of the job, as for parrot_run, which this is underneath."""
    unpacked = Unpacked()
    caller.program = "parrot_package_run"
    try:
        return cli.launch(lambda: _read(sys.argv[1:] if argv is None else argv, unpacked), own=unpacked)
    finally:
        unpacked.remove()


def _read(argv: Sequence[str], unpacked: Unpacked) -> RunConfig | Message:
    """What parrot_run is to do.  Raises ConfigError."""
    asked = _parse(argv)
    if "help" in asked.values:
        return Message(_HELP, 0)
    if "version" in asked.values:
        return Message(f"parrot_package_run (parrot_py) {__version__}\n", 0)
    if "package-path" not in asked.values:
        raise ConfigError("no package given: write -p PACKAGE (see parrot_package_run --help)", codes.USAGE)
    from parrot_py.joining import inside

    if inside(os.environ):
        raise ConfigError(
            "a package can't be run inside another parrot_run, whose names are what they are", codes.PACKAGE
        )
    environ = _of_caller(os.environ)
    top = _package(Path(asked.values["package-path"]), asked, environ, unpacked)
    environment = _environment(top, asked.values["package-path"], asked.values.get("env-list"))
    _search_path(environment)
    config = read([*asked.options, *_mounts(top), "--", *_command(asked)], environ, environment.entries)
    assert isinstance(config, RunConfig), "there is a command"
    return config._replace(work_dir=_directory(top, environment.directory))


def _parse(argv: Sequence[str]) -> _Asked:
    try:
        found, command = getopt.getopt(list(argv), "p:e:s:d:o:t:hv", _LONG)
    except getopt.GetoptError as error:
        raise ConfigError(f"{error} (see parrot_package_run --help)", codes.USAGE) from error
    values, options = {}, []
    for name, value in found:
        if name in _HANDED_ON:
            options += [name, value]
        else:
            values[_OWN.get(name, name[2:]).replace("env-path", "env-list")] = value
    return _Asked(values, options, command)


def _of_caller(environ: Mapping[str, str]) -> dict[str, str]:
    """What parrot_run itself may know of the caller's environment: places for its files, and no mounts or servers."""
    kept = ("HOME", "TMPDIR", "PARROT_TEMP_DIR", "PARROT_DEBUG_FLAGS")
    return {name: value for name, value in environ.items() if name in kept or name.startswith("XDG_")}


def _package(path: Path, asked: _Asked, environ: Mapping[str, str], unpacked: Unpacked) -> Path:
    """The directory of the package: itself, or what its archive is unpacked to."""
    if path.is_dir():
        return path.resolve()
    if not path.is_file():
        raise ConfigError(f"there is no package {str(path)!r}", codes.PACKAGE)
    config = read([*asked.options, "--", "true"], environ)
    assert isinstance(config, RunConfig), "there is a command"
    umask = os.umask(0o077)
    os.umask(umask & 0o077)  # the caller's is the job's: caller.take()
    try:
        directories.prepare(config)
        top = unpacked.make(directories.for_programs(config) or config.tempdir)
        archive.unpack(path, top)
    except OSError as error:
        raise ConfigError(f"{str(path)!r} can't be unpacked: {error.strerror}", codes.PACKAGE) from error
    finally:
        os.umask(umask)
    return top


def _environment(top: Path, package: str, chosen: str | None) -> Environment:
    path = top / ENVIRONMENT if chosen is None else _chosen(top, Path(package), Path(chosen))
    told = chosen or str(path)
    try:
        if chosen is None and path.is_symlink():
            raise ConfigError(f"{told!r} is a link: this is no package of ours", codes.PACKAGE)
        return parse_environment(path.read_bytes(), told)
    except OSError as error:
        raise ConfigError(f"the environment {told!r} can't be read: {error.strerror}", codes.PACKAGE) from error


def _chosen(top: Path, package: Path, path: Path) -> Path:
    """Where the environment *path* is: PACKAGE/NAME is one in the package also where that is an archive."""
    if package.is_dir() or package.absolute() not in path.absolute().parents:
        return path
    name = path.absolute().relative_to(package.absolute())
    return Path(os.fsdecode(within(os.fsencode(top), os.fsencode(name))))


def _search_path(environment: Environment) -> None:
    """A command without a slash is looked for where the job's PATH says, not the caller's."""
    found = [entry for entry in environment.entries if entry.startswith(b"PATH=")]
    if found:
        os.environb[b"PATH"] = found[0][len(b"PATH=") :]
    else:
        os.environb.pop(b"PATH", None)


def _command(asked: _Asked) -> Sequence[str]:
    shell = asked.values.get("shell-type") or "sh"
    return asked.command or [shell if "/" in shell else f"/bin/{shell}"]


def _mounts(top: Path) -> list[str]:
    """The package as the root; what is mounted there by drivers, and names of the machine, would be in front of it."""
    root = os.fsencode(top)
    mounts = [b"/=" + root, *(name + b"=" + name for name in MACHINE)]
    cvmfs = within(root, b"/cvmfs")
    mounts.append(b"/cvmfs=" + (cvmfs if os.path.lexists(cvmfs) else b"ENOENT"))
    options = [f"--disable-service={name}" for name in SERVICES]
    return [*options, *(word for mount in mounts for word in ("-M", os.fsdecode(mount)))]


def _directory(top: Path, name: bytes) -> Path:
    """The directory in which the job starts, as it has names: the recorded one.  Raises ConfigError."""
    if not os.path.isdir(within(os.fsencode(top), name or b"/")):
        raise ConfigError(f"the package has no directory {os.fsdecode(name)!r} to start in", codes.PACKAGE)
    return Path(os.fsdecode(name or b"/"))


def within(root: bytes, name: bytes) -> bytes:
    """Where the absolute *name* lies below *root*, links in it meaning what they mean there.  Raises ConfigError."""
    todo, here, links = name.split(b"/")[::-1], b"", 0
    while todo:
        part = todo.pop()
        if part == b"..":
            here = os.path.dirname(here).rstrip(b"/")
        elif part not in (b"", b"."):
            path = root + here + b"/" + part
            if not os.path.islink(path):
                here += b"/" + part
                continue
            links += 1
            if links > 40:
                raise ConfigError(f"too many links at {os.fsdecode(name)!r} in the package", codes.PACKAGE)
            target = os.readlink(path)
            here = b"" if target.startswith(b"/") else here
            todo += target.split(b"/")[::-1]
    return root + here


if __name__ == "__main__":
    sys.exit(main())

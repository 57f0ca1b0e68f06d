"""The command ``parrot_publish``."""

from __future__ import annotations

import argparse
import json
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from parrot_py.drivers.cvmfs.hashes import Algorithm
from parrot_py.drivers.cvmfs.publish import (
    Published,
    PublishOptions,
    check_name,
    check_places,
    publish,
    renew_whitelist,
)
from parrot_py.drivers.cvmfs.publish_keys import open_keys
from parrot_py.drivers.cvmfs.publish_objects import ChunkSizes, PublishError
from parrot_py.drivers.cvmfs.schema import COMPRESSION_NONE, COMPRESSION_ZLIB
from parrot_py.errors import ParrotError

_ALGORITHMS = {"sha1": Algorithm.SHA1, "rmd160": Algorithm.RIPEMD160, "shake128": Algorithm.SHAKE128}
_COMPRESSIONS = {"zlib": COMPRESSION_ZLIB, "none": COMPRESSION_NONE}
_UNITS = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30}

_DESCRIPTION = """\
Turn a directory into a signed CernVM-FS repository that any web server, or a file:// URL, can serve.
It takes no root, no kernel module and no server installation.  Publishing to the same place again makes the next
revision.
"""
_EPILOG = """\
A file named .cvmfscatalog in a directory puts that directory and all below it into a catalog of its own; clients
load it when they enter.  Do that every few thousand entries.

Keep KEYDIR private and backed up: FQRN.masterkey signs the whitelist, FQRN.key and FQRN.crt sign the revisions,
FQRN.pub is what clients need.  Missing keys are made on the first run; existing ones are never overwritten.  The
master key may be kept elsewhere as long as the whitelist is valid; --renew-whitelist extends it.

example:
  parrot_publish --name sw.example.org --source ./tree --output /var/www/cvmfs --keys ~/keys
"""


class _Parser(argparse.ArgumentParser):
    """An ArgumentParser whose complaints are one line and exit with status 1, like all of this project's."""

    def error(self, message: str) -> NoReturn:
        """Say what is wrong and leave."""
        self.exit(1, f"{self.prog}: {message} (see {self.prog} --help)\n")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; answers its exit status: 0, or 1 after one line on stderr."""
    arguments = _parser().parse_args(argv)
    try:
        check_name(arguments.name)
        options = _options(arguments)
        if not arguments.renew_whitelist:
            if arguments.source is None:
                raise PublishError("--source is missing: which directory shall be published?")
            check_places(arguments.source, arguments.output / arguments.name, arguments.keys)
        keys = open_keys(arguments.keys, arguments.name)
        if arguments.renew_whitelist:
            expires = renew_whitelist(arguments.output, keys, options)
            print(f"the whitelist of {arguments.name} is valid until {expires:%Y-%m-%d %H:00} UTC")
            return 0
        print(_summary(publish(arguments.source, arguments.output, keys, options)))
    except ParrotError as error:
        print(f"parrot_publish: {error}", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"parrot_publish: {error.filename or arguments.keys}: {error.strerror}", file=sys.stderr)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="parrot_publish",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    place = parser.add_argument_group("what and where")
    place.add_argument("--name", required=True, metavar="FQRN", help="name of the repository, as below /cvmfs")
    place.add_argument("--source", type=Path, metavar="DIR", help="the directory whose content is published")
    place.add_argument(
        "--output", required=True, type=Path, metavar="WEBDIR", help="WEBDIR/FQRN/ becomes what is served"
    )
    place.add_argument("--keys", required=True, type=Path, metavar="KEYDIR", help="where the keys are, or get made")
    _add_format(parser.add_argument_group("format of what is stored"))
    _add_content(parser.add_argument_group("what is taken from the source"))
    _add_revision(parser.add_argument_group("this revision"))
    return parser


def _add_format(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--hash", choices=_ALGORITHMS, default="sha1", help="content hash (default: %(default)s)")
    group.add_argument(
        "--compression", choices=_COMPRESSIONS, default="zlib", help="of file contents (default: %(default)s)"
    )
    for bound, default in (("min", "4M"), ("avg", "8M"), ("max", "16M")):
        group.add_argument(
            f"--chunk-{bound}",
            type=_size,
            default=_size(default),
            metavar="SIZE",
            help=f"{bound} size of the chunks of big files, with suffix K, M or G (default: {default})",
        )
    group.add_argument(
        "--alternative-paths", action="store_true", help="also offer the special objects as .cvmfsalt-HASH"
    )
    group.add_argument(
        "--garbage-collectable", action="store_true", help="say so in the manifest (nothing is collected here)"
    )


def _add_content(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--no-xattrs", action="store_true", help="leave out extended attributes")
    group.add_argument(
        "--external",
        action="append",
        default=[],
        metavar="PATTERN",
        help="describe but do not store files whose path (/a/b) matches the shell pattern; clients get them from "
        "CVMFS_EXTERNAL_URL (may be repeated)",
    )
    group.add_argument("--owner", type=_owner, metavar="UID:GID", help="owner of everything, instead of the real ones")
    group.add_argument("--mtime", type=int, metavar="SECONDS", help="time stamp of everything, for reproducible output")


def _add_revision(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--revision", type=int, metavar="N", help="number of the revision (default: last + 1)")
    group.add_argument("--tag", metavar="NAME", help="a name for the revision, beside 'trunk'")
    group.add_argument(
        "--ttl", type=int, default=240, metavar="SECONDS", help="how long clients do not look for news (%(default)s)"
    )
    group.add_argument(
        "--whitelist-days",
        type=_days,
        default=365.0,
        metavar="N",
        help="how long the whitelist is valid (default: 365); clients refuse the repository afterwards",
    )
    group.add_argument("--renew-whitelist", action="store_true", help="only sign a new whitelist, publish nothing")
    group.add_argument("--meta", type=_meta, default={}, metavar="JSON", help="meta-information: a JSON object")
    group.add_argument("--now", type=int, metavar="SECONDS", help="publication time, for reproducible output")


def _options(arguments: argparse.Namespace) -> PublishOptions:
    return PublishOptions(
        algorithm=_ALGORITHMS[arguments.hash],
        compression=_COMPRESSIONS[arguments.compression],
        chunk_sizes=ChunkSizes(arguments.chunk_min, arguments.chunk_avg, arguments.chunk_max),
        ttl=arguments.ttl,
        revision=arguments.revision,
        tag=arguments.tag,
        whitelist_days=arguments.whitelist_days,
        xattrs=not arguments.no_xattrs,
        external=tuple(arguments.external),
        owner=arguments.owner,
        fixed_mtime=arguments.mtime,
        now=arguments.now,
        garbage_collectable=arguments.garbage_collectable,
        alternative_paths=arguments.alternative_paths,
        meta=arguments.meta,
    )


def _size(text: str) -> int:
    digits, unit = (text[:-1], text[-1].upper()) if text[-1:].upper() in ("K", "M", "G") else (text, "")
    if not digits.isdigit():
        raise argparse.ArgumentTypeError(f"{text!r} is not a size such as 512K or 8M")
    return int(digits) * _UNITS[unit]


def _days(text: str) -> float:
    try:
        days = float(text)
    except ValueError:
        days = 0
    if not 0 < days <= 36525:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of days, at most 36525 of them")
    return days


def _owner(text: str) -> tuple[int, int]:
    uid, _, gid = text.partition(":")
    if not (uid.isdigit() and gid.isdigit()):
        raise argparse.ArgumentTypeError(f"{text!r} is not UID:GID, two numbers")
    return int(uid), int(gid)


def _meta(text: str) -> dict[str, object]:
    try:
        meta = json.loads(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is not JSON: {error}") from error
    if not isinstance(meta, dict):
        raise argparse.ArgumentTypeError(f"{text!r} is not a JSON object")
    return meta


def _summary(done: Published) -> str:
    """What happened, and the command that uses it."""
    repository = f"{done.fqrn}:pubkey={done.public_key.resolve()},url={done.repository.resolve().as_uri()}"
    return (
        f"published revision {done.revision} of {done.fqrn}: {done.new_objects} new objects, root {done.root_hash}\n"
        f"whitelist valid until {done.whitelist_expires:%Y-%m-%d %H:00} UTC\n"
        f"try it:  parrot_run -r {shlex.quote(repository)} ls /cvmfs/{done.fqrn}"
    )


if __name__ == "__main__":
    sys.exit(main())

"""The command line of ``parrot_publish``: every option, and what its text means."""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path
from typing import NoReturn

from parrot_py import codes
from parrot_py.brief import BriefParser
from parrot_py.codes import tagged
from parrot_py.drivers.cvmfs.catalogs.schema import COMPRESSION_NONE, COMPRESSION_ZLIB
from parrot_py.drivers.cvmfs.hashes import Algorithm
from parrot_py.drivers.cvmfs.publish.objects import ChunkSizes
from parrot_py.drivers.cvmfs.publish.options import PublishOptions

_ALGORITHMS = {"sha1": Algorithm.SHA1, "rmd160": Algorithm.RIPEMD160, "shake128": Algorithm.SHAKE128}
_COMPRESSIONS = {"zlib": COMPRESSION_ZLIB, "none": COMPRESSION_NONE}
_UNITS = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30}
_SPANS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_JOBS_LIMIT = 64

_DESCRIPTION = """\
Turn a directory into a signed CernVM-FS repository that any web server, or a file:// URL, can serve.
It takes no root, no kernel module and no server installation.  Publishing to the same place again makes the next
revision; only what changed is read and stored, and where nothing changed there is no new revision.
"""
_FIRST_SCREEN = """\
usage: parrot_publish --name FQRN --source DIR --output WEBDIR --keys KEYDIR
       parrot_publish --name FQRN --output WEBDIR --keys KEYDIR MODE [options]
       parrot_publish --verify PLACE --pubkey FILE [--against DIR] [--json]

Turn a directory into a signed CernVM-FS repository for any web server.

  --name FQRN          name of the repository, as below /cvmfs
  --source DIR         the directory whose content is published
  --output WEBDIR      WEBDIR/FQRN/ becomes what is served
  --keys KEYDIR        where the keys are, or get made: keep it private
  --tag NAME           a name for the revision; without --source: one in place
  --jobs N             threads that read and pack

MODE is one of
  --tags               list the tags         --remove-tag NAME   forget one
  --rollback TAG       publish an old tree   --gc                delete old ones
  --renew-whitelist    sign it for a year    --new-certificate   make a new key

A file .cvmfscatalog in a directory gives it a catalog of its own.

More: parrot_publish --help-all, man parrot_publish, docs/publishing.md.
"""
_EPILOG = """\
A file named .cvmfscatalog in a directory puts that directory and all below it into a catalog of its own; clients
load it when they enter.  Do that every few thousand entries.

Keep KEYDIR private and backed up: FQRN.masterkey signs the whitelist, FQRN.key and FQRN.crt sign the revisions,
FQRN.pub is what clients need.  Missing keys are made on the first run; existing ones are never overwritten.  The
master key may be kept elsewhere as long as the whitelist is valid; --renew-whitelist extends it.

exit status: 0, or 1 after one line on stderr (--verify: one line for each problem).

examples:
  parrot_publish --name sw.example.org --source ./tree --output /var/www/cvmfs --keys ~/keys
  parrot_publish --name sw.example.org --output /var/www/cvmfs --keys ~/keys --rollback v1
  parrot_publish --name sw.example.org --output /var/www/cvmfs --keys ~/keys --gc --keep-revisions 5
  parrot_publish --verify http://web.example.org/cvmfs/sw.example.org --keys ~/keys
"""


class _Parser(BriefParser):
    """A parser whose complaints are one line and exit with status 1, like all of this project's."""

    def error(self, message: str) -> NoReturn:
        """Say what is wrong and leave."""
        self.exit(1, f"{self.prog}: {tagged(f'{message} (see {self.prog} --help)', codes.PUBLISH_USAGE)}\n")


def parser() -> BriefParser:
    """The parser of the command."""
    made = _Parser(
        prog="parrot_publish",
        first_screen=_FIRST_SCREEN,
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    place = made.add_argument_group("what and where")
    place.add_argument("--name", metavar="FQRN", help="name of the repository, as below /cvmfs")
    place.add_argument("--source", type=Path, metavar="DIR", help="the directory whose content is published")
    place.add_argument("--output", type=Path, metavar="WEBDIR", help="WEBDIR/FQRN/ becomes what is served")
    place.add_argument("--keys", type=Path, metavar="KEYDIR", help="where the keys are, or get made")
    _add_modes(made.add_argument_group("instead of publishing"))
    _add_format(made.add_argument_group("format of what is stored"))
    _add_content(made.add_argument_group("what is taken from the source"))
    _add_revision(made.add_argument_group("this revision"))
    _add_collection(made.add_argument_group("garbage collection"))
    return made


def _add_modes(group: argparse._ArgumentGroup) -> None:
    modes = group.add_mutually_exclusive_group()
    modes.add_argument("--renew-whitelist", action="store_true", help="only sign a new whitelist, publish nothing")
    modes.add_argument(
        "--new-certificate",
        action="store_true",
        help="make a new key and certificate; the whitelist names the old certificate, too, until --drop-certificates",
    )
    modes.add_argument("--tags", action="store_true", help="list the tags")
    modes.add_argument("--remove-tag", action="append", metavar="NAME", help="forget a tag (may be repeated)")
    modes.add_argument(
        "--rollback", metavar="TAG", help="publish the tree of a tag, or of a root catalog's hash, as a new revision"
    )
    modes.add_argument("--gc", action="store_true", help="delete objects that no wanted revision needs")
    modes.add_argument(
        "--verify",
        nargs="?",
        const="",
        metavar="PLACE",
        help="check every signature, catalog and object of the repository at PLACE, a directory or URL "
        "(default: WEBDIR/FQRN); exit with 1 if anything is wrong",
    )
    group.add_argument("--against", type=Path, metavar="DIR", help="with --verify: also compare with this directory")
    group.add_argument("--pubkey", type=Path, metavar="FILE", help="with --verify: the master key (default: FQRN.pub)")
    group.add_argument("--at", metavar="TAG", help="with --tag and no --source: what gets the name (default: trunk)")
    group.add_argument("--json", action="store_true", help="with --tags, --gc and --verify: print JSON")


def _add_format(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--hash", choices=_ALGORITHMS, help="content hash (default: as before, at first sha1)")
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
        "--alternative-paths",
        action=argparse.BooleanOptionalAction,
        help="also offer the special objects as .cvmfsalt-HASH (default: as before, at first no)",
    )
    group.add_argument(
        "--garbage-collectable",
        action=argparse.BooleanOptionalAction,
        help="say in the manifest that --gc may be used (default: as before, at first no)",
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
    group.add_argument("--reread", action="store_true", help="read every file, also those known to be unchanged")
    group.add_argument(
        "--trust-mtime",
        action="store_true",
        help="do not read a file that has the size and time that it had in the revision in place: fast for a source "
        "that was copied, and blind to a change that keeps both",
    )
    cores = min(len(os.sched_getaffinity(0)), _JOBS_LIMIT)
    group.add_argument(
        "--jobs", type=_jobs, default=cores, metavar="N", help="threads that read and pack (default: one per core)"
    )


def _add_revision(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--revision", type=int, metavar="N", help="number of the revision (default: last + 1)")
    group.add_argument("--new-revision", action="store_true", help="make one although nothing changed")
    group.add_argument("--tag", metavar="NAME", help="a name for the revision, beside 'trunk'")
    group.add_argument("--tag-description", default="", metavar="TEXT", help="what the tag is about")
    group.add_argument("--force", action="store_true", help="move a tag that exists; collect garbage although unmarked")
    group.add_argument(
        "--ttl", type=int, metavar="SECONDS", help="how long clients do not look for news (default: as before, or 240)"
    )
    group.add_argument(
        "--whitelist-days",
        type=_days,
        default=365.0,
        metavar="N",
        help="how long the whitelist is valid (default: 365); clients refuse the repository afterwards",
    )
    group.add_argument(
        "--drop-certificates", action="store_true", help="let the new whitelist name the certificate in use only"
    )
    group.add_argument("--meta", type=_meta, default={}, metavar="JSON", help="meta-information: a JSON object")
    group.add_argument("--now", type=int, metavar="SECONDS", help="publication time, for reproducible output")


def _add_collection(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--keep-revisions", type=int, metavar="N", help="keep the newest N, with the one in place")
    group.add_argument(
        "--keep-days", type=float, metavar="D", help="keep what was in place within D days (default without both: 3)"
    )
    group.add_argument(
        "--grace", type=_span, default=3600.0, metavar="TIME", help="never delete younger objects: 90s, 5m, 2h, 1d (1h)"
    )
    group.add_argument("--dry-run", action="store_true", help="only count what would be deleted")


def options_of(arguments: argparse.Namespace) -> PublishOptions:
    """The options in *arguments*; PublishError for values that do not go together."""
    return PublishOptions(
        algorithm=_ALGORITHMS[arguments.hash] if arguments.hash else None,
        compression=_COMPRESSIONS[arguments.compression],
        chunk_sizes=ChunkSizes(arguments.chunk_min, arguments.chunk_avg, arguments.chunk_max),
        ttl=arguments.ttl,
        revision=arguments.revision,
        tag=arguments.tag,
        tag_description=arguments.tag_description,
        whitelist_days=arguments.whitelist_days,
        xattrs=not arguments.no_xattrs,
        external=tuple(arguments.external),
        owner=arguments.owner,
        fixed_mtime=arguments.mtime,
        now=arguments.now,
        garbage_collectable=arguments.garbage_collectable,
        alternative_paths=arguments.alternative_paths,
        meta=arguments.meta,
        new_revision=arguments.new_revision,
        force=arguments.force,
        reread=arguments.reread,
        trust_mtime=arguments.trust_mtime,
        workers=arguments.jobs,
        drop_certificates=arguments.drop_certificates,
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


def _span(text: str) -> float:
    digits, unit = (text[:-1], _SPANS[text[-1]]) if text[-1:] in _SPANS else (text, 1)
    if not digits.isdigit():
        raise argparse.ArgumentTypeError(f"{text!r} is not a time such as 90s, 5m, 2h or 1d")
    return float(int(digits) * unit)


def _jobs(text: str) -> int:
    if not text.isdigit() or not 0 < int(text) <= _JOBS_LIMIT:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of threads from 1 to {_JOBS_LIMIT}")
    return int(text)

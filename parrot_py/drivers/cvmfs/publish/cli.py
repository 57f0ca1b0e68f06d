"""The command ``parrot_publish``."""

from __future__ import annotations

import argparse
import json
import shlex
import sys
from collections.abc import Sequence
from datetime import datetime, timezone
from urllib.parse import unquote

from parrot_py import codes
from parrot_py.codes import tagged
from parrot_py.drivers.cvmfs.publish.arguments import options_of, parser
from parrot_py.drivers.cvmfs.publish.gc import Keep, collect_garbage
from parrot_py.drivers.cvmfs.publish.keys import RepositoryKeys, open_keys
from parrot_py.drivers.cvmfs.publish.objects import PublishError
from parrot_py.drivers.cvmfs.publish.options import Published, PublishOptions, check_name
from parrot_py.drivers.cvmfs.publish.publication import check_places, publish
from parrot_py.drivers.cvmfs.publish.tags import list_tags, remove_tags, rollback, set_tag
from parrot_py.drivers.cvmfs.publish.verify import verify
from parrot_py.drivers.cvmfs.publish.whitelist import renew_whitelist, rotate_certificate
from parrot_py.errors import ParrotError
from parrot_py.stdout import tells


@tells("parrot_publish", 1)
def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; answers its exit status: 0, or 1 after one line on stderr."""
    arguments = parser().parse_args(argv)
    try:
        options = options_of(arguments)
        if arguments.verify is not None:
            return _verify(arguments, options)
        _need(arguments, "name", "output")
        check_name(arguments.name)
        if arguments.tags:
            return _list(arguments)
        _need(arguments, "keys")
        for act in (_whitelist, _tag, _collect):
            if act(arguments, options):
                return 0
        if arguments.source is None:
            raise PublishError("--source is missing: which directory shall be published?", codes.PUBLISH_USAGE)
        check_places(arguments.source, arguments.output / arguments.name, arguments.keys)
        keys = open_keys(arguments.keys, arguments.name)
        print(_summary(publish(arguments.source, arguments.output, keys, options)))
    except ParrotError as error:
        print(f"parrot_publish: {tagged(str(error), error.code)}", file=sys.stderr)
        return 1
    except BrokenPipeError:
        raise
    except OSError as error:
        text = f"{error.filename or arguments.keys}: {error.strerror}"
        print(f"parrot_publish: {tagged(text, codes.PUBLISH_OUTPUT)}", file=sys.stderr)
        return 1
    return 0


def _need(arguments: argparse.Namespace, *options: str) -> None:
    missing = [f"--{option}" for option in options if getattr(arguments, option) is None]
    if missing:
        raise PublishError(f"{' and '.join(missing)} must be given (see parrot_publish --help)", codes.PUBLISH_USAGE)


def _keys(arguments: argparse.Namespace) -> RepositoryKeys:
    """The keys of a repository that exists: none are made."""
    return open_keys(arguments.keys, arguments.name, create=False)


def _whitelist(arguments: argparse.Namespace, options: PublishOptions) -> bool:
    """--renew-whitelist and --new-certificate; answers whether it was one of them."""
    if arguments.renew_whitelist:
        expires = renew_whitelist(arguments.output, _keys(arguments), options)
    elif arguments.new_certificate:
        expires = rotate_certificate(arguments.output, _keys(arguments), options)
        print(f"{arguments.name} has a new certificate; the old one stays valid until --drop-certificates")
    else:
        return False
    print(f"the whitelist of {arguments.name} is valid until {expires:%Y-%m-%d %H:00} UTC")
    return True


def _tag(arguments: argparse.Namespace, options: PublishOptions) -> bool:
    """--rollback, --remove-tag, and --tag without a source; answers whether it was one of them."""
    if arguments.rollback is not None:
        print(_summary(rollback(arguments.output, _keys(arguments), arguments.rollback, options)))
    elif arguments.remove_tag:
        left = remove_tags(arguments.output, _keys(arguments), arguments.remove_tag, options)
        print(f"removed {', '.join(arguments.remove_tag)}; {len(left)} tags are left")
    elif options.tag is not None and arguments.source is None:
        tag = set_tag(arguments.output, _keys(arguments), options, arguments.at)
        print(f"{tag.name} is revision {tag.revision} of {arguments.name}, root {tag.root}")
    else:
        return False
    return True


def _list(arguments: argparse.Namespace) -> int:
    tags = list_tags(arguments.output, arguments.name)
    if arguments.json:
        print(json.dumps([tag._asdict() for tag in tags], indent=2))
        return 0
    for tag in tags:
        when = datetime.fromtimestamp(tag.timestamp, timezone.utc)
        print(f"{tag.name:24} {tag.revision:6} {when:%Y-%m-%d %H:%M:%S} {tag.root} {tag.description}".rstrip())
    return 0


def _collect(arguments: argparse.Namespace, options: PublishOptions) -> bool:
    """--gc; answers whether it was."""
    if not arguments.gc:
        return False
    keep = Keep(arguments.keep_revisions, arguments.keep_days, arguments.grace)
    done = collect_garbage(arguments.output, _keys(arguments), keep, options, dry_run=arguments.dry_run)
    if arguments.json:
        print(json.dumps({**done._asdict(), "dry_run": arguments.dry_run}, indent=2))
        return True
    would = "would delete" if arguments.dry_run else "deleted"
    print(
        f"kept {done.kept_revisions} revisions with {done.kept_objects} objects; {would} {done.deleted_revisions} "
        f"revisions, {done.deleted_objects} objects, {done.deleted_bytes} bytes"
    )
    if done.young_objects:
        print(f"{done.young_objects} objects that nobody needs are younger than the grace period and stay for now")
    return True


def _verify(arguments: argparse.Namespace, options: PublishOptions) -> int:
    """--verify; answers the exit status."""
    place = arguments.verify
    if not place:
        _need(arguments, "name", "output")
        place = str(arguments.output / arguments.name)
    name = arguments.name or unquote(place.rstrip("/").rpartition("/")[2])
    check_name(name)
    if arguments.pubkey is None:
        _need(arguments, "keys")
    public_key = arguments.pubkey or arguments.keys / f"{name}.pub"
    report = verify(place, name, [public_key], against=arguments.against, options=options)
    if arguments.json:
        print(json.dumps(report.as_json(), indent=2))
        return 1 if report.problems else 0
    problems = report.problems
    for problem in problems:
        print(tagged(problem, codes.PUBLISH_PROBLEM), file=sys.stderr)
    for note in report.notes:
        print(f"note: {note}")
    print(
        f"{name}: revision {report.revision}; {report.revisions} revisions, {report.catalogs} catalogs, "
        f"{report.entries} entries, {report.objects} objects of files, {report.bytes} bytes; "
        f"{report.orphans} objects that nothing names ({report.orphan_bytes} bytes); "
        f"{len(problems) or 'no'} problem{'' if len(problems) == 1 else 's'}"
    )
    return 1 if problems else 0


def _summary(done: Published) -> str:
    """What happened, and the command that uses it."""
    repository = f"{done.fqrn}:pubkey={done.public_key.resolve()},url={done.repository.resolve().as_uri()}"
    what = f"published revision {done.revision} of {done.fqrn}: {done.new_objects} new objects, root {done.root_hash}"
    if not done.changed:
        what = f"nothing changed: {done.fqrn} stays at revision {done.revision}, root {done.root_hash}"
    return (
        f"{what}\n"
        f"whitelist valid until {done.whitelist_expires:%Y-%m-%d %H:00} UTC\n"
        f"try it:  parrot_run -r {shlex.quote(repository)} ls /cvmfs/{done.fqrn}"
    )


if __name__ == "__main__":
    sys.exit(main())

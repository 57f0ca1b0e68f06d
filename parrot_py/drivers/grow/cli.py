"""The command ``make_growfs``: write the listing of a directory for GROW-FS."""

from __future__ import annotations

import argparse
import os
import sys
from typing import NoReturn

from parrot_py import codes
from parrot_py.drivers.grow.export import ExportError, Follow, Options, export
from parrot_py.stdout import tells


class _Parser(argparse.ArgumentParser):
    """An ArgumentParser whose complaints have a code."""

    def error(self, message: str) -> NoReturn:
        """Say what is wrong and leave."""
        self.print_usage(sys.stderr)
        self.exit(2, f"{self.prog}: {codes.tagged(message, codes.USAGE)}\n")


def parser() -> argparse.ArgumentParser:
    """The parser of the command."""
    made = _Parser(
        prog="make_growfs",
        description="Write .growfsdir and .growfschecksum into DIR, which any web server can then serve as a GROW-FS.",
    )
    made.add_argument("directory", metavar="DIR")
    made.add_argument("-v", action="store_true", dest="names", help="print each name")
    made.add_argument("-c", action="store_true", help="print each file whose checksum was computed (the default)")
    sums = made.add_mutually_exclusive_group()
    sums.add_argument("-K", action="store_true", dest="checksums", default=True, help="with checksums (the default)")
    sums.add_argument("-k", action="store_false", dest="checksums", help="without checksums")
    links = made.add_mutually_exclusive_group()
    for option, follow, text in (
        ("-f", Follow.ALL, "follow all symbolic links"),
        ("-F", Follow.NONE, "follow no symbolic link"),
        ("-a", Follow.LEAVING, "follow those that lead out of DIR (the default)"),
    ):
        links.add_argument(option, action="store_const", const=follow, dest="follow", help=text)
    made.set_defaults(follow=Follow.LEAVING)
    return made


def _fail(text: str) -> int:
    sys.stderr.write(f"make_growfs: {codes.tagged(text, codes.GROW_EXPORT)}\n")
    return 1


@tells("make_growfs", 1)
def main(argv: list[str] | None = None) -> int:
    """Export a directory; 0, or 1 with a message when it cannot be, and 2 for a wrong command line."""
    given = parser().parse_args(argv)
    out = sys.stdout.buffer

    def name(path: bytes) -> None:
        out.write(b"." + path + b"\n")

    def changed(path: bytes, digest: str) -> None:
        out.write(b".%s changed: %s\n" % (path, digest.encode()))

    options = Options(given.checksums, given.follow, changed=changed)
    if given.names:
        options = options._replace(name=name)
    try:
        done = export(os.fsencode(given.directory), options)
    except ExportError as error:
        return _fail(str(error))
    except BrokenPipeError:
        raise
    except OSError as error:
        return _fail(f"{os.fsdecode(error.filename or given.directory)!r}: {error.strerror}")
    out.flush()
    print(
        f"make_growfs: {done.files} files, {done.links} links, {done.directories} dirs, "
        f"{done.checksums} checksums computed"
    )
    return 0

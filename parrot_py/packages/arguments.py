"""The command line of ``parrot_package_create``."""

from __future__ import annotations

import argparse

from parrot_py import __version__
from parrot_py.packages import ENVIRONMENT
from parrot_py.tools.options import KEYS, Parser, add_common

_ABOUT = """\
Make a package of the files that a job touched, as parrot_run -n NAMES -e ENV
wrote them down; parrot_package_run runs commands in it, on any machine, without
repositories and network.  PACKAGE is an archive where it ends in .tar, .tar.gz,
.tar.bz2 or .tar.xz, else a directory.
"""
_END = """\
exit status: 0; 1 if a name could not be packed, or nothing could be done at
all; 2 for a wrong command line
"""


def parser(words: list[str]) -> Parser:
    """The parser; what is for the reader of parrot_run's command line is appended to *words*."""
    made = Parser(
        prog="parrot_package_create",
        description=_ABOUT,
        epilog=_END,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    made.add_argument("-v", "--version", action="version", version=f"parrot_package_create (parrot_py) {__version__}")
    made.add_argument("-n", "--name-list", metavar="FILE", required=True, help="the names")
    made.add_argument("-e", "--env-list", "--env-path", metavar="FILE", required=True, help="the environment")
    where = made.add_mutually_exclusive_group(required=True)
    where.add_argument("-p", "--package-path", metavar="PACKAGE", help="the package to make; nothing may be there")
    where.add_argument("-a", "--add", metavar="PACKAGE", help="a package to add to")
    made.add_argument("--new-env", metavar="NAME", help=f"where it gets the environment (default: {ENVIRONMENT})")
    add_common(made, words, (*KEYS, "mount", "tab-file", "disable-service"), taken=("-p",))
    return made

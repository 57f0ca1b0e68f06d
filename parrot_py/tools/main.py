"""The command ``parrot_cvmfs``."""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from collections.abc import Sequence
from types import ModuleType

from parrot_py import __version__
from parrot_py.codes import tagged
from parrot_py.errors import ParrotError, code_of
from parrot_py.stdout import die_of_pipe, tells
from parrot_py.tools import status
from parrot_py.tools.options import Parser, add_common, add_output
from parrot_py.tools.output import Output

SUBCOMMANDS = {
    "probe": "can repositories be reached and trusted, by which way, how fast",
    "stat": "everything that is known about a path",
    "ls": "list directories",
    "cat": "write files to standard output",
    "get": "copy files and trees out of a repository",
    "prefetch": "fetch files, trees or catalogs into the cache",
    "tags": "the named revisions of a repository",
    "diff": "what differs between two revisions",
    "verify": "check the cache against the hashes of what is in it",
    "wipe": "remove everything from the cache",
    "status": "the running instances of parrot_run, and what each is doing",
    "config": "the effective configuration, and where each value comes from",
}
"""Subcommand → what it does.  The module has the same name, and ``add(parser)`` and ``run(arguments, context)``."""

_MODULES = {"status": "instances"}
"""Where a module has another name, since the exit statuses have that one."""

_FIRST_SCREEN = """\
usage: parrot_cvmfs [options] SUBCOMMAND ...

Look at CernVM-FS repositories and at the cache, without running a job.
REPO is a full name or a path: sw.example.org, /cvmfs/sw.example.org.

{subcommands}
Options are those of parrot_run (-r, -p, -t, -T, -d, -o), --json and -q.

More: parrot_cvmfs SUBCOMMAND --help, --help-all, man parrot_cvmfs.
"""
_DESCRIPTION = """\
Look at CernVM-FS repositories and at the cache, without running a job and without mounting anything.
REPO is a full name (sw.example.org) or a path (/cvmfs/sw.example.org); REPO/PATH and REPO:PATH name what is in it.
"""


@tells("parrot_cvmfs", status.LOCAL)
def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; answers its exit status (see tools/status.py)."""
    words: list[str] = []
    arguments = parser(words).parse_args(argv)
    output = Output(as_json=getattr(arguments, "json", False), quiet=getattr(arguments, "quiet", False))
    # Imported only now: the help is there at once.
    from parrot_py.tools.context import Context

    context = Context(words, output)
    try:
        done = int(_module(arguments.subcommand).run(arguments, context))
        sys.stdout.flush()
    except KeyboardInterrupt:
        # Transfers that are on their way end with the process; what they wrote has no name yet.
        _leave(status.INTERRUPTED)
    except BrokenPipeError:
        die_of_pipe()
    except (ParrotError, OSError) as error:
        return _fail(error, output)
    finally:
        context.close()
    return done


def parser(words: list[str]) -> argparse.ArgumentParser:
    """The parser of the command; the options of parrot_run are collected in *words*."""
    made = Parser(
        prog="parrot_cvmfs",
        first_screen=_FIRST_SCREEN.format(
            subcommands="".join(f"  {name:<10} {about}\n" for name, about in SUBCOMMANDS.items())
        ),
        description=_DESCRIPTION,
        epilog=_statuses(),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    made.add_argument("-v", "--version", action="version", version=f"parrot_cvmfs (parrot_py) {__version__}")
    add_common(made, words)
    add_output(made)
    subparsers = made.add_subparsers(dest="subcommand", required=True, metavar="SUBCOMMAND", parser_class=Parser)
    for name, about in SUBCOMMANDS.items():
        sub = subparsers.add_parser(
            name,
            help=about,
            description=f"{about[0].upper()}{about[1:]}.",
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )
        _module(name).add(sub)
        add_common(sub, words)
        add_output(sub)
    return made


def _module(name: str) -> ModuleType:
    return importlib.import_module(f"parrot_py.tools.{_MODULES.get(name, name)}")


def _statuses() -> str:
    return "exit status:\n" + "".join(f"  {number:<4} {about}\n" for number, about in status.MEANINGS.items())


def _fail(error: ParrotError | OSError, output: Output) -> int:
    number = status.of(error)
    text, code = status.line(error), code_of(error)
    sys.stdout.flush()
    if output.json:
        output.record({"error": {"kind": status.kind(number), "status": number, "code": code, "message": text}})
        sys.stdout.flush()
    sys.stderr.write(f"parrot_cvmfs: {tagged(text, code)}\n")
    return number


def _leave(number: int) -> None:
    """End now, without waiting for threads that wait for servers."""
    try:
        sys.stdout.flush()
    except OSError:
        pass  # nobody is left to read it
    os._exit(number)


if __name__ == "__main__":
    sys.exit(main())

"""``parrot_cvmfs wipe``."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator

from parrot_py import codes
from parrot_py.drivers.cvmfs.cache.audit import stock
from parrot_py.drivers.cvmfs.cache.census import FOLDERS
from parrot_py.drivers.cvmfs.cache.local import BOOKS
from parrot_py.drivers.cvmfs.cache.whereabouts import FOLDER
from parrot_py.tools import caches, output, status
from parrot_py.tools.context import Context
from parrot_py.tools.status import LocalTrouble

_BOOKS = (f"{BOOKS}/usage", *(f"{FOLDER}/{prefix}" for prefix in FOLDERS))
_EPILOG = """\
What running jobs have open stays with them; what they want next is fetched again.  Only what a cache consists of is
removed, whatever else is in the directory.
"""


def add(parser: argparse.ArgumentParser) -> None:
    """The arguments."""
    parser.epilog = _EPILOG
    parser.add_argument("repository", metavar="REPO", nargs="*", help="whose cache (default: that of parrot_run)")
    parser.add_argument("-y", "--yes", action="store_true", help="do not ask")


def run(arguments: argparse.Namespace, context: Context) -> int:
    """Remove everything.  JSON: one object with the list ``caches``."""
    names = [context.fqrn(text) for text in arguments.repository]
    reports = []
    for root in caches.roots(context, names):
        objects = list(stock(root))
        total = sum(each.size for each in objects)
        question = f"remove {len(objects)} objects ({output.size(total)}) from {root}?"
        if not (arguments.yes or _confirmed(question)):
            context.output.note("nothing was removed")
            return status.USAGE
        removed, failed = _remove(root, [each.path for each in objects])
        reports.append({"cache": root, "removed": removed, "bytes": total, "failed": failed})
        if not context.output.json:
            context.output.note(f"{root}: {removed} objects removed ({output.size(total)})")
    if context.output.json:
        context.output.document({"caches": reports})
    return status.OK


def _confirmed(question: str) -> bool:
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise LocalTrouble("nobody is here to be asked whether the cache may be wiped: add --yes", codes.USAGE)
    sys.stderr.write(f"{question} [y/N] ")
    sys.stderr.flush()
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def _remove(root: str, objects: list[str]) -> tuple[int, int]:
    """How many objects were removed, and how many files could not be."""
    # Breadcrumbs first: they promise that their catalog is there.
    failed = sum(not _unlink(path) for path in _crumbs(root))
    removed = sum(map(_unlink, objects))
    failed += len(objects) - removed + sum(not _unlink(f"{root}/{name}") for name in _BOOKS)
    if failed and not removed and objects:
        raise LocalTrouble(f"{root}: nothing could be removed; is it yours to write?", codes.LOCAL_FILE)
    return removed, failed


def _crumbs(root: str) -> Iterator[str]:
    for name in os.listdir(root):
        if name.startswith(caches.CRUMB):
            yield f"{root}/{name}"


def _unlink(path: str) -> bool:
    try:
        os.unlink(path)
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return True

"""``parrot_cvmfs diff``."""

from __future__ import annotations

import argparse
import os
import sys
from typing import Any

from parrot_py.drivers.cvmfs.catalogs.differences import ADDED, CHANGED, REMOVED, Change
from parrot_py.tools import facts, output, status
from parrot_py.tools.context import Context

_MARKS = {ADDED: "+", REMOVED: "-", CHANGED: "!"}
_COLOURS = {ADDED: "green", REMOVED: "red", CHANGED: "yellow"}
_EPILOG = """\
A revision is a number, a tag, or a root hash.  Only the catalogs that differ are fetched.  A line is + (added), -
(removed) or ! (changed) and the path, and for what changed, what: type, content, size, target, mode, owner, mtime,
links, device, xattrs.
"""


def add(parser: argparse.ArgumentParser) -> None:
    """The arguments."""
    parser.epilog = _EPILOG
    parser.add_argument("repository", metavar="REPO", help="full name")
    parser.add_argument("old", metavar="A", help="the older revision")
    parser.add_argument("new", metavar="B", nargs="?", help="the newer revision (default: the newest)")


def run(arguments: argparse.Namespace, context: Context) -> int:
    """Show what differs.  JSON: lines, an object for each path, and ``summary`` at the end."""
    repository = context.open(context.fqrn(arguments.repository))
    counts = {ADDED: 0, REMOVED: 0, CHANGED: 0}
    for change in repository.diff(arguments.old, arguments.new):
        counts[change.kind] += 1
        if context.output.json:
            context.output.record(_record(change))
        else:
            _show(context, change)
    if context.output.json:
        context.output.record({"summary": counts})
    else:
        context.output.note(", ".join(f"{number} {kind}" for kind, number in counts.items()))
    return status.OK


def _record(change: Change) -> dict[str, Any]:
    record: dict[str, Any] = {"path": os.fsdecode(change.path) or "/", "change": change.kind}
    if change.kind == CHANGED:
        record["what"] = list(change.what)
    for name, inode in (("before", change.before), ("after", change.after)):
        if inode is not None:
            record[name] = {key: value for key, value in facts.record(inode).items() if key not in ("path", "inode")}
    return record


def _show(context: Context, change: Change) -> None:
    mark, what = _MARKS[change.kind], f" ({', '.join(change.what)})" if change.what else ""
    path = change.path or b"/"
    if not sys.stdout.isatty():
        context.output.raw(f"{mark} ".encode() + path + what.encode() + b"\n")
        return
    context.output.coloured(f"{mark} {output.shown(path)}{what}", _COLOURS[change.kind])

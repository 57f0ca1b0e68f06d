"""``parrot_cvmfs tags``."""

from __future__ import annotations

import argparse
import os
from typing import Any

from parrot_py.tools import facts, status
from parrot_py.tools.context import Context


def add(parser: argparse.ArgumentParser) -> None:
    """The arguments."""
    parser.add_argument("repository", metavar="REPO", help="full name")


def run(arguments: argparse.Namespace, context: Context) -> int:
    """Show the named revisions, the newest first.  JSON: one object with the list ``tags``."""
    repository = context.open(context.fqrn(arguments.repository))
    tags = repository.tags()
    if context.output.json:
        newest = {"revision": repository.revision, "root_hash": repository.root_hash}
        listed: list[dict[str, Any]] = [
            {
                "name": tag.name,
                "revision": tag.revision,
                "root_hash": tag.root,
                "timestamp": tag.timestamp,
                "description": tag.description,
                "branch": tag.branch,
                "root_size": tag.size or None,
            }
            for tag in tags
        ]
        context.output.document({"repository": repository.fqrn, "newest": newest, "tags": listed})
        return status.OK
    columns = ("tag", "revision", "published", "root hash", "description")
    rows = [(tag.name, str(tag.revision), facts.when(tag.timestamp), tag.root, tag.description) for tag in tags]
    context.output.table(columns, rows, right=("revision",))
    if not tags:
        context.output.note(f"{os.fsdecode(repository.fqrn)} has no tags")
    return status.OK

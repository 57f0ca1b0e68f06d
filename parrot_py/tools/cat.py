"""``parrot_cvmfs cat``."""

from __future__ import annotations

import argparse
import base64
import sys

from parrot_py.tools import facts, status
from parrot_py.tools.context import Context

_BLOCK = 1 << 20


def add(parser: argparse.ArgumentParser) -> None:
    """The arguments."""
    parser.add_argument("place", metavar="REPO/PATH", nargs="+", help="files; links are followed in the repository")
    parser.add_argument("--offset", type=int, default=0, metavar="N", help="begin at this byte")
    parser.add_argument("--size", type=int, metavar="N", help="so many bytes; only the chunks needed are fetched")


def run(arguments: argparse.Namespace, context: Context) -> int:
    """Write the contents.  JSON: lines, an object for each file with its content in base64."""
    for text in arguments.place:
        repository, path = context.locate(text)
        inode = repository.stat(path)
        if context.output.json or arguments.offset or arguments.size is not None:
            data = repository.read(inode, arguments.offset, arguments.size)
            if not context.output.json:
                context.output.raw(data)
                continue
            content = {"offset": arguments.offset, "base64": base64.b64encode(data).decode()}
            context.output.record({"repository": repository.fqrn, **facts.record(inode), **content})
            continue
        with repository.open_file(inode) as file:
            sys.stdout.flush()
            for block in iter(lambda: file.read(_BLOCK), b""):
                context.output.raw(block)
    return status.OK

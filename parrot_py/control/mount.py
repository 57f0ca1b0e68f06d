"""The command ``parrot_mount``: mount and unmount inside a running parrot_run."""

from __future__ import annotations

import os
import sys

from parrot_py.config.model import DENY, ENOENT, LOCAL
from parrot_py.control.client import MISUSE, Refused, ask, complain, misuse
from parrot_py.stdout import tells

USAGE = """\
usage: parrot_mount PATH DESTINATION [RWX]
       parrot_mount --unmount PATH
       parrot_mount --disable

Inside parrot_run: let PATH stand for DESTINATION (a path, or DENY, ENOENT or
LOCAL), with some of the permissions r, w and x; take such a mount away; or
forbid all further changes.
"""
TROUBLE = 1


@tells("parrot_mount", MISUSE)
def main(argv: list[str] | None = None) -> int:
    """Do what *argv* (default: the process's arguments) asks for; 0, or 1 with a line on stderr, or 2 for misuse."""
    words = sys.argv[1:] if argv is None else argv
    if words in (["-h"], ["--help"]):
        sys.stdout.write(USAGE)
        return 0
    try:
        return _run(words)
    except (OSError, Refused) as error:
        what = (words[1] if words[0] == "--unmount" else words[0]) if len(words) > 1 else ""
        complain("parrot_mount", what, error)
        return TROUBLE


def _run(words: list[str]) -> int:
    options = [word for word in words if word.startswith("-")]
    if options == ["--disable"] and len(words) == 1:
        ask("disable")
    elif options == ["--unmount"] and words[0] == "--unmount" and len(words) == 2:
        ask("unmount", path=os.path.abspath(words[1]))
    elif not options and len(words) in (2, 3):
        path, destination, allowed = [*words, "rwx"][:3]
        plain = destination not in (DENY, ENOENT, LOCAL) and ":" not in destination
        place = os.path.abspath(destination) if plain else destination
        ask("mount", path=os.path.abspath(path), destination=place, allowed=allowed)
    else:
        return misuse("parrot_mount", "these words are none of its command lines", USAGE)
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""The commands ``parrot_cp`` and ``parrot_search``, which need nothing of the run around them and work outside, too."""

from __future__ import annotations

import getopt
import os
import re
import sys
from collections.abc import Iterator, Sequence
from fnmatch import translate

from parrot_py import codes
from parrot_py.codes import tagged
from parrot_py.control.client import MISUSE, misuse
from parrot_py.stdout import tells, told

_SEARCH = """\
usage: parrot_search [-s] [-m] [-i] [PATH[:PATH ...]] PATTERN

Print what lies below PATH (default: .) and matches PATTERN, as fnmatch(3) has
it, with | between alternatives.  A pattern with a slash is compared with the
whole path below PATH, another one with the last name of it.

  -s   stop at the first match
  -m   print metadata: PATH|MODE|SIZE|MTIME
  -i   count PATH itself in
"""
NOTHING_FOUND = 1


def cp(argv: list[str] | None = None) -> int:
    """``parrot_cp``: what the original did by itself (-f -i -r -R -s -l -u -v) cp does at the same speed."""
    words = list(sys.argv[1:] if argv is None else argv)
    os.execvp("cp", ["cp", *words])


@tells("parrot_search", MISUSE)
def search(argv: list[str] | None = None) -> int:
    """``parrot_search``: 0 if something was found, else 1; 2 for misuse."""
    try:
        options, words = getopt.gnu_getopt(list(sys.argv[1:] if argv is None else argv), "smih", ["help"])
    except getopt.GetoptError as error:
        return misuse("parrot_search", str(error), _SEARCH)
    chosen = {option for option, _ in options}
    if chosen & {"-h", "--help"}:
        sys.stdout.write(_SEARCH)
        return 0
    if len(words) not in (1, 2):
        return misuse("parrot_search", "no pattern, or more than a list of paths before it", _SEARCH)
    tops = words[0].split(":") if len(words) == 2 else ["."]
    status = NOTHING_FOUND
    for path in _matches(tops, words[-1].split("|"), itself="-i" in chosen):
        try:
            line = _metadata(path) if "-m" in chosen else path
        except OSError as error:  # gone meanwhile
            _complain(error)
            continue
        status = 0
        told(line)
        if "-s" in chosen:
            break
    return status


def _matches(tops: Sequence[str], patterns: Sequence[str], *, itself: bool) -> Iterator[str]:
    whole = re.compile("|".join(translate(pattern) for pattern in patterns if "/" in pattern) or r"(?!)")
    last = re.compile("|".join(translate(pattern) for pattern in patterns if "/" not in pattern) or r"(?!)")
    for top in tops:
        if itself and last.match(os.path.basename(os.path.abspath(top))):
            yield top
        for directory, folders, names in os.walk(top, onerror=_complain):
            for name in sorted([*folders, *names]):
                path = os.path.join(directory, name)
                if last.match(name) or whole.match(path[len(top.rstrip("/")) :]):
                    yield path


def _complain(error: OSError) -> None:
    sys.stderr.write(f"parrot_search: {tagged(f'{error.filename}: {error.strerror}', codes.SEARCH)}\n")


def _metadata(path: str) -> str:
    status = os.lstat(path)
    return f"{path}|{status.st_mode:o}|{status.st_size}|{int(status.st_mtime)}"

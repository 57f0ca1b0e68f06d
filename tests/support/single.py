"""Single files with a payload that tells what it was started with, instead of an interpreter."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path

import pytest

from tests.support import places

sys.path.insert(0, str(places.CHECKOUT / "bin"))

from helpers.say import SetupError
from helpers.single import headbuild
from helpers.single import payload as payload_module
from helpers.single.payload import Payload
from helpers.single.text import text_for_head

__all__ = ["head", "payload", "payload_module", "single", "started", "unfinished"]

# In the place of the loader: where it lies, its arguments, its environment (a shell adds to it), standard descriptors.
TELLS = """\
#!/bin/sh
printf '%s\\n' "$0" "$@" ==end==
umask
ulimit -f
grep SigIgn /proc/$$/status
tr '\\0' '\\n' </proc/$$/environ
"""


@lru_cache(maxsize=1)
def head() -> bytes:
    """The compiled head; skips the test where nothing can compile it."""
    with tempfile.TemporaryDirectory() as scratch:
        try:
            return headbuild.build(Path(scratch))
        except SetupError as error:
            pytest.skip(f"the head cannot be compiled here: {error}")


def payload(files: Mapping[str, bytes] | None = None) -> Payload:
    """A payload that can be started, with *files* more."""
    made = Payload(text_for_head(places.CHECKOUT))
    made.file("lib/parrot_run", TELLS.encode(), 0o755)
    for name, data in (files or {}).items():
        made.file(name, data)
    return made


def single(place: Path, files: Mapping[str, bytes] | None = None) -> Path:
    """A single file at *place*, for everybody."""
    payload(files).write(head(), place)
    return place


def started(output: str) -> tuple[Path, list[str], list[str]]:
    """Of what the payload said: the tree, the arguments behind the interpreter's, and the other lines."""
    told, _, rest = output.partition("\n==end==\n")
    loader, *arguments = told.split("\n")
    assert arguments[:2] == ["--library-path", str(Path(loader).parent)]
    return Path(loader).parent.parent, arguments[arguments.index("-c") + 1 :], rest.splitlines()


def unfinished(base: Path) -> Sequence[Path]:
    """Directories in the making below *base*."""
    return sorted(base.glob("unfinished.*"))

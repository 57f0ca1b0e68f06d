"""What a single file carries beside the program (docs/distribution.md): a site's configuration, and a warm cache.

The head of the file (bin/helpers/single/head) unpacks it and starts :func:`start`.  Everywhere else there is nothing.
"""

from __future__ import annotations

import os
import sys
from importlib import import_module
from pathlib import Path
from typing import NoReturn

SITE_NAME = "/etc/cvmfs"
"""What a site's own files call the directory that they are in."""

site: Path | None = None
"""The site's configuration directory, in the place of the host's."""

seed: Path | None = None
"""A cache that is only read, below that of the run."""


def start(command: str) -> NoReturn:
    """Become *command*, ``name=module:function``, with what lies in the unpacked tree.  Does not return."""
    name, _, place = command.partition("=")
    sys.argv[0] = name
    find(Path(__file__).parents[3], named=bool(os.environ.get("PARROT_CVMFS_ETC")))
    module, _, function = place.partition(":")
    sys.exit(getattr(import_module(module), function)())


def find(tree: Path, *, named: bool = False) -> None:
    """Use what the unpacked *tree* has; *named*: the user named a configuration, which counts then."""
    global site, seed
    etc, cache = tree / "etc" / "cvmfs", tree / "seed"
    site = etc if etc.is_dir() and not named else None
    seed = cache if cache.is_dir() else None


def translated(path: str) -> str:
    """Where the file is that a configuration calls *path*: the site's files name each other as they lie there."""
    if site is None or not path.startswith(SITE_NAME):
        return path
    rest = path[len(SITE_NAME) :]
    return f"{site}{rest}" if rest[:1] in ("", "/") else path

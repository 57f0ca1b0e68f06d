"""Which cache directories a command is about."""

from __future__ import annotations

import os
from collections.abc import Sequence

from parrot_py import codes
from parrot_py.errors import ConfigError
from parrot_py.tools.context import Context
from parrot_py.tools.status import LocalTrouble


def roots(context: Context, names: Sequence[str]) -> list[str]:
    """The caches of the repositories *names*, or the one of parrot_run.  Raises LocalTrouble if one is not there."""
    found = [context.config(name).cache_dir for name in names] or [context.run.cache_dir]
    unique = list(dict.fromkeys(os.path.abspath(path) for path in found))
    for path in unique:
        if not os.path.isdir(path):
            raise LocalTrouble(f"{path}: no such cache directory", codes.LOCAL_FILE)
    return unique


CRUMB = "cvmfschecksum."
"""How the name of the file begins that says which revision of a repository a cache has; the rest is its name."""


def users(context: Context, root: str) -> list[str]:
    """The repositories that have used the cache *root*, as far as they are configured."""
    found = []
    for name in sorted(os.listdir(root)):
        fqrn = name[len(CRUMB) :]
        if not name.startswith(CRUMB) or not fqrn:
            continue
        try:
            context.config(fqrn)
        except ConfigError:
            continue  # somebody else's, or the answer to a tag
        found.append(fqrn)
    return found

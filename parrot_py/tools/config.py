"""``parrot_cvmfs config``."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from typing import Any

from parrot_py import codes
from parrot_py.errors import ConfigError
from parrot_py.tools import status
from parrot_py.tools.context import Context


def add(parser: argparse.ArgumentParser) -> None:
    """The arguments."""
    parser.add_argument("repository", metavar="REPO", nargs="?", help="full name; without it, what all have in common")
    parser.add_argument("-s", "--set", action="store_true", help="only what something sets")


def run(arguments: argparse.Namespace, context: Context) -> int:
    """Show the configuration.  JSON: one object with ``parameters`` by name."""
    # The table of parameters is large, and only this subcommand needs it.
    from parrot_py.config.report import BUILT_IN, of_repository

    about: dict[str, Any] = {}
    warnings: tuple[str, ...] = context.run.warnings
    lines = list(_common(context))
    if arguments.repository is None:
        about["repositories"] = context.run.repositories.names()
    else:
        fqrn = context.fqrn(arguments.repository)
        effective = context.run.repositories.effective(fqrn)
        if effective is None:
            raise ConfigError(
                f"no repository {fqrn!r} is configured; describe it with -r {fqrn}:url=URL,pubkey=FILE",
                codes.UNKNOWN_REPOSITORY,
            )
        about.update(repository=fqrn, cache=str(effective.config.cache_dir))
        warnings += effective.warnings
        lines = [(line.name, line.value, line.origin) for line in of_repository(effective)]
    if arguments.set:
        lines = [line for line in lines if line[2] != BUILT_IN]
    if context.output.json:
        told = {name: {"value": value, "origin": origin} for name, value, origin in lines}
        context.output.document({**about, "parameters": told, "warnings": list(warnings)})
        return status.OK
    context.output.table(("name", "value", "origin"), lines)
    if "cache" in about:
        context.output.note(f"the cache is {about['cache']}")
    for warning in warnings:
        context.output.note(f"note: {warning}")
    return status.OK


def _common(context: Context) -> Iterator[tuple[str, str, str]]:
    """What all repositories have in common, as name, value, and where it comes from."""
    run = context.run
    yield "tempdir", str(run.tempdir), "-t, PARROT_TEMP_DIR, TMPDIR"
    yield "cache", str(run.cache_dir), "--cvmfs-alien-cache, PARROT_CVMFS_ALIEN_CACHE, tempdir"
    yield "timeout", f"{run.timeout:g}", "-T, PARROT_TIMEOUT"
    yield "repositories", " ".join(run.repositories.names()), "-r, PARROT_CVMFS_REPO"

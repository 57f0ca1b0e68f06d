"""``parrot_cvmfs status``."""

from __future__ import annotations

import argparse
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from parrot_py import instances, telling
from parrot_py.tools import status
from parrot_py.tools.context import Context
from parrot_py.tools.output import span

_MOST_AT_ONCE = 32


def add(parser: argparse.ArgumentParser) -> None:
    """The arguments: none."""


def run(arguments: argparse.Namespace, context: Context) -> int:  # noqa: ARG001 - the signature of all subcommands
    """Show the runs.  JSON: one object with ``instances``."""
    found = list(instances.find())
    with ThreadPoolExecutor(_MOST_AT_ONCE) as pool:
        told = [one for one in pool.map(_told, found) if one is not None]
    if context.output.json:
        context.output.document({"instances": told})
        return status.OK
    if not told:
        context.output.note("no parrot_run of yours is running")
    for one in told:
        context.output.text("".join(f"{status.printable(line)}\n" for line in _lines(one)))
    return status.OK


def _told(instance: instances.Instance) -> dict[str, Any] | None:
    """What *instance* says, or that it says nothing; None where it has ended."""
    about: dict[str, Any] = {"pid": instance.pid, "session": instance.session, "command": instance.command}
    try:
        answer = instances.ask(instance)
    except OSError:  # that no answer came in time is one of them
        return {**about, "answers": False} if instances.still_runs(instance) else None
    figures = {**answer["figures"], "pid": instance.pid}
    return {**about, "answers": True, **figures, "job": answer["job"], "waiting": answer["waiting"]}


def _lines(one: dict[str, Any]) -> list[str]:
    if not one["answers"]:
        text = f"parrot_run {one['pid']}: does not answer (stopped, or busy): {' '.join(one['command'])}"
        return [text]
    head = f"parrot_run {one['pid']}: {span(one['seconds'])}: {' '.join(one['job'])}"
    return [head, *(f"  {line}" for line in telling.lines(one, one["waiting"]))]

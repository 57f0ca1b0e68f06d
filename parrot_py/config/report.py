"""What ``parrot_run --print-config`` prints: each value, and where it comes from."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from parrot_py import codes
from parrot_py.config import kinds, parameters, proxies
from parrot_py.config.effective import Effective
from parrot_py.config.model import Message, RunConfig
from parrot_py.config.sources import Sources

BUILT_IN = "built-in"
_SIMPLE = (kinds.FLAG, kinds.VISIBILITY)


class Line(NamedTuple):
    """One value; passwords in it are masked already."""

    name: str
    value: str
    origin: str

    def __str__(self) -> str:
        return f"{self.name}={self.value}    # from {self.origin}"


class Request(NamedTuple):
    """What to print: the configuration of the repository ``name``, with ``""`` that of the run.

    ``own`` are the run's own values, each with its name and origin; ``sources`` knows the files of the site.
    """

    name: str
    own: tuple[tuple[str, str, str], ...]
    sources: Sources


def make(run: RunConfig) -> Message:
    """What *run* was asked to print, and the exit status.  Raises ConfigError."""
    assert run.report is not None
    try:
        return _repository(run, run.report.name) if run.report.name else _run(run.report)
    finally:
        run.repositories.close()


def _run(request: Request) -> Message:
    made = request.sources.common()
    lines = [line for line in of_repository(made) if line.name in made.settings or line.name in made.sources]
    return Message(_text([*(_line(*each) for each in request.own), *lines], _notes(made.warnings, made.read)), 0)


def _repository(run: RunConfig, name: str) -> Message:
    name = name[len("/cvmfs/") :].strip("/") if name.startswith("/cvmfs/") else name
    made = run.repositories.effective(name)
    if made is None:
        return _unknown(f"{name}: nobody configured such a repository")
    config = made.config
    native = f"/cvmfs/{name}{os.fsdecode(config.subpath)}"
    if config.local and os.path.exists(native):
        return Message(f"{name}: the host's own {native} is used\n", 0)
    if not config.urls:
        return _unknown(f"{name}: no server is known, and the host has no {native}")
    return Message(_text(of_repository(made), _notes(made.warnings, made.read)), 0)


def _unknown(text: str) -> Message:
    return Message(codes.tagged(text, codes.UNKNOWN_REPOSITORY) + "\n", 1)


def of_repository(made: Effective) -> list[Line]:
    """The values that count for one repository: parameters in the order of the documentation, then other variables."""
    rows = parameters.by_name()
    found = [line for row in rows.values() for line in _row(row, made)]
    others = sorted(name for name in made.settings if name not in rows)
    return found + [_line(name, made.settings[name].value, made.settings[name].origin) for name in others]


def _row(row: parameters.Parameter, made: Effective) -> Iterator[Line]:
    setting = made.settings.get(row.name)
    if row.name in made.sources:
        yield _line(row.name, *made.sources[row.name])
    elif setting is not None:
        yield _line(row.name, setting.value, setting.origin + (f" (no effect: {row.ignored})" if row.ignored else ""))
    elif row.has_effect and row.default and "<" not in row.name and (row.plain or row.kind in _SIMPLE):
        yield Line(row.name, row.default, BUILT_IN)


def _line(name: str, value: str, origin: str) -> Line:
    return Line(name, " ".join(proxies.mask(value).split()), origin)


def _notes(warnings: Iterable[str], read: Iterable[str]) -> list[str]:
    return [f"# warning: {line}" for line in warnings] + [f"# read: {path}" for path in read]


def _text(lines: Iterable[Line], notes: Iterable[str]) -> str:
    return "".join(f"{line}\n" for line in [*map(str, lines), *notes])

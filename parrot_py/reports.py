"""What a run leaves in files for whoever started it: how it ended, what it cost, with which environment it began.

Formats: sections 1.1 and 1.10 of the interface document.  A file appears by rename, whole; what is no file
(/dev/stdout) is written to.
"""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from parrot_py import codes
from parrot_py.caller import say
from parrot_py.config.model import RunConfig
from parrot_py.engine.core import Engine
from parrot_py.errors import ConfigError
from parrot_py.figures import Account, Figures, listed
from parrot_py.syscalls.table import Row

NORMAL, ABNORMAL, NOEXEC, NOATTACH = "normal", "abnormal", "noexec", "noattach"

log = logging.getLogger("parrot_py.process")
stats = logging.getLogger("parrot_py.stats")


class Ending(NamedTuple):
    """How the job ended: ``normal`` with an exit status, ``abnormal`` by a signal, or not at all (``noexec``: its
    program could not be started; ``noattach``: tracing is forbidden), with 0.
    """

    word: str
    number: int = 0


def write_ending(path: Path, ending: Ending) -> None:
    """The status file of ``-c``: two lines, a word and a number."""
    _write(path, f"{ending.word}\n{ending.number}\n".encode())


def write_environment(path: Path, entries: Sequence[bytes], directory: bytes) -> None:
    """The list of ``-e``: each entry of the job's environment with a NUL behind it, then a line with its directory.

    Raises ConfigError where the file exists already, or cannot be made.
    """
    try:
        with open(path, "xb") as file:
            file.write(b"".join(entry + b"\0" for entry in entries) + b"PWD=" + directory + b"\n")
    except OSError as error:
        raise ConfigError(f"-e: cannot make {str(path)!r}: {error.strerror}", codes.OUTPUT_FILE) from error


def figures(config: RunConfig, account: Account) -> Figures | None:
    """The figures of the run, if they were asked for.  Trouble is a line in the log, as below."""
    if not config.stats and config.stats_file is None:
        return None
    try:
        return account.figures()
    except OSError as error:
        log.error("no figures of this run: %s", error.strerror, extra=codes.OUTPUT_FILE.extra)
        return None


def write(config: RunConfig, engine: Engine, rows: Sequence[Row], figures: Figures | None) -> None:
    """What was asked to be told about the run when it is over; *figures* are those from above."""
    if config.stats and figures is not None:
        for line in statistics_lines(figures):
            stats.warning("stats: %s", line)
    if config.stats_file is not None and figures is not None:
        write_statistics(config.stats_file, figures)
    if config.syscall_table:
        say(table(engine, rows))


def write_statistics(path: Path, figures: Figures) -> None:
    """The figures of the run: as JSON, or for Prometheus if *path* ends in ``.prom``."""
    if path.suffix == ".prom":
        _write(path, _prometheus(figures).encode("utf-8", "backslashreplace"))
        return
    try:
        import json
    except OSError as error:  # without descriptors
        log.error("cannot write %s: %s", path, error.strerror, extra=codes.OUTPUT_FILE.extra)
        return
    _write(path, json.dumps(figures, indent=2, sort_keys=True).encode() + b"\n")


def statistics_lines(figures: Figures) -> Iterator[str]:
    """The same as lines ``name{label="value"} number`` for the log; names of the engine's counters stand alone."""
    for name, value in figures["engine"].items():
        yield f"{name} {value}"
    for figure in listed(figures):
        if not figure.name.startswith("engine."):
            yield f"{figure.name}{_labels(figure.labels)} {_number(figure.value)}"
    for power, count in enumerate(figures["parked"]["microseconds"]):
        if count:
            yield f'parked.microseconds{{from="{1 << power}"}} {count}'


def _prometheus(figures: Figures) -> str:
    """The text format of Prometheus, version 0.0.4: the lines of one metric together, behind its type."""
    metrics: dict[str, list[str]] = {}
    for figure in listed(figures):
        name = "parrot_" + re.sub("[^a-zA-Z0-9_]", "_", figure.name)
        lines = metrics.setdefault(name, [f"# TYPE {name} {'counter' if figure.grows else 'gauge'}"])
        lines.append(f"{name}{_labels(figure.labels)} {_number(figure.value)}")
    return "\n".join([line for lines in metrics.values() for line in lines] + _histogram(figures["parked"])) + "\n"


def _histogram(parked: Mapping[str, Any]) -> list[str]:
    name, below = "parrot_parked_time_seconds", 0
    lines = [f"# TYPE {name} histogram"]
    last = max((power for power, count in enumerate(parked["microseconds"]) if count), default=-1)
    for power in range(last + 1):
        below += parked["microseconds"][power]
        lines.append(f'{name}_bucket{{le="{(2 << power) / 1e6}"}} {below}')
    return [
        *lines,
        f'{name}_bucket{{le="+Inf"}} {parked["count"]}',
        f"{name}_sum {_number(parked['seconds'])}",
        f"{name}_count {parked['count']}",
    ]


def _labels(labels: Mapping[str, str]) -> str:
    quoted = (
        '{}="{}"'.format(name, text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n"))
        for name, text in labels.items()
    )
    return "{" + ",".join(quoted) + "}" if labels else ""


def _number(value: float) -> str:
    return str(value) if isinstance(value, int) else f"{value:.6f}"


def table(engine: Engine, rows: Sequence[Row]) -> str:
    """The table of ``-W``: how often each call stopped, the most frequent first."""
    counted = [(engine.call_count(index), row.name) for index, row in enumerate(rows)]
    lines = [f"{count:12d}  {name}" for count, name in sorted(counted, reverse=True) if count]
    return "\n".join(["       stops  call", *lines, f"{sum(count for count, _ in counted):12d}  total"]) + "\n"


def _write(path: Path, data: bytes) -> None:
    """Trouble is a line in the log: the job has ended already, and its status is what counts."""
    try:
        if path.exists() and not path.is_file():
            _write_into(path, data)
        else:
            _write_whole(path, data)
    except OSError as error:
        log.error("cannot write %s: %s", path, error.strerror, extra=codes.OUTPUT_FILE.extra)


def _write_whole(path: Path, data: bytes) -> None:
    new = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        new.write_bytes(data)
        os.replace(new, path)
    except OSError:
        new.unlink(missing_ok=True)
        raise


def _write_into(path: Path, data: bytes) -> None:
    """A device or a pipe (/dev/null, /dev/stdout) stays what it is; without a reader a pipe is an error."""
    fd = os.open(path, os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    with open(fd, "wb") as file:
        os.set_blocking(fd, True)
        file.write(data)

"""What a run leaves in files for whoever started it: how it ended, what it cost, with which environment it began.

Formats: sections 1.1 and 1.10 of the interface document.  A file appears by rename, whole.
"""

from __future__ import annotations

import json
import logging
import os
import re
import socket
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from parrot_py import __version__, codes
from parrot_py.engine.core import Engine
from parrot_py.errors import ConfigError
from parrot_py.process import read_status
from parrot_py.syscalls.table import Row

NORMAL, ABNORMAL, NOEXEC, NOATTACH = "normal", "abnormal", "noexec", "noattach"

log = logging.getLogger("parrot_py.process")


class Ending(NamedTuple):
    """How the job ended: ``normal`` with an exit status, ``abnormal`` by a signal, or not at all (``noexec``: its
    program could not be started; ``noattach``: tracing is forbidden), with 0.
    """

    word: str
    number: int = 0


def counters(engine: Engine, rows: Sequence[Row]) -> dict[str, int]:
    """The engine's counters, memory in KiB, and the stops of each call that stopped."""
    found = engine.counters()
    # Not ru_maxrss: that begins with the peak of whoever started us.
    found["rss_max_kib"] = int(read_status(os.getpid())["VmHWM"].split()[0])
    calls = {f"stops.{row.name}": engine.call_count(index) for index, row in enumerate(rows)}
    return {**found, **{name: count for name, count in calls.items() if count}}


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


def write_statistics(path: Path, engine: Mapping[str, int], drivers: Mapping[str, Mapping[str, int]]) -> None:
    """Counters of the engine and, by mount, of the drivers: as JSON, or for Prometheus if *path* ends in ``.prom``."""
    if path.suffix == ".prom":
        _write(path, _prometheus(engine, drivers).encode())
        return
    told = {
        "version": __version__,
        "host": socket.gethostname(),
        "pid": os.getpid(),
        "engine": dict(engine),
        "drivers": {mount: dict(values) for mount, values in drivers.items()},
    }
    _write(path, json.dumps(told, indent=2, sort_keys=True).encode() + b"\n")


def _prometheus(engine: Mapping[str, int], drivers: Mapping[str, Mapping[str, int]]) -> str:
    lines = []
    for name, value in sorted(engine.items()):
        kind, _, call = name.partition(".")
        label = f'{{call="{call}"}}' if call else ""
        lines.append(f"parrot_engine_{kind}{'_by_call' if call else ''}{label} {value}")
    for mount, values in sorted(drivers.items()):
        text = mount.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
        for name, value in sorted(values.items()):
            lines.append(f'parrot_driver_{re.sub("[^a-zA-Z0-9_]", "_", name)}{{mount="{text}"}} {value}')
    return "\n".join(lines) + "\n"


def table(engine: Engine, rows: Sequence[Row]) -> str:
    """The table of ``-W``: how often each call stopped, the most frequent first."""
    counted = [(engine.call_count(index), row.name) for index, row in enumerate(rows)]
    lines = [f"{count:12d}  {name}" for count, name in sorted(counted, reverse=True) if count]
    return "\n".join(["       stops  call", *lines, f"{sum(count for count, _ in counted):12d}  total"]) + "\n"


def _write(path: Path, data: bytes) -> None:
    """Trouble is a line in the log: the job has ended already, and its status is what counts."""
    new = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        new.write_bytes(data)
        os.replace(new, path)
    except OSError as error:
        log.error("cannot write %s: %s", path, error.strerror, extra=codes.OUTPUT_FILE.extra)

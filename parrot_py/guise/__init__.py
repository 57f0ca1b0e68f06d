"""What the job is told of itself and of the machine when options ask for something else than the truth.

The calls that tell are stopped only then: a :class:`Guise` has the table of calls of one run, with lines of its own
(kind ASKED), and *adapters* that change how lines of the usual table are answered.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Callable, NamedTuple

from parrot_py.config.model import Mount, RunConfig
from parrot_py.config.pretences import Pretences
from parrot_py.syscalls.table import MOUNTED_ROWS, ROWS, Row

if TYPE_CHECKING:
    from parrot_py.engine.core import Engine
    from parrot_py.syscalls.call import Answer, Call

    Asked = Callable[[Call], Answer]
    Adapter = Callable[[Call, Answer], Answer]


class Guise(NamedTuple):
    """The table of calls of one run; *asked* answers lines of kind ASKED, *adapters* change answers to others."""

    rows: tuple[Row, ...] = ROWS
    asked: Mapping[str, Asked] = MappingProxyType({})
    adapters: Mapping[str, Adapter] = MappingProxyType({})


class Part(NamedTuple):
    """What one option adds."""

    rows: tuple[Row, ...] = ()
    asked: Mapping[str, Asked] = MappingProxyType({})
    adapters: Mapping[str, Adapter] = MappingProxyType({})


TRUTH = Guise()

_HOSTNAME = b"/proc/sys/kernel/hostname"
_NO_WRITE = 5  # opening asks for X, too


def of(wanted: Pretences, *, mounted: bool = False) -> Guise:
    """The guise that *wanted* asks for, for a run that has mounts, or may have later, if *mounted*."""
    more = MOUNTED_ROWS if mounted else ()
    if wanted == Pretences():  # nobody else pays for the modules that know it
        return TRUTH._replace(rows=(*ROWS, *more))
    from parrot_py.guise.parts import parts

    found = parts(wanted)
    adapters = {name: adapter for part in found for name, adapter in part.adapters.items()}
    usual = [row._replace(always=True) if row.name in adapters else row for row in ROWS]
    asked = {name: answer for part in found for name, answer in part.asked.items()}
    return Guise((*usual, *more, *(row for part in found for row in part.rows)), asked, adapters)


def mounts(config: RunConfig, session: Path) -> list[Mount]:
    """The mounts of *config*, and before them those of files that say the same; they are in the *session* directory."""
    name = config.pretences.hostname
    if name is None:
        return [*config.mounts]
    file = session / "hostname"
    file.write_bytes(os.fsencode(name) + b"\n")
    file.chmod(0o444)
    return [Mount(_HOSTNAME, os.fsencode(file), allowed=_NO_WRITE), *config.mounts]


def prepare(engine: Engine, wanted: Pretences) -> None:
    """Tell the core what it has to know before the job starts."""
    if wanted != Pretences():
        from parrot_py.guise.parts import announce

        announce(engine, wanted)

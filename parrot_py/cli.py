"""The command ``parrot_run``."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

from parrot_py import caller, config, log
from parrot_py.config import Message, RunConfig, directories, environment
from parrot_py.errors import ConfigError, EngineError, ParrotError

if TYPE_CHECKING:
    from parrot_py.packages.unpacked import Unpacked as Own

TROUBLE = 1
"""Exit status when the configuration is wrong: nothing was started."""

CANNOT_TRACE = 125
"""Exit status when the engine cannot run on this host: nothing was started."""


def main(argv: list[str] | None = None) -> int:
    """Run the job that *argv* (default: the process's arguments) describes; answers the exit status.

    The job gets the environment of the process as it was when it started; with *argv* it gets what is in os.environ.
    A run that cannot start says why in one line on stderr.  A job that dies by a signal makes this process die by
    the same one, so this may not return.
    """
    if argv is None:
        return launch(_read)
    return launch(lambda: config.read(argv, os.environ), whole=False)


def launch(read: Callable[[], RunConfig | Message], *, whole: bool = True, own: Own | None = None) -> int:
    """Do what *read* says; answers the exit status.  *whole*: this process is ours alone.

    *own* is removed when the job is over, also where this does not return.
    """
    caller.hold_standard_descriptors()
    try:
        wanted = read()
        if isinstance(wanted, Message):
            return _tell(wanted)
        # A process that is not ours alone stays as it is.
        given = caller.take() if whole else caller.Given.nothing()
        if wanted.doctor:
            from parrot_py.doctor import report

            return report(wanted, given)
        caller.check(given)
        _prepare(wanted)
        if wanted.report is not None:
            return _report(wanted)
    except ConfigError as error:
        return _fail(error, TROUBLE)
    except EngineError as error:
        return _fail(error, CANNOT_TRACE)
    # The engine is loaded only now: messages and mistakes are answered at once.
    from parrot_py.run import run

    try:
        return run(wanted, given, own)
    except ConfigError as error:
        return _fail(error, TROUBLE)
    except EngineError as error:
        return _fail(error, CANNOT_TRACE)


def _read() -> RunConfig | Message:
    """What the process was asked to do."""
    entries = environment.of_caller()
    return config.read(sys.argv[1:], environment.mapping(entries), entries)


def _tell(message: Message) -> int:
    return message.status if caller.say(message.text) else TROUBLE


def _report(wanted: RunConfig) -> int:
    """``--print-config``: its modules are needed here only."""
    from parrot_py.config import report

    return _tell(report.make(wanted))


def _prepare(wanted: RunConfig) -> None:
    directories.prepare(wanted)
    log.start(wanted)


def _fail(error: ParrotError, status: int) -> int:
    caller.complain(" ".join(str(error).splitlines()), error.code)
    return status

"""parrot_run inside parrot_run: a thread has one tracer, so the inner one starts its job in the outer one's /cvmfs.

The outer one is recognised by a question that its engine answers, not by the environment: that may be wiped
(``env -i``), or have come here from elsewhere.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Mapping
from typing import NoReturn

from parrot_py import codes
from parrot_py.caller import Given, complain
from parrot_py.config import ENABLED
from parrot_py.config.model import RunConfig
from parrot_py.engine.core import answers_inside
from parrot_py.errors import ConfigError
from parrot_py.process import read_status

NOT_FOUND, NOT_EXECUTABLE = 127, 126

log = logging.getLogger("parrot_py.process")


def inside(environ: Mapping[str, str]) -> bool:
    """Whether a parrot_run is around this process: ours, or another that says so in *environ* and traces us."""
    return answers_inside() or (bool(environ.get(ENABLED)) and _traced())


def _traced() -> bool:
    try:
        return read_status(os.getpid()).get("TracerPid", "0").strip() != "0"
    except OSError:
        return False  # without /proc nothing can be run anyway


def join(config: RunConfig, given: Given | None) -> NoReturn:
    """Become the job.  What was asked for and can't be had is told in the log.  Exits if the program can't start."""
    asked = f" (without effect: {', '.join(config.own_options)})" if config.own_options else ""
    log.warning(
        "inside another parrot_run: its configuration counts, not this one's%s", asked, extra=codes.NESTED.extra
    )
    missing = [name for name in config.own_repositories if not os.path.isdir(f"/cvmfs/{name}")]
    if missing:
        log.warning(
            "the parrot_run around this one has no %s: give it -r, too", ", ".join(missing), extra=codes.NESTED.extra
        )
    environ = {name: value for name, _, value in (entry.partition(b"=") for entry in config.environ)}
    if given is not None:
        given.restore()
    if config.work_dir is not None:
        try:
            os.chdir(config.work_dir)
        except OSError as error:
            raise ConfigError(f"-w: cannot enter {str(config.work_dir)!r}: {error.strerror}", codes.WORK_DIR) from error
    try:
        os.execvpe(config.command[0], config.command, environ)
    except OSError as error:
        complain(f"cannot run {config.command[0]!r}: {error.strerror}", codes.NOT_STARTED)
        sys.exit(NOT_FOUND if isinstance(error, FileNotFoundError) else NOT_EXECUTABLE)

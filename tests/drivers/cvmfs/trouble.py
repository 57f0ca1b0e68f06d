"""What every failure must look like: EIO, one log line that says everything, and nothing left in the cache."""

from __future__ import annotations

import errno
import logging
import re
from typing import Any, Callable

import pytest


def refused(caplog: pytest.LogCaptureFixture, call: Callable[[], Any], pattern: str, code: int = errno.EIO) -> str:
    """Assert that *call* fails with *code* and writes exactly one line, which matches *pattern*; returns the line."""
    caplog.clear()
    with pytest.raises(OSError, match=r"^\[Errno") as failed:
        call()
    assert failed.value.errno == code
    lines = [r.getMessage() for r in caplog.records if r.name == "parrot_py.cvmfs" and r.levelno >= logging.WARNING]
    assert len(lines) == 1, lines
    assert re.search(pattern, lines[0]), lines[0]
    assert "\n" not in lines[0]
    return lines[0]

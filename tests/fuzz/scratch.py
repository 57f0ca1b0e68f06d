"""Where targets write the files that they need."""

from __future__ import annotations

import atexit
import functools
import shutil
import tempfile
from pathlib import Path


@functools.cache
def directory(name: str) -> Path:
    """A directory of this process; in memory where that is possible, since every input writes there."""
    memory = Path("/dev/shm")
    inside = memory if tempfile.tempdir is None and memory.is_dir() else None
    place = Path(tempfile.mkdtemp(prefix=f"fuzz-{name}-", dir=inside))
    atexit.register(shutil.rmtree, place, ignore_errors=True)
    return place

"""The directory of derived programs: copies that can be started where the original cannot, kept for later runs.

Their names are made from what they are made from, and they appear complete by rename: any number of processes may ask
for the same one at once.
"""

from __future__ import annotations

import hashlib
import logging
import os
import shutil
import tempfile
import time
from collections.abc import Callable

from parrot_py.drivers.base import may_block

_TOUCH_EVERY = 3600.0

log = logging.getLogger("parrot_py.process")


def kept(path: str, purpose: bytes, directory: str, change: Callable[[str], None]) -> str:
    """A copy of *path* in *directory* after *change* was made to it; *purpose* tells copies of one file apart.

    May block, for the copying.
    """
    status = os.stat(path)
    # Not the path: an object of ours has another name in each session, and the same inode in all of them.
    identity = b"%d %d %d %d " % (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)
    target = os.path.join(directory, hashlib.sha256(identity + purpose).hexdigest()[:40])
    if _in_use(target):
        return target
    may_block()
    os.makedirs(directory, exist_ok=True)
    handle, copy = tempfile.mkstemp(dir=directory)
    os.close(handle)
    try:
        shutil.copyfile(path, copy)
        change(copy)
        os.chmod(copy, 0o555)
        os.rename(copy, target)
    except BaseException:
        os.unlink(copy)
        raise
    return target


def executable(path: str, directory: str) -> str:
    """*path* itself if the kernel starts it, else a copy: caches of other clients, or on noexec file systems."""
    if os.access(path, os.X_OK):
        return path
    return kept(path, b"as it is", directory, lambda _: None)


def _in_use(path: str) -> bool:
    """Whether the copy is there; it is noted that somebody wanted it."""
    try:
        status = os.stat(path)
        if time.time() - status.st_atime > _TOUCH_EVERY:
            os.utime(path, ns=(time.time_ns(), status.st_mtime_ns))
    except FileNotFoundError:
        return False
    except OSError as error:
        log.debug("%s: %s", path, error)
    return True

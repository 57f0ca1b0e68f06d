"""Why a job could not be started under trace, and what a site can do."""

from __future__ import annotations

import errno
import os

from parrot_py import codes
from parrot_py.errors import EngineError


def why_not(error: int) -> EngineError:
    """What to raise for the errno of the attempt."""
    if error in (errno.EPERM, errno.EACCES):
        return EngineError(
            "this machine forbids ptrace (PTRACE_SEIZE: Operation not permitted): ask the site to set "
            "kernel.yama.ptrace_scope to 0 or 1, or to allow ptrace in the container's seccomp profile",
            codes.NO_TRACING,
        )
    told = os.strerror(error)
    if error in (errno.ENOSYS, errno.EIO):
        text = f"this kernel or a filter around us has no ptrace that serves (PTRACE_SEIZE: {told})"
        return EngineError(text, codes.NO_PTRACE)
    if error == errno.EAGAIN:
        text = "no process could be started for the job: the limit on processes is reached (ulimit -u, pids.max)"
        return EngineError(text, codes.NO_PROCESS)
    return EngineError(f"the job could not be started under trace: {told}", codes.ENGINE)

"""Why a job could not be started under trace, and what a site can do."""

from __future__ import annotations

import errno
import os

from parrot_py import codes
from parrot_py.codes import Code


def why_not(error: int) -> str:
    """One line about the errno of the attempt."""
    if error in (errno.EPERM, errno.EACCES):
        return (
            "this machine forbids ptrace (PTRACE_SEIZE: Operation not permitted): ask the site to set "
            "kernel.yama.ptrace_scope to 0 or 1, or to allow ptrace in the container's seccomp profile"
        )
    if error in (errno.ENOSYS, errno.EIO):
        return f"this kernel or a filter around us has no ptrace that serves (PTRACE_SEIZE: {os.strerror(error)})"
    if error == errno.EAGAIN:
        return "no process could be started for the job: the limit on processes is reached (ulimit -u, pids.max)"
    return f"the job could not be started under trace: {os.strerror(error)}"


def code_of_errno(error: int) -> Code:
    """The code of that line."""
    if error in (errno.EPERM, errno.EACCES):
        return codes.NO_TRACING
    if error in (errno.ENOSYS, errno.EIO):
        return codes.NO_PTRACE
    return codes.NO_PROCESS if error == errno.EAGAIN else codes.ENGINE

"""What a probe found."""

from __future__ import annotations

from typing import NamedTuple

from parrot_py import codes
from parrot_py.codes import Code

GOOD, NOTE, POOR, BAD = 0, 1, 2, 3
"""As it should be; worth knowing; works with a restriction; no job can run."""


CODES = {
    "machine": codes.MACHINE,
    "engine": codes.ENGINE,
    "/proc": codes.NO_PROC,
    "ptrace_scope": codes.NO_TRACING,
    "tracer": codes.TRACED,
    "seccomp": codes.NO_FILTER,
    "process_vm_readv": codes.NO_READV,
    "ulimit -n": codes.LIMITS,
    "ulimit -v": codes.ADDRESS_SPACE,
    "ulimit -u": codes.NO_THREADS,
    "ulimit -t": codes.LIMITS,
    "ulimit -f": codes.FILE_LIMIT,
    "tempdir": codes.TEMPDIR,
    "its space": codes.DISK_FULL,
    "programs": codes.NOEXEC,
    "writing": codes.TEMPDIR,
    "a job": codes.TRIAL,
    "filters for jobs": codes.NO_FILTER,
    "reading /cvmfs": codes.TRIAL,
    "programs of /cvmfs": codes.TRIAL,
}
"""Name of a finding → its code: for all that can have a remedy."""


class Finding(NamedTuple):
    """One line of the report, and the remedy where there is something to be done."""

    name: str
    state: int
    text: str
    remedy: str = ""

    @property
    def code(self) -> Code | None:
        """The code that the line ends in; what is as it should be has none."""
        return CODES.get(self.name) if self.state >= POOR or self.remedy else None

"""Which parts a guise consists of, by what was asked for."""

from __future__ import annotations

from parrot_py.config.pretences import Pretences
from parrot_py.engine.core import Engine
from parrot_py.engine.kinds import Kind
from parrot_py.guise import Part, blocks, clock, identity, machine, opens
from parrot_py.syscalls.table import Row

# The auxiliary vector (linux/auxvec.h, asm/auxvec.h)
_AT_UID, _AT_EUID, _AT_GID, _AT_EGID, _AT_SYSINFO_EHDR = 11, 12, 13, 14, 33


def parts(wanted: Pretences) -> list[Part]:
    """What the options in *wanted* add to the table of calls."""
    found = []
    if wanted.uid is not None or wanted.gid is not None or wanted.fake_setuid:
        found.append(identity.part(wanted.uid, wanted.gid, tracks=wanted.fake_setuid))
    if wanted.hostname is not None:
        found.append(machine.hostname(wanted.hostname))
    if wanted.pids:
        found.append(machine.pids(wanted.pids))
    if wanted.clock:
        found.append(clock.part(wanted.clock))
    if wanted.no_flock:
        found.append(Part((Row("flock", 73, 143, Kind.NOTHING),)))
    if wanted.sync_writes:
        found.append(opens.part())
    if wanted.block_size is not None:
        found.append(blocks.part(wanted.block_size))
    return found


def announce(engine: Engine, wanted: Pretences) -> None:
    """What programs find when they start."""
    ids = {_AT_UID: wanted.uid, _AT_EUID: wanted.uid, _AT_GID: wanted.gid, _AT_EGID: wanted.gid}
    for key, value in ids.items():
        if value is not None and not wanted.fake_setuid:
            engine.replace_in_auxv(key, value)
    if wanted.clock:
        # Without its vdso a program has to make system calls to know the time.
        engine.replace_in_auxv(_AT_SYSINFO_EHDR, None)
    if wanted.loader is not None:
        engine.set_own_loader()

"""``-b``: the block size that stat tells of everything, by which programs choose how much to read at once."""

from __future__ import annotations

from parrot_py.engine.kinds import Abi
from parrot_py.guise import Part
from parrot_py.guise.opens import plain_args
from parrot_py.syscalls import layouts
from parrot_py.syscalls.call import Answer, Call, Rewrite

# Name: position of the buffer; offset and width of st_blksize in x86_64 and in i386.
_STAT = ((56, 8), (24, 4))
_STAT64 = ((0, 0), (52, 4))
_STATX = ((4, 4), (4, 4))
_PLACES = {
    "stat": (1, _STAT),
    "lstat": (1, _STAT),
    "fstat": (1, _STAT),
    "newfstatat": (2, _STAT),
    "statx": (4, _STATX),
    "stat64": (1, _STAT64),
    "lstat64": (1, _STAT64),
    "fstat64": (1, _STAT64),
    "fstatat64": (2, _STAT64),
}


def part(size: int) -> Part:
    """All forms of stat(2) but the oldest, whose structure has no such field."""
    layouts.choose_block(size)

    def adapted(call: Call, answer: Answer) -> Answer:
        if isinstance(answer, int):
            return answer  # one of ours
        position, places = _PLACES[call.name]
        offset, width = places[1 if call.abi is Abi.I386 else 0]
        after = (call.args[position] + offset, size.to_bytes(width, "little"))
        if isinstance(answer, Rewrite):
            answer.after = after
            return answer
        args = plain_args(call, answer)
        return answer if args is None else Rewrite(args, after=after)

    return Part(adapters=dict.fromkeys(_PLACES, adapted))

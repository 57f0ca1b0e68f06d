"""Random sequences: the same seed makes the same lines."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from random import Random

from tests.differential import names
from tests.differential.calls import SLOTS, _int, _quote, at, at_flags, fd, path
from tests.differential.recipes import ROWS

_WEIGHTS = list(accumulate(row.weight for row in ROWS))
_SHARED = ("call prlimit64", "call flock", "call creat")
KIDS = ("fork", "vm", "fs", "files", "both", "thread")
_PROGRAMS = (
    b"prog", b"script", b"script-bad", b"script-dir", b"script-loop", b"text", b"execonly", b"dir", b"file", b"suid",
    b"missing", b"links/prog", b"unreadable", b"empty", b"links/loop", b"noexec/in", b"fifo", b"sock",
)  # fmt: skip


def _program(r: Random) -> bytes:
    kind = r.random()
    if kind < 0.5:
        return names.R + b"/" + r.choice(_PROGRAMS)
    return r.choice((b"run", b"own", b"odir", b"sw/prog", b"sw/script", b"odead", names.relative(r), b"/bin/true"))


def _exec(r: Random) -> str:
    argv = "a:" + r.choice(("x,one", "prog", "", "x," + "y" * 100))
    if r.random() < 0.7:
        return f"exec execve 59 s:{_quote(_program(r))} {argv} a:"
    target = f"f:{r.randrange(SLOTS)} s:" if r.random() < 0.4 else f"{at(r)} s:{_quote(_program(r))}"
    return f"exec execveat 322 {target} {argv} a: {at_flags(r)}"


def _map(r: Random) -> str:
    protection, flags = r.choice((1, 1, 1, 3, 5, 0)), r.choice((1, 2, 2, 3, 0))
    size, offset = r.choice((1, 4096, 70000, 0)), r.choice((0, 4096, 1))
    return f"map {fd(r)} {_int(size)} {_int(protection)} {_int(flags)} {_int(offset)}"


def _opening(r: Random) -> list[str]:
    """A directory or file that is really there, so that what follows has descriptors to work with."""
    slot, kind = r.randrange(SLOTS), r.random()
    if kind < 0.45:
        where, flags = names.R + b"/" + r.choice(names.FOLDERS), r.choice((0, 0o200000, 0o10000000))
    elif kind < 0.75:
        where, flags = names.R + b"/" + r.choice(names.LEAVES), r.choice((0o4000, 0o4000, 0o10400000, 0o10000000))
    elif kind < 0.9:
        where, flags = r.choice((b"odir", b".", b"own", b"sw", b"swdir", b"/cvmfs", names.OTHER_R)), 0
    else:
        where, flags = names.R + b"/" + r.choice(names.ALIASES), 0o10400000
    return [f"call openat 257 - {slot} d:-100 s:{_quote(where)} {_int(flags)} d:0"]


def _one(r: Random) -> list[str]:
    """The lines of one step."""
    kind = r.random()
    if kind < 0.08:
        return _opening(r)
    if kind < 0.11:
        return [_exec(r)]
    if kind < 0.13:
        return [_map(r)]
    if kind < 0.15:
        slot = r.randrange(SLOTS)
        return [
            f"call getdents64 217 D1 - f:{slot} b:32768 d:32768",
            f"call lseek 8 P - f:{slot} k:{r.randrange(9)} d:0",
        ]
    line = r.choices(ROWS, cum_weights=_WEIGHTS)[0].line(r)
    return [] if line.startswith("call creat") and "fifo" in line else [line]  # it would wait for a reader


def sequence(seed: int, steps: int = 24, *, alone: bool = True) -> list[str]:
    """The lines of the sequence *seed*; not *alone*: others run at the same
    time in the same process, so it leaves limits, locks and FIFOs as they are, and waits for nobody."""
    r = Random(seed)
    lines = [line for _ in range(3) for line in _opening(r)]
    if r.random() < 0.5:
        lines.append(f"call chdir 80 - - s:{_quote(names.R + b'/' + r.choice(names.FOLDERS))}")
    while len(lines) < steps:
        if r.random() < 0.04:
            inside = [line for _ in range(r.randrange(1, 7)) for line in _one(r) if not line.startswith("call linkat")]
            lines += [f"kid {r.choice(KIDS)} {len(inside)}", *inside]
        else:
            lines += _one(r)
    return lines if alone else [line for line in lines if not _concerns_others(line)]


def _concerns_others(line: str) -> bool:
    return line.startswith(_SHARED) or _opens_fifo(line) or _gives_proc_away(line)


def _gives_proc_away(line: str) -> bool:
    """Whether root may change the owner of /proc/self, which is one for all."""
    return "chown" in line.split(" ")[1] and "/proc" in line


def _opens_fifo(line: str) -> bool:
    """Whether somebody opens the FIFO of a tree, who is then there for the others."""
    return line.startswith("call open") and "fifo" in line


def batch(sequences: Sequence[tuple[str, Sequence[str]]]) -> str:
    """The text that the interpreter reads: named sequences."""
    return "".join(f"seq {name}\n" + "".join(f"{line}\n" for line in lines) for name, lines in sequences)


__all__ = ["batch", "path", "sequence"]

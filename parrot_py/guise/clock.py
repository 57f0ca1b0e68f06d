"""``--time-stop`` and ``--time-warp``: all clocks begin at 2001-01-01 UTC, and stand still or go on by 10 ms a look.

Clocks of processor time are the kernel's.  A wait until a moment lasts as long as that is away by the job's own clock,
which is translated into the kernel's.
"""

from __future__ import annotations

import struct
import time

from parrot_py.config.pretences import WARP
from parrot_py.engine.kinds import Abi, Kind
from parrot_py.guise import Part
from parrot_py.syscalls.call import PASS, Answer, Call, Rewrite
from parrot_py.syscalls.table import Row

BEGIN = 978_307_200 * 10**9
TICK = 10_000_000

_REALTIME, _MONOTONIC, _BOOTTIME, _TAI = 0, 1, 7, 11
_CLOCKS = {
    _REALTIME: _REALTIME, _MONOTONIC: _MONOTONIC, 4: _MONOTONIC, 5: _REALTIME, 6: _MONOTONIC, _BOOTTIME: _BOOTTIME,
    8: _REALTIME, 9: _BOOTTIME, _TAI: _TAI,
}  # fmt: skip
"""Clocks of time that passes, and which one tells what each is at for a wait."""

_TIMER_ABSTIME = 1
# futex(2): operations whose time-out is a moment; the clock is a flag, but of LOCK_PI
_FUTEX_LOCK_PI, _FUTEX_CLOCK_REALTIME, _FUTEX_FLAGS = 6, 256, 128 | 256
_FUTEX_UNTIL = (_FUTEX_LOCK_PI, 9, 11, 13)
_WIDE, _NARROW = struct.Struct("<qq"), struct.Struct("<ii")
_NEW_CALLS = ("clock_gettime64", "clock_nanosleep_time64", "futex_time64")  # of i386, with times of 64 bits


def part(how: str) -> Part:
    """The calls that tell the time or wait for a moment."""
    clock = _Clock(how)
    rows = (
        Row("clock_gettime", 228, 265, Kind.ASKED),
        Row("clock_gettime64", None, 403, Kind.ASKED),
        Row("gettimeofday", 96, 78, Kind.ASKED),
        Row("time", 201, 13, Kind.ASKED),
        Row("clock_nanosleep", 230, 267, Kind.ASKED),
        Row("clock_nanosleep_time64", None, 407, Kind.ASKED),
        Row("futex", 202, 240, Kind.ASKED),
        Row("futex_time64", None, 422, Kind.ASKED),
    )
    asked = {
        "clock_gettime": clock.gettime,
        "clock_gettime64": clock.gettime,
        "gettimeofday": clock.gettimeofday,
        "time": clock.time,
        "clock_nanosleep": clock.nanosleep,
        "clock_nanosleep_time64": clock.nanosleep,
        "futex": clock.futex,
        "futex_time64": clock.futex,
    }
    return Part(rows, asked)


def _timespec(call: Call) -> struct.Struct:
    return _NARROW if call.abi is Abi.I386 and call.name not in _NEW_CALLS else _WIDE


class _Clock:
    """The one clock of a job."""

    def __init__(self, how: str) -> None:
        self._now = BEGIN
        self._step = TICK if how == WARP else 0

    def _look(self) -> tuple[int, int]:
        """Seconds and nanoseconds."""
        now = self._now
        self._now += self._step
        return divmod(now, 10**9)

    def gettime(self, call: Call) -> Answer:
        """clock_gettime(clock, ts)."""
        if call.int32(0) not in _CLOCKS:
            return PASS
        call.write(call.args[1], _timespec(call).pack(*self._look()))
        return 0

    def gettimeofday(self, call: Call) -> Answer:
        """gettimeofday(tv, tz): the time zone is UTC."""
        seconds, ns = self._look()
        if call.args[0]:
            call.write(call.args[0], _timespec(call).pack(seconds, ns // 1000))
        if call.args[1]:
            call.write(call.args[1], bytes(8))
        return 0

    def time(self, call: Call) -> Answer:
        """time(t)."""
        seconds = self._look()[0]
        if call.args[0]:
            call.write(call.args[0], seconds.to_bytes(call.layout.width, "little"))
        return seconds

    def nanosleep(self, call: Call) -> Answer:
        """clock_nanosleep(clock, flags, request, remaining)."""
        clock = call.int32(0)
        if not call.flags(1) & _TIMER_ABSTIME or clock not in _CLOCKS:
            return PASS
        return self._until(call, 2, _CLOCKS[clock])

    def futex(self, call: Call) -> Answer:
        """futex(word, operation, value, time-out, …)."""
        operation = call.flags(1)
        kind = operation & ~_FUTEX_FLAGS
        if kind not in _FUTEX_UNTIL or not call.args[3]:
            return PASS
        real = operation & _FUTEX_CLOCK_REALTIME or kind == _FUTEX_LOCK_PI
        return self._until(call, 3, _REALTIME if real else _MONOTONIC)

    def _until(self, call: Call, position: int, clock: int) -> Answer:
        """The call with the moment in argument *position* as the kernel's *clock* has it."""
        form = _timespec(call)
        seconds, ns = form.unpack(call.read(call.args[position], form.size))
        if seconds < 0 or not 0 <= ns < 10**9:
            return PASS  # EINVAL, as the kernel says
        away = max(seconds * 10**9 + ns - self._now, 0)
        moment = min(time.clock_gettime_ns(clock) + away, (1 << (8 * form.size // 2 - 1)) * 10**9 - 1)
        args: list[int | bytes | list[int | bytes]] = list(call.args)
        args[position] = form.pack(*divmod(moment, 10**9))
        return Rewrite(args)

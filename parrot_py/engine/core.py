"""The typed face of the C core.  Nobody else in parrot_py sees cdata.

One thread makes an :class:`Engine`, spawns the job and calls :meth:`Engine.next` until it returns :data:`DONE`; the
kernel accepts requests for the job's threads from that thread only.  Each :class:`Stop` is answered exactly once, at
once or later (after :meth:`Engine.park`).  A stop whose thread has died or was sent back in the meantime is answered
in vain, which is no error: the next event tells.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Sequence
from itertools import accumulate
from typing import TYPE_CHECKING

from parrot_py import codes
from parrot_py.engine._core import ffi, lib
from parrot_py.engine.kinds import CallSpec, Thread
from parrot_py.engine.memory import Memory
from parrot_py.engine.refusal import why_not
from parrot_py.engine.stop import CData, Stop
from parrot_py.errors import EngineError

if TYPE_CHECKING:
    from parrot_py.caller import Given

__all__ = [
    "DIRECTORY",
    "DONE",
    "EXEC",
    "FILTER",
    "KNOCK",
    "LEFT",
    "LIMITS",
    "REPORT",
    "STOPPED",
    "WOKEN",
    "Engine",
    "Stop",
    "answers_inside",
]

_UNLIMITED = 0xFFFFFFFFFFFFFFFF  # Python writes RLIM_INFINITY as -1
_AT_IGNORE = 1
EXEC, FILTER, DIRECTORY, LIMITS = range(4)  # steps of a start: see spawn.c
DONE, STOPPED, WOKEN = lib.PP_DONE, lib.PP_STOPPED, lib.PP_WOKEN
REPORT, KNOCK, LEFT = lib.PP_REPORT, lib.PP_KNOCK, lib.PP_LEFT
"""Bits of :meth:`Engine.take_news`."""


def answers_inside() -> bool:
    """Whether this process is in the job of another Engine, which answers a ptrace request that no kernel knows."""
    return bool(lib.pp_answers_inside())


class Engine(Memory):
    """Traces one job.  All methods but :meth:`wake` belong to the thread that made it."""

    def __init__(self, calls: Sequence[CallSpec], *, use_seccomp: bool = True) -> None:
        table = ffi.new("struct pp_call[]", [list(call) for call in calls])
        self.use_seccomp = use_seccomp and bool(lib.pp_seccomp_available())
        e = lib.pp_new(table, len(calls), self.use_seccomp)
        if e == ffi.NULL:
            raise EngineError(
                "the system call table names a number twice or out of range, or memory is out", codes.ENGINE
            )
        self._e = ffi.gc(e, lib.pp_free)
        self._stop, self._token = ffi.new("struct pp_stop *"), ffi.new("struct pp_stop *")
        self._args = ffi.new("unsigned long long[6]")

    def set_prefixes(
        self,
        prefixes: Sequence[bytes],
        backs: Sequence[bytes] = (),
        mounts: Sequence[tuple[bytes, bytes | None]] = (),
    ) -> None:
        """Names at and below *prefixes* (absolute, canonical; ``b""`` is the root) are for Python to answer.

        The job knows the places *backs* of the host by other names.  *mounts*: prefix and place of each mount, of which
        the last that matches counts; where the place is all there is to know about it the core may use it by itself.
        """
        lib.pp_forget_prefixes(self._e)
        failed = any(lib.pp_add_prefix(self._e, prefix, len(prefix)) for prefix in prefixes)
        if failed or any(lib.pp_add_back(self._e, place, len(place)) for place in backs):
            raise EngineError("no memory for the table of mounts", codes.ENGINE)
        for prefix, place in mounts:
            where, length = (ffi.NULL, 0) if place is None else (place, len(place))
            if lib.pp_add_mount(self._e, prefix, len(prefix), where, length):
                raise EngineError("no memory for the table of mounts", codes.ENGINE)

    def set_session(self, directory: bytes) -> None:
        """Descriptors and working directories below *directory* are ours."""
        if lib.pp_set_session(self._e, directory, len(directory)) != 0:
            raise EngineError(f"the session directory's name is too long: {os.fsdecode(directory)}", codes.LONG_TEMPDIR)

    def set_host(self, *, merge_root: bool, prefixes_exist: bool) -> None:
        """Whether listings of ``/`` are ours too, and whether a mount prefix exists on the host."""
        lib.pp_set_merge_dirs(self._e, merge_root)
        lib.pp_set_host_lookup(self._e, prefixes_exist)

    def replace_in_auxv(self, key: int, value: int | None) -> None:
        """Let programs that are started find *value* for *key* in their auxiliary vector; ``None``: nothing."""
        if lib.pp_replace_auxv(self._e, key, _AT_IGNORE if value is None else key, value or 0):
            raise EngineError("no memory for the auxiliary vector", codes.ENGINE)

    def set_own_loader(self) -> None:
        """Let every start of a program that has a loader be told."""
        lib.pp_set_own_loader(self._e, True)

    def set_persona(self, stop: Stop, persona: int) -> None:
        """Take the thread of *stop*, and the children that it makes from now on, for *persona*."""
        lib.pp_set_persona(self._e, self._name(stop), persona)

    def after(self, stop: Stop, address: int, data: bytes) -> None:
        """When the call that :meth:`rewrite` is about to run succeeds, write *data* at *address*."""
        if lib.pp_after(self._e, self._name(stop), address, data, len(data)) == -errno.ENOMEM:
            raise OSError(errno.ENOMEM, os.strerror(errno.ENOMEM))

    def record(self) -> None:
        """Show every call that takes a path, native ones too; before the job starts."""
        lib.pp_set_recorded(self._e)

    def is_native(self, path: bytes) -> bool:
        """Whether the host alone decides about the absolute *path*, by way of no link of /proc or /dev."""
        return bool(lib.pp_is_native(self._e, path))

    def is_native_program(self, path: bytes) -> bool:
        """Whether *path* is such a file, and a program (no script) that the kernel can start as it is."""
        return bool(lib.pp_is_native_program(self._e, path))

    def spawn(
        self,
        argv: Sequence[bytes],
        environ: Sequence[bytes],
        given: Given | None = None,
        directory: bytes | None = None,
    ) -> int:
        """Start ``argv[0]`` (searched in the caller's PATH) as the job's first process; returns its pid.

        *environ* are the entries of its environment (``NAME=value``, usually) as they are to be, *given*
        what else it is to have of the caller's, *directory* where it begins, as the job itself sees names.
        Raises EngineError when this machine forbids tracing.
        """
        args, env = ([ffi.new("char[]", text) for text in texts] for texts in (argv, environ))
        c_argv = ffi.new("char *[]", [*args, ffi.NULL])
        c_env = ffi.new("char *[]", [*env, ffi.NULL])
        c_given = ffi.NULL if given is None else _given(given)
        c_directory = ffi.NULL if directory is None else ffi.new("char[]", directory)
        pid = lib.pp_spawn(self._e, args[0], c_argv, c_env, c_given, c_directory)
        if pid < 0:
            raise why_not(-pid)
        return int(pid)

    def next(self) -> Stop | int:
        """Wait, without Python's lock, for a stop that concerns us; or :data:`WOKEN`; or :data:`DONE`."""
        event = lib.pp_next(self._e, self._stop)
        return Stop(self._stop) if event == STOPPED else int(event)

    def wake(self) -> None:
        """Make :meth:`next` return :data:`WOKEN` soon.  For any thread."""
        lib.pp_wake(self._e)

    def _name(self, stop: Stop) -> CData:
        self._token.tid, self._token.serial = stop.tid, stop.serial
        return self._token

    def answer(self, stop: Stop, value: int) -> None:
        """Skip the call; the job sees *value* (``-errno`` for a failure)."""
        lib.pp_answer(self._e, self._name(stop), value)

    def resume(self, stop: Stop) -> None:
        """Let the kernel run the call as it is."""
        lib.pp_resume(self._e, self._name(stop))

    def park(self, stop: Stop) -> None:
        """Keep the thread in its stop; signals for it are still noticed and served."""
        lib.pp_park(self._e, self._name(stop))

    def is_parked(self, stop: Stop) -> bool:
        """Whether the thread of a parked stop is still there and parked; it stays so."""
        return bool(lib.pp_is_parked(self._e, self._name(stop)))

    def take_news(self) -> int:
        """What happened beside the stops since the last time: REPORT, KNOCK, LEFT."""
        return int(lib.pp_take_news(self._e))

    def waits(self, stop: Stop) -> bool:
        """Whether the thread of a parked stop is still there; if not, its memory is not to be touched."""
        return bool(lib.pp_waits(self._e, self._name(stop)))

    def redirect(self, stop: Stop, arg: int, path: bytes, *, one_stop: bool) -> None:
        """Run the call with path argument *arg* replaced, unseen by the job.

        *one_stop* is for calls that cannot sleep interruptibly: no stop at their exit is needed then.  Raises OSError
        where that cannot be done: the stop is still to be answered.
        """
        _check(lib.pp_redirect(self._e, self._name(stop), arg, path, len(path), one_stop))

    def scratch(self, stop: Stop, size: int) -> int | None:
        """Address of *size* bytes of ours in the job; ``None``: the stop is consumed, the call will come back."""
        address = ffi.new("unsigned long long *")
        return int(address[0]) if _check(lib.pp_scratch(self._e, self._name(stop), size, address)) else None

    def poke(self, stop: Stop, address: int, data: bytes) -> bool:
        """Fill scratch memory; False: the stop is consumed, the call will come back."""
        return _check(lib.pp_poke(self._e, self._name(stop), address, data, len(data)))

    def rewrite(
        self,
        stop: Stop,
        args: Sequence[int],
        *,
        nr: int = -1,
        result: int | None = None,
        instead_of: int = 0,
        exec_name: bytes | None = None,
    ) -> None:
        """Run the call with other arguments (and number); every register but the result is restored at its exit.

        A successful call returns *result* where that is given; with *instead_of*, one that fails with that errno does.
        *exec_name*: what AT_EXECFN is to say.
        """
        for i, value in enumerate(args):
            self._args[i] = value & 0xFFFFFFFFFFFFFFFF
        name = ffi.NULL if exec_name is None else exec_name
        length = -1 if exec_name is None else len(exec_name)
        result_for = -instead_of or int(result is not None)
        lib.pp_rewrite(self._e, self._name(stop), nr, self._args, result_for, result or 0, name, length)

    def warm_name(
        self,
        key: bytes,
        valid: int,
        *,
        error: int = 0,
        stat: bytes | None = None,
        no_xattrs: bool = False,
        target: bytes | None = None,
        obj: bytes | None = None,
    ) -> None:
        """Let the core answer for the name *key*: *stat* is its ``struct stat``, or *error* why there is none.

        *valid* tells for which treatment of a final link this holds (and MOUNT_ROOT); *obj* is what anybody's open
        may be redirected to.
        """
        lib.pp_warm_name(
            self._e, key, len(key), valid, error, stat or ffi.NULL, no_xattrs, obj or ffi.NULL, len(obj or b""),
            target or ffi.NULL, len(target or b""),
        )  # fmt: skip

    def warm_clear(self) -> None:
        """Forget everything that the core may answer by itself."""
        lib.pp_warm_clear(self._e)

    def warm_dirents(self, key: bytes, records: Sequence[bytes]) -> None:
        """Let the core answer getdents64 on descriptors whose /proc text is *key*."""
        ends = list(accumulate(map(len, records)))
        lib.pp_warm_dirents(self._e, key, len(key), b"".join(records), ends[-1] if ends else 0, ends, len(ends))

    @property
    def root_status(self) -> int:
        """Wait status of the job's first process, once :meth:`next` returned :data:`DONE`."""
        return int(lib.pp_root_status(self._e))

    def start_failure(self) -> tuple[int, int]:
        """At which step (EXEC …) the job's first program failed to start, and with which errno: 0 if it did."""
        error = ffi.new("int *")
        return int(lib.pp_start_failure(self._e, error)), int(error[0])

    def counters(self) -> dict[str, int]:
        """The core's counters by name."""
        names = (
            "stops", "resumed_in_core", "warm", "python", "extra", "injected", "processes",
            "execs", "signals", "other", "foreign",
        )  # fmt: skip
        return {name: int(lib.pp_counter(self._e, i)) for i, name in enumerate(names)}

    def thread(self, tid: int) -> Thread | None:
        """The thread *tid*; ``None`` when it is not of the job."""
        debugger, no_new_privs, filters = ffi.new("int *"), ffi.new("int *"), ffi.new("int *")
        confined = lib.pp_thread(self._e, tid, debugger, no_new_privs, filters)
        if confined < 0:
            return None
        return Thread(debugger[0], bool(no_new_privs[0]), bool(filters[0]), bool(confined))

    def call_count(self, index: int) -> int:
        """How often the call of table line *index* stopped."""
        return int(lib.pp_call_count(self._e, index))


def _check(failed: int) -> bool:
    """Whether it was done; False: the stop is consumed, since its thread died or its call will come back."""
    if failed < 0 and failed != -errno.ESRCH:
        raise OSError(-failed, f"the job's memory cannot be written: {os.strerror(-failed)}")
    return not failed


def _given(given: Given) -> CData:
    limits = [(number, soft & _UNLIMITED, hard & _UNLIMITED) for number, soft, hard in given.limits]
    return ffi.new("struct pp_given *", (given.umask, given.ignored, len(limits), limits))

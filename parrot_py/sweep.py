"""Removing the session's objects that no process of the job uses any more.

A link keeps its content on the disk whatever the cache evicts, and a job may open more than the cache can hold.  So
when the links of a session keep a good part of that, or there are very many objects of any kind, they are all taken out
of use (:meth:`FdTable.end_round`), and a thread removes those that no process has open, mapped or as its directory.  It
waits for calls in flight first: a thread of the job may have been sent to open one of these paths and not have done it
yet, and would find nothing.  An object that is removed while it is in use does no harm: descriptors, mappings and
working directories outlive it.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence

from parrot_py import threads

SHARE = 4
"""A sweep is due when the links of a round keep one part in so many of what the store may hold."""
_LEAST = 1 << 20
_TICKS = 3
_LOOK_AGAIN = 0.01

log = logging.getLogger("parrot_py.process")


class Sweeper:
    """Sweeps the session *directory*; *capacity* tells, on any thread, how much the store may hold (0: no limit)."""

    def __init__(self, directory: bytes, capacity: Callable[[], int]) -> None:
        self._directory = directory
        self._capacity = capacity
        self._bound: int | None = None
        self._old: list[bytes] = []  # belongs to the thread while that lives
        self._thread: threading.Thread | None = None
        self._ends = threading.Event()

    def due(self, linked: int, *, crowded: bool = False) -> bool:
        """Whether it is time to sweep: what was made since the last time keeps *linked* bytes, or is *crowded*.

        Never waits.
        """
        if self._thread is not None and self._thread.is_alive():
            return False
        if crowded:
            return True
        if self._bound is None or (self._bound < 0 and linked > -self._bound):
            self._run(lambda: self._look(linked))
            return False
        return 0 <= self._bound < linked

    def start(self, paths: Sequence[bytes]) -> None:
        """Remove *paths*, which nobody is told any more, as soon as nobody uses them."""
        self._old += paths
        self._run(self._sweep)

    def stop(self) -> None:
        """Come to an end.  The session's directory is removed next."""
        self._ends.set()
        if self._thread is not None:
            self._thread.join(10)

    def _run(self, work: Callable[[], None]) -> None:
        def guarded() -> None:
            try:
                work()
            except OSError as error:  # no descriptor is left: what is not removed now is taken the next time
                log.debug("the session is not swept: %s", error)

        self._thread = threads.start(guarded, "parrot-sweep")

    def _look(self, linked: int) -> None:
        """Find out how much is too much; where nobody tells, ask again when there is twice as much."""
        capacity = self._capacity()
        self._bound = capacity // SHARE if capacity else -2 * max(linked, _LEAST)

    def _sweep(self) -> None:
        if not _wait_for_calls_in_flight(self._ends):
            return
        processes = list(_processes())
        used = {name for pid in processes for name in _in_use(pid, self._directory)}
        before = len(self._old)
        self._old = [path for path in self._old if path in used or not _removed(path)]
        log.debug("%d of %d objects of the session were in use no more", before - len(self._old), before)
        self._look(0)


def _removed(path: bytes) -> bool:
    folder = os.path.dirname(path)
    try:
        if os.path.basename(folder) == b"d":
            os.rmdir(path)
        else:
            os.unlink(path)
        if os.path.basename(os.path.dirname(folder)) == b"x":
            os.rmdir(folder)
    except OSError as error:
        log.debug("%s: %s", os.fsdecode(path), error)
        return not os.path.lexists(path)
    return True


def _processes() -> Iterator[int]:
    """The processes that we trace."""
    ours = b"\nTracerPid:\t%d\n" % os.getpid()
    for name in os.listdir("/proc"):
        if name.isdigit() and ours in _read(f"/proc/{name}/status"):
            yield int(name)


def _read(path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError:
        return b""  # gone meanwhile


def _names(folder: str) -> list[str]:
    try:
        return os.listdir(folder)
    except OSError:
        return []


def _in_use(pid: int, directory: bytes) -> Iterator[bytes]:
    """The names below *directory* that process *pid* has open or mapped, and where its threads are."""
    inside = directory + b"/"
    links = [f"/proc/{pid}/fd/{fd}" for fd in _names(f"/proc/{pid}/fd")]
    for place in [*links, *(f"/proc/{pid}/task/{tid}/cwd" for tid in _names(f"/proc/{pid}/task"))]:
        try:
            link = os.readlink(os.fsencode(place))
        except OSError:
            continue
        if link.startswith(inside):
            yield link
    for line in _read(f"/proc/{pid}/maps").splitlines():
        start = line.find(inside)
        if start >= 0:
            yield line[start:]


def _activity(task: str) -> tuple[bytes, int]:
    """State of the thread */proc/PID/task/TID*, and the processor time that it has had, in ticks."""
    fields = _read(f"{task}/stat").rpartition(b")")[2].split()
    return (fields[0], int(fields[11]) + int(fields[12])) if len(fields) > 12 else (b"X", 0)


def _wait_for_calls_in_flight(ends: threading.Event) -> bool:
    """Wait until every thread of the job has done what it was told before now; False when the job *ends*.

    Opening a file of ours takes next to no processor time and does not sleep, except for the disk.  So a thread is past
    it when it sleeps, is stopped, or has run for some ticks.
    """
    tasks = [f"/proc/{pid}/task/{tid}" for pid in _processes() for tid in _names(f"/proc/{pid}/task")]
    if not tasks:
        return False  # /proc does not show them: nothing can be told
    waiting = {task: ran for task, (state, ran) in _each(tasks) if state in b"RD"}
    while waiting:
        if ends.wait(_LOOK_AGAIN):
            return False
        now = _each(waiting)
        waiting = {task: waiting[task] for task, (state, ran) in now if state in b"RD" and ran - waiting[task] < _TICKS}
    return not ends.is_set()


def _each(tasks: Iterable[str]) -> Iterator[tuple[str, tuple[bytes, int]]]:
    return ((task, _activity(task)) for task in tasks)

"""What is under way for somebody who waits: which thread works for whom, and what it is getting from where.

A *task* is something that somebody waits for.  The thread that works on it says so (:func:`serving`), helpers are
started with :func:`inherited`, and who waits for what another thread fetches already is :func:`behind` that one's task.
What is got from a server is a *transfer* of the task that the thread works on; without a task it is nobody's.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Callable

_thread = threading.local()


class Transfer:
    """Something that is being got: *what*, from *host* through *proxy* (empty: unknown, or none).

    Its own thread writes, any other may read.
    """

    __slots__ = ("began", "host", "proxy", "received", "what")

    def __init__(self, what: str, host: str = "", proxy: str = "") -> None:
        self.what, self.host, self.proxy = what, host, proxy
        self.received = 0
        self.began = time.monotonic()


class Task:
    """Something that somebody waits for.  Thread-safe: each change is one operation on a dict."""

    __slots__ = ("_behind", "_transfers")

    def __init__(self) -> None:
        self._transfers: dict[int, Transfer] = {}
        self._behind: dict[int, Task] = {}

    def transfers(self) -> list[Transfer]:
        """What is being got for it now, the oldest first."""
        found: dict[int, Transfer] = {}
        seen: set[int] = set()
        todo = [self]
        while todo:
            task = todo.pop()
            if id(task) not in seen:
                seen.add(id(task))
                found.update(list(task._transfers.items()))
                todo += list(task._behind.values())
        return sorted(found.values(), key=lambda transfer: transfer.began)


def current() -> Task | None:
    """What this thread works on."""
    return getattr(_thread, "task", None)


@contextmanager
def serving(task: Task | None) -> Iterator[None]:
    """Inside, *task* is what this thread works on."""
    before, _thread.task = current(), task
    try:
        yield
    finally:
        _thread.task = before


@contextmanager
def behind(task: Task) -> Iterator[None]:
    """What this thread works on waits inside for what is done for *task*."""
    ours = current()
    if ours is None or ours is task:
        yield
        return
    ours._behind[id(task)] = task
    try:
        yield
    finally:
        ours._behind.pop(id(task), None)


@contextmanager
def transferring(what: str, host: str = "", proxy: str = "") -> Iterator[Transfer]:
    """Inside, this thread gets *what*."""
    transfer, task = Transfer(what, host, proxy), current()
    if task is not None:
        task._transfers[id(transfer)] = transfer
    try:
        yield transfer
    finally:
        if task is not None:
            del task._transfers[id(transfer)]


def inherited(target: Callable[[], Any]) -> Callable[[], Any]:
    """*target*, to be run by a thread that helps this one."""
    task = current()
    if task is None:
        return target

    def help_out() -> Any:
        with serving(task):
            return target()

    return help_out

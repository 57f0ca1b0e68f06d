"""Whether somebody waits for what a thread fetches.

What the job asked for is a *demand*.  What is fetched because the job may ask for it is *background* work: it takes
transfers that no demand needs, and its troubles are nobody's.  A thread does demands unless it says otherwise.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Callable

if TYPE_CHECKING:
    from parrot_py.drivers.cvmfs.net.slots import Slots

_thread = threading.local()


class Background:
    """One piece of background work, with the *slots* that it has to share.  Thread-safe."""

    def __init__(self, slots: Slots) -> None:
        self._slots = slots
        self.wanted = False
        """A demand waits for this work by now, so it need not stand back any longer."""

    def hurry(self) -> None:
        """Tell that a demand waits for this work."""
        self.wanted = True
        self._slots.look_again()

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Do what is inside as a part of this work, once there is a transfer to spare; raises Ended."""
        with self._slots.spare(self):
            before, _thread.work = current(), self
            try:
                yield
            finally:
                _thread.work = before


def current() -> Background | None:
    """The background work that this thread does, None when it serves a demand."""
    return getattr(_thread, "work", None)


def stands_back() -> bool:
    """Whether this thread does background work that nobody waits for."""
    work = current()
    return work is not None and not work.wanted


def inherited(target: Callable[[], None]) -> Callable[[], None]:
    """*target*, to be run by a thread that helps this one: with the same urgency, and with a transfer of its own."""
    work = current()
    if work is None:
        return target

    def help_out() -> None:
        try:
            with work.turn():
                target()
        except Ended:
            return  # whoever is helped goes on alone, and finds out itself

    return help_out


class Ended(Exception):
    """There is no more background work: the repository was closed."""

"""Calls of packages that promise nothing: bounded in time, and whatever they raise becomes one kind of failure."""

from __future__ import annotations

import errno
import logging
import signal
import threading
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout
from typing import TypeVar

from parrot_py.drivers import deadline
from parrot_py.drivers.cvmfs.trouble import Failure

T = TypeVar("T")

_SAID_MISSING = ("[3011]",)
"""How packages say that there is no such file without saying so by the exception: kXR_NotFound of xrootd."""

log = logging.getLogger("parrot_py.remote")


class Bounded:
    """Runs questions to one server on threads of their own.

    One that does not end within *patience* seconds is given up: its thread is left behind and ends with the process.
    """

    def __init__(self, name: str, patience: float) -> None:
        self._name, self._patience = name, patience
        self._closed = threading.Event()

    def call(self, what: str, question: Callable[[], T]) -> T:
        """The answer to *question*.

        Raises the facts that it raised (FileNotFoundError, NotADirectoryError, PermissionError, KeyError), and Failure,
        which says that it was *what*, for everything else.
        """
        if self._closed.is_set():
            raise Failure(f"{what}: closed")
        answer: Future[T] = Future()
        threading.Thread(target=_run, args=(question, answer), name="parrot-remote", daemon=True).start()
        try:
            return answer.result(deadline.seconds(self._patience))
        except (FileNotFoundError, NotADirectoryError, PermissionError, KeyError, Failure):
            raise
        except (TimeoutError, FutureTimeout):  # one and the same since Python 3.11
            why = f"{what}: no answer within {deadline.seconds(self._patience):g} s"
            raise Failure(why, errno.ETIMEDOUT, unreachable=True) from None
        except Exception as error:
            if any(mark in str(error) for mark in _SAID_MISSING):
                raise FileNotFoundError(errno.ENOENT, str(error)) from None
            log.debug("%s: %s", self._name, what, exc_info=True)
            text = " ".join(str(error).split())[:200] or type(error).__name__
            raise Failure(f"{what}: {text}", unreachable=True) from None

    def close(self) -> None:
        """Ask nothing any more."""
        self._closed.set()


def _run(question: Callable[[], T], answer: Future[T]) -> None:
    # Threads that a package starts by itself (XRootD's client has a score) would take the signals that the tracer waits
    # for: they get the mask of this one.
    signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    try:
        answer.set_result(question())
    except BaseException as error:  # noqa: BLE001 - whoever asked gets it
        answer.set_exception(error)

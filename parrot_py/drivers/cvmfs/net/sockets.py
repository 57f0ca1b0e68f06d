"""Sockets that know the patience of the transfer they serve, and that wake up when all is to end.

A library for HTTP bounds each single wait but not the sum of them, so a server that sends a byte now and then could
hold a transfer for ever.
"""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import threading
import time
import weakref
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from parrot_py.drivers.cvmfs.ending import Ending
from parrot_py.drivers.cvmfs.net.outcome import CONNECT, SLOW, TransferError
from parrot_py.drivers.cvmfs.net.patience import Patience

if TYPE_CHECKING:
    import ssl


TIMED_OUT = (socket.timeout, TimeoutError)
"""What a wait that took too long raises: two classes before Python 3.10."""


class _Pace(threading.local):
    """What this thread's transfer allows: the longest wait in seconds, patience, and when the head must be there."""

    period = 0.0
    patience: Patience | None = None
    head_until: float | None = None


_pace = _Pace()


@contextmanager
def paced(patience: Patience, period: float) -> Iterator[None]:
    """Inside, no wait of this thread's sockets is longer than *period* or outlasts *patience*."""
    _pace.patience, _pace.period, _pace.head_until = patience, period, None
    try:
        yield
    finally:
        _pace.patience = _pace.head_until = None


@contextmanager
def head() -> Iterator[None]:
    """Inside, the head of an answer is awaited: it must be complete within one period, however it is dealt out."""
    _pace.head_until = time.monotonic() + _pace.period
    try:
        yield
    finally:
        _pace.head_until = None


def _hurry(sock: socket.socket) -> None:
    """Let the next wait on *sock* end in time."""
    if _pace.patience is None:
        return
    left = min(_pace.period, _pace.patience.left())
    if _pace.head_until is not None:
        left = min(left, _pace.head_until - time.monotonic())
    if left <= 0:
        raise TIMED_OUT[0]("patience is over")
    sock.settimeout(left)


class BoundedSocket(socket.socket):
    """A TCP connection."""

    def recv_into(self, *args: Any, **kwargs: Any) -> int:
        """As usual, but not for longer than this thread may wait."""
        _hurry(self)
        return super().recv_into(*args, **kwargs)


def tls_socket_class(crowd: Crowd) -> type[ssl.SSLSocket]:
    """The class for TLS on such connections, which keeps them in *crowd*."""
    import ssl

    class BoundedTlsSocket(ssl.SSLSocket):
        def do_handshake(self, block: bool = False) -> None:
            crowd.add(self)
            _hurry(self)
            super().do_handshake(block)

        def recv_into(self, *args: Any, **kwargs: Any) -> int:
            _hurry(self)
            return super().recv_into(*args, **kwargs)

    return BoundedTlsSocket


class Crowd:
    """The connections that are open, so that all can be cut at the end.  Thread-safe."""

    def __init__(self, ending: Ending) -> None:
        self._ending = ending
        self._lock = threading.Lock()
        self._sockets: weakref.WeakSet[socket.socket] = weakref.WeakSet()

    def add(self, sock: socket.socket) -> None:
        """*sock* takes part; when the end has come it is cut at once."""
        with self._lock:
            self._sockets.add(sock)
        if self._ending.over:
            _cut(sock)

    def cut(self) -> None:
        """Wake whoever waits for one of them, with the end of the connection."""
        with self._lock:
            sockets = list(self._sockets)
        for sock in sockets:
            _cut(sock)

    def connect(self, addresses: Sequence[str], port: int, timeout: float) -> BoundedSocket:
        """A connection to the first of *addresses* that accepts one, within *timeout* seconds altogether.

        Raises TransferError: SLOW when all that is left is a time-out, else CONNECT.
        """
        until = time.monotonic() + timeout
        failure = TransferError(CONNECT, "no address")
        for position, address in enumerate(addresses):
            if self._ending.over:
                break
            left = max(0.001, until - time.monotonic()) / (len(addresses) - position)
            try:
                return self._connect(address, port, left)
            except TIMED_OUT:
                failure = TransferError(SLOW, f"connecting to {address} timed out")
            except OSError as error:
                failure = TransferError(CONNECT, _reason(error))
        raise failure

    def _connect(self, address: str, port: int, timeout: float) -> BoundedSocket:
        sock = BoundedSocket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_STREAM)
        try:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sock.settimeout(timeout)
            self.add(sock)
            sock.connect((address, port))
        except BaseException:
            sock.close()
            raise
        return sock


def _cut(sock: socket.socket) -> None:
    with contextlib.suppress(OSError):
        sock.shutdown(socket.SHUT_RDWR)


def _reason(error: OSError) -> str:
    # A socket that was cut while it connected says EPIPE or nothing.
    return error.strerror or (os.strerror(error.errno) if error.errno else str(error)) or errno.errorcode[errno.EIO]

"""Where a run can be asked something: the socket is there from the beginning, who answers comes with the first one.

Most runs are never asked, and the thread and its modules would cost each of them a tenth of its start.
"""

from __future__ import annotations

import _socket  # the module socket is little more than names in front of this one, and takes milliseconds
import fcntl
import os
import struct
import threading
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from parrot_py.control.channel import Channel, Request

_F_SETOWN_EX = 15
_F_OWNER_TID = 0
_BACKLOG = 64


class Door:
    """A socket that will be at *path*; *wake* makes the tracer look for requests."""

    def __init__(self, path: str, wake: Callable[[], None]) -> None:
        self._path = path
        self._wake = wake
        self._folder = -1
        self._listener: _socket.socket | None = None
        self._channel: Channel | None = None

    def listen(self) -> None:
        """Let the kernel tell the calling thread by SIGIO when somebody has come, who has to :meth:`open` then.

        Precondition: SIGIO is blocked, as the engine does once the job is started.
        The directory of the socket stays open: by it /proc/PID/fd shows which process is a run (instances.py).
        Raises OSError where descriptors are short.
        """
        folder, name = os.path.split(self._path)
        self._folder = os.open(folder, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        listener = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM | _socket.SOCK_CLOEXEC)
        listener.bind(f"/proc/self/fd/{self._folder}/{name}")  # however long its path is
        os.chmod(self._path, 0o600)
        fcntl.fcntl(listener.fileno(), _F_SETOWN_EX, struct.pack("ii", _F_OWNER_TID, threading.get_native_id()))
        fcntl.fcntl(listener.fileno(), fcntl.F_SETFL, os.O_RDWR | os.O_NONBLOCK | os.O_ASYNC)
        listener.listen(_BACKLOG)
        self._listener = listener

    def open(self) -> None:
        """Have somebody answer, if that was not done yet.  Raises OSError where descriptors or threads are short."""
        if self._channel is not None:
            return
        if self._listener is None:
            self.listen()
        assert self._listener is not None
        from parrot_py.control.channel import Channel

        self._channel = Channel(self._listener.fileno(), self._wake)
        fcntl.fcntl(self._listener.fileno(), fcntl.F_SETFL, os.O_RDWR | os.O_NONBLOCK)

    def requests(self) -> Sequence[Request]:
        """What came in since the last time."""
        return self._channel.requests() if self._channel is not None else ()

"""The server's end: a thread reads requests and writes answers; the tracer, which owns the state, works them off.

The kernel tells who connects (SO_PEERCRED) and who traces it: processes of this run may ask for anything, others of the
same user only what the run is doing (see :data:`FOR_ALL`), other users nothing.
"""

from __future__ import annotations

import errno
import json
import logging
import os
import selectors
import socket
import struct
import time
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any

from parrot_py import codes, threads
from parrot_py.control import LONGEST, VERSION
from parrot_py.process import read_status

FOR_ALL = frozenset({"status"})
"""Commands for processes outside of the run."""

_CLIENTS = 64
_SHORT = 0.1
"""Seconds after which one more attempt is made to have a descriptor for who has come."""
_CREDENTIALS = struct.Struct("3i")

log = logging.getLogger("parrot_py.process")


def _line(answer: Mapping[str, Any]) -> bytes:
    return json.dumps({"version": VERSION, **answer}).encode() + b"\n"


def refusal(name: str, why: str) -> dict[str, Any]:
    """The answer to a request that failed with the errno called *name*."""
    return {"ok": False, "errno": name, "error": why}


class Request:
    """One request of process *pid*: to be answered once, on the tracer's thread.  ``memo`` is as that of a stop."""

    __slots__ = ("_answer", "fields", "memo", "pid")

    def __init__(self, pid: int, fields: Mapping[str, Any], answer: Callable[[bytes], None]) -> None:
        self.pid = pid
        self.fields = fields
        self.memo: dict[object, object] | None = None
        self._answer = answer

    def answer(self, told: Mapping[str, Any]) -> None:
        """Send the answer."""
        self._answer(_line(told))


class _Client:
    """A connection, and what of a line or an answer is under way."""

    def __init__(self, connection: socket.socket, pid: int, *, ours: bool) -> None:
        self.connection = connection
        self.pid, self.ours = pid, ours
        self.incoming = b""
        self.outgoing = b""


class Channel:
    """Answers who connects to *listener*, a descriptor, on a thread of its own.

    *wake* is called, on that thread, when :meth:`requests` has something.  Raises OSError where descriptors or threads
    are short; *listener* is as it was then.
    """

    def __init__(self, listener: int, wake: Callable[[], None]) -> None:
        self._wake = wake
        self._requests: deque[Request] = deque()
        self._answers: deque[tuple[_Client, bytes]] = deque()
        self._clients: set[_Client] = set()
        self._bell, self._rope = socket.socketpair()
        self._selector = selectors.DefaultSelector()
        self._listener = socket.socket(fileno=os.dup(listener))
        for end in (self._listener, self._bell, self._rope):
            end.setblocking(False)
        self._selector.register(self._listener, selectors.EVENT_READ)
        self._selector.register(self._bell, selectors.EVENT_READ)
        if threads.start(self._serve, "parrot-control") is None:
            for end in (self._listener, self._bell, self._rope):
                end.close()
            raise OSError(errno.EAGAIN, os.strerror(errno.EAGAIN))

    def requests(self) -> list[Request]:
        """What came in since the last time."""
        found = []
        while self._requests:
            found.append(self._requests.popleft())
        return found

    def _send(self, client: _Client, line: bytes) -> None:
        """On any thread."""
        self._answers.append((client, line))
        try:
            self._rope.send(b"!")
        except BlockingIOError:
            pass  # it is ringing already

    def _serve(self) -> None:
        while True:
            for key, events in self._selector.select():
                if key.fileobj is self._listener:
                    self._accept()
                elif key.fileobj is self._bell:
                    self._bell.recv(4096)
                else:
                    self._move(key.data, events)
            while self._answers:
                client, line = self._answers.popleft()
                client.outgoing += line
                self._move(client, 0)

    def _accept(self) -> None:
        try:
            connection, _ = self._listener.accept()
        except OSError as error:
            log.debug("control: %s", error)
            if not isinstance(error, BlockingIOError):
                time.sleep(_SHORT)  # nothing tells when there are descriptors again, and whoever came is still there
            return
        connection.setblocking(False)
        told = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
        pid, uid, _ = _CREDENTIALS.unpack(told)
        client = _Client(connection, pid, ours=_is_ours(pid))
        if uid != os.geteuid() or len(self._clients) >= _CLIENTS:
            log.warning("control: process %d of user %d is not heard", pid, uid, extra=codes.NOT_HEARD.extra)
            connection.close()
            return
        self._clients.add(client)
        self._selector.register(connection, selectors.EVENT_READ, client)

    def _move(self, client: _Client, events: int) -> None:
        """Read and write what can be read and written."""
        if client not in self._clients:
            return
        try:
            if events & selectors.EVENT_READ:
                data = client.connection.recv(LONGEST)
                if not data or len(client.incoming) + len(data) > LONGEST:
                    raise ConnectionError
                self._read(client, client.incoming + data)
            if client.outgoing:
                client.outgoing = client.outgoing[client.connection.send(client.outgoing) :]
        except BlockingIOError:
            pass
        except OSError:
            self._drop(client)
            return
        both = selectors.EVENT_READ | (selectors.EVENT_WRITE if client.outgoing else 0)
        self._selector.modify(client.connection, both, client)

    def _read(self, client: _Client, data: bytes) -> None:
        *lines, client.incoming = data.split(b"\n")
        for line in lines:
            try:
                fields = json.loads(line)
                if not isinstance(fields, dict):
                    raise ValueError("not an object")
            except (ValueError, RecursionError) as error:  # nested too deeply, as nothing of ours is
                client.outgoing += _line(refusal("EINVAL", f"not a request: {error}"))
                continue
            if fields.get("version") != VERSION:
                client.outgoing += _line(refusal("EPROTO", f"this run speaks version {VERSION}"))
                continue
            if not client.ours and str(fields.get("command")) not in FOR_ALL:
                client.outgoing += _line(refusal("EPERM", "only processes of this run may ask that"))
                continue
            self._requests.append(Request(client.pid, fields, lambda told: self._send(client, told)))
            self._wake()

    def _drop(self, client: _Client) -> None:
        self._clients.discard(client)
        self._selector.unregister(client.connection)
        client.connection.close()


def _is_ours(pid: int) -> bool:
    try:
        return read_status(pid).get("TracerPid", "").strip() == str(os.getpid())
    except OSError:
        return False

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
"""Connections at a time.  When there are more, those go that have said nothing for the longest time."""
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
    """A connection, and what of a line or an answer is under way.

    *busy*: a request is with the tracer.  Until the answer has been taken nothing more is read, so whoever asks and
    does not listen fills his own buffers and not ours.
    """

    def __init__(self, connection: socket.socket, pid: int, *, ours: bool) -> None:
        self.connection = connection
        self.pid, self.ours = pid, ours
        self.incoming = b""
        self.outgoing = b""
        self.busy = False
        self.awaited = 0
        """The events that the selector looks for."""


class Channel:
    """Answers who connects to *listener*, a descriptor, on a thread of its own.

    *wake* is called, on that thread, when :meth:`requests` has something.  Raises OSError where descriptors or threads
    are short; *listener* is as it was then.
    """

    def __init__(self, listener: int, wake: Callable[[], None]) -> None:
        self._wake = wake
        self._requests: deque[Request] = deque()
        self._answers: deque[tuple[_Client, bytes]] = deque()
        self._clients: dict[_Client, None] = {}  # who was heard last is the last one
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
                client.busy = False
                client.outgoing = line
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
        if uid != os.geteuid() or not self._has_room():
            log.warning("control: process %d of user %d is not heard", pid, uid, extra=codes.NOT_HEARD.extra)
            connection.close()
            return
        self._clients[client] = None
        self._await(client)

    def _has_room(self) -> bool:
        """Whether there may be one more client, after the oldest one had to go that has asked nothing."""
        if len(self._clients) < _CLIENTS:
            return True
        silent = next((client for client in self._clients if not client.busy), None)
        if silent is not None:
            log.info("control: process %d is silent and makes room for another one", silent.pid)
            self._drop(silent)
        return silent is not None

    def _await(self, client: _Client) -> None:
        """Have the selector look for what *client* can do next."""
        events = selectors.EVENT_WRITE if client.outgoing else 0 if client.busy else selectors.EVENT_READ
        if client.awaited and not events:
            self._selector.unregister(client.connection)
        elif client.awaited != events:
            change = self._selector.modify if client.awaited else self._selector.register
            change(client.connection, events, client)
        client.awaited = events

    def _move(self, client: _Client, events: int) -> None:
        """Read and write what can be read and written."""
        if client not in self._clients:
            return
        try:
            if events & selectors.EVENT_READ:
                self._hear(client)
            self._go_on(client)
        except BlockingIOError:
            pass
        except OSError:
            self._drop(client)
            return
        self._await(client)

    def _hear(self, client: _Client) -> None:
        data = client.connection.recv(LONGEST - len(client.incoming))
        client.incoming += data
        if not data or (len(client.incoming) == LONGEST and b"\n" not in client.incoming):
            raise ConnectionError
        self._clients[client] = self._clients.pop(client)

    def _go_on(self, client: _Client) -> None:
        """One request after the other: the next one is looked at when the answer to the last one has been taken."""
        while not client.busy:
            if client.outgoing:
                client.outgoing = client.outgoing[client.connection.send(client.outgoing) :]
                continue
            line, end, rest = client.incoming.partition(b"\n")
            if not end:
                return
            client.incoming = rest
            client.outgoing = self._obey(client, line)

    def _obey(self, client: _Client, line: bytes) -> bytes:
        """Hand a request on; or why not, as an answer."""
        try:
            fields = json.loads(line)
            if not isinstance(fields, dict):
                raise ValueError("not an object")
        except (ValueError, RecursionError) as error:  # nested too deeply, as nothing of ours is
            return _line(refusal("EINVAL", f"not a request: {error}"))
        if fields.get("version") != VERSION:
            return _line(refusal("EPROTO", f"this run speaks version {VERSION}"))
        if not client.ours and str(fields.get("command")) not in FOR_ALL:
            return _line(refusal("EPERM", "only processes of this run may ask that"))
        client.busy = True
        self._requests.append(Request(client.pid, fields, lambda told: self._send(client, told)))
        self._wake()
        return b""

    def _drop(self, client: _Client) -> None:
        del self._clients[client]
        if client.awaited:
            self._selector.unregister(client.connection)
        client.connection.close()


def _is_ours(pid: int) -> bool:
    try:
        return read_status(pid).get("TracerPid", "").strip() == str(os.getpid())
    except OSError:
        return False

"""A small static web server that can misbehave on purpose, for tests of everything that fetches.

    with Server({"/cvmfs/basic.parrot.test": directory}) as server:
        server.fault("*/data/*C", Fault(flip=100), times=1)
        ... http://127.0.0.1:PORT = server.url ...
        assert server.requests == ["/cvmfs/basic.parrot.test/.cvmfspublished", ...]

It answers Range requests, keeps connections alive, and takes requests as a forward proxy does (full URLs), so a second
Server can play the proxy.  Faults are matched newest first against the path by ``fnmatch``.
"""

from __future__ import annotations

import contextlib
import hashlib
import re
import socket
import ssl
import struct
import threading
import time
import weakref
from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Callable
from urllib.parse import unquote, urlsplit


@dataclass
class Fault:
    """What is wrong with an answer; several at once are possible.

    ``delay``: seconds before the answer.  ``hold``: an event to wait for first.  ``status``: instead of 200.
    ``flip``: inverts the byte at that offset (from the end when negative).  ``truncate``: ends the connection after so
    many bytes of the body.  ``drop``: ends it without an answer, ``reset``: with a TCP reset (after ``truncate`` bytes,
    if both are given).  ``length``: what the answer states its length to be (negative: nothing at all; the connection
    ends with the body).  ``raw``: sent instead of any HTTP.  ``body``: sent instead of the file.  ``trickle``: seconds
    between single bytes.  ``headers``: added to the answer.
    """

    delay: float = 0.0
    hold: threading.Event | None = None
    status: int | None = None
    flip: int | None = None
    truncate: int | None = None
    drop: bool = False
    reset: bool = False
    length: int | None = None
    raw: bytes | None = None
    body: bytes | None = None
    trickle: float | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    times: int | None = None


class _Listener(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256
    owner: Server

    def process_request(self, request: Any, client_address: Any) -> None:
        self.owner.connections += 1
        self.owner.sockets.add(request)
        super().process_request(request, client_address)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that go away in the middle are what many tests are about."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Listener
    # Without this each small answer waits for the delayed ACK of its header.
    disable_nagle_algorithm = True

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        owner = self.server.owner
        target = urlsplit(self.path)
        path = unquote(target.path, errors="surrogateescape")
        fault = owner.note(path, dict(self.headers.items()), self.path, self.command)
        if fault.hold is not None:
            fault.hold.wait(60)
        if fault.delay:
            time.sleep(fault.delay)
        if fault.raw is not None:
            self.wfile.write(fault.raw)
        if fault.drop or fault.raw is not None or (fault.reset and fault.truncate is None):
            self._hang_up(reset=fault.reset)
            return
        data = owner.content(path)
        if data is None and fault.body is None:
            self._answer(fault.status or 404, b"", fault)
            return
        self._file(fault.body if fault.body is not None else data or b"", fault)

    def _file(self, data: bytes, fault: Fault) -> None:
        headers = {}
        status = fault.status or 200
        if self.server.owner.tags:
            headers["ETag"] = f'"{hashlib.sha1(data).hexdigest()}"'
            if self.headers.get("If-None-Match") == headers["ETag"] and status == 200:
                self._answer(304, b"", fault, headers)
                return
        wanted = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        if wanted and status == 200:
            first, last = int(wanted[1]), min(int(wanted[2] or len(data)), len(data) - 1)
            headers["Content-Range"] = f"bytes {first}-{last}/{len(data)}"
            data, status = data[first : last + 1], 206
        self._answer(status, data, fault, headers)

    def _answer(self, status: int, data: bytes, fault: Fault, headers: Mapping[str, str] | None = None) -> None:
        if fault.flip is not None and data:
            at = fault.flip % len(data)
            data = data[:at] + bytes([data[at] ^ 0xFF]) + data[at + 1 :]
        self.send_response(status)
        stated = len(data) if fault.length is None else fault.length
        length = {"Content-Length": str(stated)} if stated >= 0 else {"Connection": "close"}
        for name, value in {**(headers or {}), **fault.headers, **length}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "HEAD" or status == 304:
            return
        if fault.truncate is not None:
            self.wfile.write(data[: fault.truncate])
            self._hang_up(reset=fault.reset)
        elif fault.trickle is not None:
            for at in range(len(data)):
                self.wfile.write(data[at : at + 1])
                if self.server.owner.stopping.wait(fault.trickle):
                    break
        else:
            self.wfile.write(data)
            if fault.length is not None:
                self._hang_up()

    def _hang_up(self, *, reset: bool = False) -> None:
        self.close_connection = True
        if reset:
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()
        else:
            self.connection.shutdown(socket.SHUT_RDWR)

    def log_message(self, format: str, *args: Any) -> None:
        """Quiet: tests look at ``Server.requests``."""


class Server:
    """A server on a free port of the loopback interface.  *mounts* maps URL prefixes to directories."""

    def __init__(
        self,
        mounts: Mapping[str, Path] | Path,
        tls: ssl.SSLContext | None = None,
        *,
        address: str = "127.0.0.1",
        port: int = 0,
        watch: Callable[[str, Mapping[str, str]], object] | None = None,
        tags: bool = False,
    ) -> None:
        """*watch* is called with target and headers of each request, in the order in which they arrive.

        *tags*: answers have entity tags, and are asked for with them.
        """
        self.tags = tags
        self.methods: list[str] = []
        self.mounts = {"": mounts} if isinstance(mounts, Path) else dict(mounts)
        self._lock = threading.Lock()
        self._faults: list[tuple[str, Fault]] = []
        self.requests: list[str] = []
        self.headers: list[dict[str, str]] = []
        self.targets: list[str] = []
        self.connections = 0
        self.sockets: weakref.WeakSet[socket.socket] = weakref.WeakSet()
        self.stopping = threading.Event()
        self._watch = watch
        self._listener = _Listener((address, port), _Handler)
        self._listener.owner = self
        if tls is not None:
            # The handshake belongs to the thread of the connection, not to the one that accepts.
            self._listener.socket = tls.wrap_socket(
                self._listener.socket, server_side=True, do_handshake_on_connect=False
            )
        self.port = int(self._listener.server_address[1])
        self.url = f"{'https' if tls else 'http'}://{address}:{self.port}"
        self._thread = threading.Thread(
            target=self._listener.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
        )

    def __enter__(self) -> Server:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Stop answering: connections are refused from now on.  Idempotent."""
        if not self.stopping.is_set():
            self.stopping.set()
            self._listener.shutdown()
            self._listener.server_close()
            self._thread.join()

    def kill(self) -> None:
        """Stop, and cut all connections, also those that are idle."""
        self.stop()
        for connection in list(self.sockets):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def fault(self, pattern: str, fault: Fault, times: int | None = None) -> None:
        """Apply *fault* to paths that match *pattern*, at most *times* times."""
        fault.times = times
        with self._lock:
            self._faults.insert(0, (pattern, fault))

    def heal(self) -> None:
        """Forget all faults."""
        with self._lock:
            self._faults.clear()

    def count(self, pattern: str) -> int:
        """How many requests so far had a path that matches *pattern*."""
        with self._lock:
            return sum(fnmatchcase(path, pattern) for path in self.requests)

    def note(self, path: str, headers: dict[str, str], target: str, method: str) -> Fault:
        """Count a request and find its fault."""
        with self._lock:
            self.methods.append(method)
            self.requests.append(path)
            self.headers.append(headers)
            self.targets.append(target)
            if self._watch is not None:
                self._watch(target, headers)
            for pattern, fault in self._faults:
                if fnmatchcase(path, pattern) and fault.times != 0:
                    if fault.times is not None:
                        fault.times -= 1
                    return fault
            return Fault()

    def content(self, path: str) -> bytes | None:
        """The file at *path*, None when there is none."""
        for prefix, directory in self.mounts.items():
            if path.startswith(prefix + "/") and "/../" not in path:
                file = directory / path[len(prefix) + 1 :]
                return file.read_bytes() if file.is_file() else None
        return None

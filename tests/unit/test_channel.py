"""The server's end of the control socket: who may ask how much at a time."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from parrot_py.control import VERSION
from parrot_py.control import channel as channel_module
from parrot_py.control.channel import Channel, Request
from tests.support.processes import eventually

MOST = channel_module._CLIENTS


class Server:
    """A channel at *path*, and what it was asked."""

    def __init__(self, path: Path, stack: ExitStack) -> None:
        self._stack, self._path = stack, str(path)
        listener = stack.enter_context(socket.socket(socket.AF_UNIX))
        listener.bind(self._path)
        listener.listen(2 * MOST)
        listener.setblocking(False)
        self._channel = Channel(listener.fileno(), lambda: None)
        self._asked: list[Request] = []

    def connect(self) -> socket.socket:
        made = self._stack.enter_context(socket.socket(socket.AF_UNIX))
        made.settimeout(60)
        made.connect(self._path)
        return made

    def asked(self, count: int = 1) -> list[Any]:
        """What the next *count* requests say, once they are there, with all that came with them."""

        def enough() -> bool:
            self._asked += self._channel.requests()
            return len(self._asked) >= count

        eventually(enough, 60, f"{count} requests")
        return [request.fields["is"] for request in self._asked]

    def answer(self, **told: Any) -> None:
        """Answer the oldest request."""
        self._asked.pop(0).answer(told)


def line(what: str) -> bytes:
    return json.dumps({"version": VERSION, "command": "status", "is": what}).encode() + b"\n"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with ExitStack() as stack:
        yield Server(tmp_path / "control", stack)


def read_line(connection: socket.socket) -> Any:
    told = b""
    while not told.endswith(b"\n"):
        told += connection.recv(1)
    return json.loads(told)


def test_one_request_of_each_client_at_a_time(server: Server) -> None:
    one, other = server.connect(), server.connect()
    one.sendall(line("a") + b"{}\n" + line("b"))
    assert server.asked() == ["a"]
    other.sendall(line("c"))
    assert server.asked(2) == ["a", "c"]
    server.answer(to="a")
    assert server.asked(2) == ["c", "b"]
    server.answer(to="c")
    server.answer(to="b")
    assert read_line(one)["to"] == "a"
    assert read_line(one)["errno"] == "EPROTO"
    assert read_line(one)["to"] == "b"
    assert read_line(other)["to"] == "c"


def test_who_does_not_listen_is_not_heard(server: Server) -> None:
    """The next request is taken when the answer to the last one has been; what waits is one answer, not any number."""
    deaf, other = server.connect(), server.connect()
    deaf.sendall(line("a") + line("b"))
    assert server.asked() == ["a"]
    server.answer(text="x" * (8 << 20))  # more than fits into the socket
    other.sendall(line("c"))
    assert server.asked() == ["c"]
    server.answer(to="c")
    assert read_line(other)["to"] == "c"
    other.sendall(line("d"))
    assert server.asked() == ["d"]
    told = deaf.makefile("rb").readline()
    assert len(json.loads(told)["text"]) == 8 << 20
    assert server.asked(2) == ["d", "b"]


def test_silent_clients_make_room(server: Server) -> None:
    """The oldest first, and none of them that waits for an answer."""
    asks = server.connect()
    asks.sendall(line("a"))
    assert server.asked() == ["a"]
    silent = [server.connect() for _ in range(MOST - 1)]
    late = server.connect()
    late.sendall(line("b"))
    assert server.asked(2) == ["a", "b"]
    assert silent[0].recv(1) == b"", "it had to go"
    server.answer(to="a")
    assert read_line(asks)["to"] == "a"
    silent[1].sendall(line("c"))
    assert server.asked(2) == ["b", "c"]

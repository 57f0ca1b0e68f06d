"""A web server at the far end of a long line, for measurements where the kernel cannot delay packets (no netem).

``python bench/link.py DIRECTORY ROUND_TRIP RATE`` serves DIRECTORY, prints its port, and ends with its standard input.
ROUND_TRIP is in seconds, RATE in bytes a second for all connections together (0: no limit).  What a line of that
length does to TCP is computed, byte by byte sent: one round trip to connect, one for each request, slow start from ten
segments on for each connection, doubling with what was acknowledged.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections import deque
from pathlib import Path
from urllib.parse import unquote

SEGMENT = 1448
FIRST_WINDOW, LAST_WINDOW = 10 * SEGMENT, 4 << 20
_PIECE = 8 * SEGMENT


class Line:
    """The line: how long it is, how much goes through it, and until when it is taken."""

    def __init__(self, round_trip: float, rate: float) -> None:
        self.round_trip, self._rate = round_trip, rate
        self._taken_until = 0.0

    def put(self, size: int) -> float:
        """When the last of *size* bytes that are ready now has entered the line."""
        began = max(time.monotonic(), self._taken_until)
        self._taken_until = began + (size / self._rate if self._rate else 0.0)
        return self._taken_until


class Connection:
    """One connection that came over *line*."""

    def __init__(self, line: Line, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, root: Path) -> None:
        self._line, self._reader, self._writer, self._root = line, reader, writer, root
        self._window = FIRST_WINDOW
        self._in_flight: deque[tuple[float, int]] = deque()
        self._sent = 0

    async def serve(self) -> None:
        """Answer requests until the other side hangs up."""
        # What was sent at once would have had to wait for the handshake.
        late = self._line.round_trip
        try:
            while True:
                head = await self._reader.readuntil(b"\r\n\r\n")
                arrived = time.monotonic() + late
                late = 0.0
                await self._answer(head.split(b" ", 2)[1].decode("ascii"), arrived)
        except (asyncio.IncompleteReadError, ConnectionError):
            return
        finally:
            self._writer.close()

    async def _answer(self, target: str, asked: float) -> None:
        """Send what is at *target*; the request was sent at *asked*."""
        path = self._root / unquote(target).lstrip("/")
        found = path.is_file()
        body = path.read_bytes() if found else b""
        status = "200 OK" if found else "404 Not Found"
        data = memoryview(f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)
        # Half a round trip for the request; the other half is added to each piece.
        await _until(asked + self._line.round_trip / 2)
        for at in range(0, len(data), _PIECE):
            piece = data[at : at + _PIECE]
            await self._room_for(len(piece))
            entered = self._line.put(len(piece))
            self._in_flight.append((entered + self._line.round_trip, len(piece)))
            self._sent += len(piece)
            asyncio.get_running_loop().call_at(entered + self._line.round_trip / 2, self._deliver, bytes(piece))

    def _deliver(self, piece: bytes) -> None:
        if not self._writer.is_closing():
            self._writer.write(piece)

    async def _room_for(self, size: int) -> None:
        """Wait until the congestion window has room; what was acknowledged meanwhile has widened it."""
        while True:
            now = time.monotonic()
            while self._in_flight and self._in_flight[0][0] <= now:
                acknowledged = self._in_flight.popleft()[1]
                self._sent -= acknowledged
                self._window = min(LAST_WINDOW, self._window + acknowledged)
            if not self._in_flight or self._sent + size <= self._window:
                return
            await _until(self._in_flight[0][0])


async def _until(moment: float) -> None:
    await asyncio.sleep(max(0.0, moment - time.monotonic()))


async def _main(root: Path, line: Line) -> None:
    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await Connection(line, reader, writer, root).serve()

    server = await asyncio.start_server(connected, "127.0.0.1", 0, backlog=256)
    print(server.sockets[0].getsockname()[1], flush=True)
    # The end of standard input is the end of whoever started this.
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(_main(Path(sys.argv[1]), Line(float(sys.argv[2]), float(sys.argv[3]))))

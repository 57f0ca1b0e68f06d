"""How long bytes need by themselves: ``python bench/alone.py PORT CONNECTIONS <targets`` fetches and throws away.

Prints seconds.  Nothing is verified, inflated or written; a request leaves as soon as the connection is free.
"""

from __future__ import annotations

import asyncio
import sys
import time


async def _fetch(port: int, targets: list[str]) -> int:
    """Take targets from the end of the list until it is empty; the bytes that came."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 20)
    received = 0
    while targets:
        writer.write(f"GET {targets.pop()} HTTP/1.1\r\nHost: far\r\n\r\n".encode())
        head = await reader.readuntil(b"\r\n\r\n")
        if b" 200 " not in head.split(b"\r\n", 1)[0]:
            raise SystemExit(f"not there: {head[:80]!r}")
        left = int(head.lower().partition(b"content-length:")[2].split(b"\r\n", 1)[0])
        received += left
        while left:
            left -= len(await reader.read(min(left, 1 << 20)))
    writer.close()
    return received


async def _main(port: int, connections: int, targets: list[str]) -> None:
    began = time.monotonic()
    await asyncio.gather(*(_fetch(port, targets) for _ in range(connections)))
    print(time.monotonic() - began)


if __name__ == "__main__":
    asyncio.run(_main(int(sys.argv[1]), int(sys.argv[2]), sys.stdin.read().split()[::-1]))

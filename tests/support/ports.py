"""Ports for servers that are other programs, which bind them a moment after they were chosen."""

from __future__ import annotations

import random
import socket
from pathlib import Path

LOWEST = 10_240


def free_port() -> int:
    """A port of the loopback interface that nobody has, and that the kernel gives nobody who does not ask for it.

    One of those that it hands out itself would soon be the near end of some connection of another test.
    """
    first_handed_out = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    highest = first_handed_out - 1 if first_handed_out > LOWEST + 1000 else 65_535
    while True:
        port = random.SystemRandom().randint(LOWEST, highest)
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port

"""Paths that begin with a server, as below /grow, /http and /https: ``/HOST[:PORT]/…``."""

from __future__ import annotations

import re

_HOST = re.compile(rb"[A-Za-z0-9.-]+(:[0-9]{1,5})?|\[[0-9A-Fa-f:.]+\](:[0-9]{1,5})?")


def leads_to_a_host(path: bytes) -> bool:
    """Whether the first name of *path*, which is not the top, can be that of a server."""
    return _HOST.fullmatch(path.split(b"/", 2)[1]) is not None

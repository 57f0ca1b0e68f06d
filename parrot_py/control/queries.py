"""What companion commands ask about files: where they come from, and which digests are known without reading."""

from __future__ import annotations

import os
import socket
import stat
from collections.abc import Mapping
from typing import Any, Callable

from parrot_py.config import values
from parrot_py.control.channel import Request
from parrot_py.control.fields import text
from parrot_py.drivers import deadline
from parrot_py.places import Native
from parrot_py.walk import Walker

Answer = Mapping[str, Any]


def queries(walker: Walker, *, shortcuts: bool = True) -> dict[str, Callable[[Request], Answer]]:
    """The commands of this module by their names; without *shortcuts* none that only saves reading a file."""
    asking = _Queries(walker)
    known: dict[str, Callable[[Request], Answer]] = {"locate": asking.locate, "timeout": asking.timeout}
    if shortcuts:
        known["digests"] = asking.digests
    return known


class _Queries:
    def __init__(self, walker: Walker) -> None:
        self._walker = walker

    def locate(self, request: Request) -> Answer:
        """``places`` of the file ``path``, as HOST:PATH: servers, nearest first, or this machine.  ENOENT, EACCES …"""
        end = self._walker.resolve(request.pid, b"", os.fsencode(text(request, "path")), True)
        if isinstance(end, Native):
            os.stat(end.path)
            return {"places": [f"{socket.gethostname()}:{os.fsdecode(os.path.realpath(end.path))}"]}
        inode = end.found()
        return {"places": list(self._walker.namespace.ask(end.tree.driver.origins, inode))}

    def digests(self, request: Request) -> Answer:
        """``digests`` of the file ``path`` that are known without reading it: names of algorithms → hex."""
        end = self._walker.resolve(request.pid, b"", os.fsencode(text(request, "path")), True)
        if isinstance(end, Native):
            os.stat(end.path)
            return {"digests": {}}
        inode = end.found()
        if not stat.S_ISREG(inode.mode):
            return {"digests": {}}
        return {"digests": dict(self._walker.namespace.ask(end.tree.driver.digests, inode))}

    def timeout(self, request: Request) -> Answer:
        """Let one thing take ``seconds`` to fetch from now on (5m, 30 …); without them as long as is configured."""
        given = request.fields.get("seconds")
        deadline.choose(None if given is None else values.seconds(text(request, "seconds"), "timeout"))
        return {}

"""A driver whose answers wait until the test lets them go."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence

from parrot_py.drivers.base import Entry, Inode, may_block
from parrot_py.drivers.memory import MemoryDriver, Node


class BlockingDriver(MemoryDriver):
    """Everything below ``/cold`` is answered on workers only, and not before :attr:`gate` is set."""

    def __init__(self, tree: Mapping[bytes, Node | bytes]) -> None:
        super().__init__(tree)
        self.gate = threading.Event()
        self.asked: list[tuple[str, bytes]] = []
        """The questions that reached a worker: the method's name and the path."""
        self._known: set[tuple[str, bytes]] = set()

    def _wait(self, what: str, path: bytes) -> None:
        cold = path.startswith((b"/cold/", b"/slow")) and (what != "lookup" or path.startswith(b"/slow"))
        if cold and (what, path) not in self._known:
            may_block()
            self.asked.append((what, path))
            self.gate.wait()
            self._known.add((what, path))

    def lookup(self, path: bytes) -> Inode:
        self._wait("lookup", path)
        return super().lookup(path)

    def listdir(self, inode: Inode) -> Sequence[Entry]:
        self._wait("listdir", inode.path)
        return super().listdir(inode)

    def materialise(self, inode: Inode) -> str:
        self._wait("materialise", inode.path)
        return super().materialise(inode)

"""The control channel of a run, which is made when the first process of the job asks for it: most never do."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from parrot_py.control.channel import Channel, Request


class Door:
    """Where the channel at *path* will be; *wake* makes the tracer look for requests."""

    def __init__(self, path: str, wake: Callable[[], None]) -> None:
        self._path = path
        self._wake = wake
        self._channel: Channel | None = None

    def open(self) -> None:
        """Begin to listen, if that was not done yet.  Raises OSError where descriptors or threads are short."""
        if self._channel is None:
            from parrot_py.control.channel import Channel

            self._channel = Channel(self._path, self._wake)

    def requests(self) -> Sequence[Request]:
        """What came in since the last time."""
        return self._channel.requests() if self._channel is not None else ()

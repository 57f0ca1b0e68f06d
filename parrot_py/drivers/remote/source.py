"""What stands behind a remote tree: the questions that one asks a server, and its answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol

from parrot_py.drivers.cvmfs.cache.transaction import Transaction
from parrot_py.drivers.cvmfs.net.statistics import Statistics

DIRECTORY, FILE, LINK = "directory", "file", "link"


class Fact(NamedTuple):
    """What a server says about one name.

    ``size`` in bytes; None where only reading the file tells.  ``identity`` is what changes when the content does, as
    far as the server lets one know: an entity tag, a checksum, a time of change.  ``digests`` are hex digests of the
    content by hashlib name, to verify it.  ``lasts`` is for how many seconds this may be believed, None for the usual.
    """

    kind: str
    size: int | None = None
    mtime_ns: int = 0
    identity: bytes = b""
    mode: int = 0o444
    target: bytes | None = None
    digests: Mapping[str, str] = {}
    lasts: float | None = None

    @property
    def known(self) -> tuple[object, ...]:
        """What makes two answers mean the same thing."""
        return (self.kind, self.size, self.mtime_ns, self.identity, self.mode, self.target)


def text(path: bytes) -> str:
    """*path* for the log."""
    return ascii(path)[2:-1] or "/"


class Source(Protocol):
    """A server.  Thread-safe; methods may wait as long as they are bounded themselves.

    They raise OSError for facts about the tree (ENOENT, ENOTDIR, EACCES …), Failure where the truth could not be had.
    """

    name: str
    """How it is called in the log and told from others: without passwords."""

    statistics: Statistics
    """What was asked for and what came."""

    def look(self, path: bytes) -> Fact:
        """The name at *path* (``b""`` for the top)."""
        ...

    def list(self, path: bytes) -> Sequence[tuple[bytes, Fact]]:
        """What is in the directory *path*."""
        ...

    def fetch(self, path: bytes, fact: Fact, txn: Transaction) -> None:
        """Write the content of the file *path*, of which *fact* was said, into *txn*.

        Raises Failure if it is not that content any more, and OSError only where writing failed.
        """
        ...

    def place(self, path: bytes) -> str:
        """Where the name *path* is, as HOST:PATH."""
        ...

    def passage(self, path: bytes) -> bool:
        """Whether names below *path* may exist although nothing can be said about *path* itself."""
        ...

    def close(self) -> None:
        """Release connections."""
        ...

"""Processes that walk a repository: ``python -m tests.drivers.cvmfs.walker KNOBS < configuration``.

The configuration is a pickled RepositoryConfig on standard input; KNOBS is a JSON object:

* ``processes``: how many processes to become, by fork; they begin together.
* ``locks``: false for a file system without locks.

Each process reads every regular file and prints one line: the SHA-256 of all paths and contents.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import json
import os
import pickle
import sys
from typing import Any

from parrot_py.config.model import RepositoryConfig
from parrot_py.drivers.cvmfs import Repository
from parrot_py.drivers.cvmfs.heavy import import_cryptography, import_requests


def digest(config: RepositoryConfig) -> str:
    """The SHA-256 of all paths and contents of a repository."""
    total = hashlib.sha256()
    with Repository(config) as repository:
        for path, inode in repository.walk():
            if inode.is_regular:
                total.update(path + b"\0" + hashlib.sha256(repository.read(path)).digest())
    return total.hexdigest()


def _refuse(*_: Any) -> None:
    raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))


def main() -> None:
    knobs = json.loads(sys.argv[1])
    config = pickle.load(sys.stdin.buffer)
    if not knobs.get("locks", True):
        fcntl.fcntl = _refuse  # type: ignore[assignment]
    import_requests()  # once for all of them
    import_cryptography()
    begin, end = os.pipe()
    children = []
    for _ in range(knobs.get("processes", 1)):
        child = os.fork()
        if not child:
            os.close(end)
            os.read(begin, 1)
            os.write(1, digest(config).encode() + b"\n")
            os._exit(0)
        children.append(child)
    os.close(end)
    for child in children:
        if os.waitpid(child, 0)[1]:
            sys.exit("a walker failed")


if __name__ == "__main__":
    main()

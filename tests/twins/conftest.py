"""The two sides of a twin test."""

from __future__ import annotations

import functools
import os
import re
import shutil
from collections.abc import Callable, Iterator, Sequence
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from tests.support import places, tree
from tests.support.oracle import Oracle, OracleUnavailable
from tests.support.outcome import Outcome, difference
from tests.support.parrot import Parrot, environment, repository

OPTIONAL = ("git", "make", "rsync", "sqlite3", "findmnt", "fuser", "lsof", "mountpoint", "pmap")
"""Tools that a machine with Python and a C compiler may lack; scripts that use them are skipped there."""


class Twins:
    """Runs a command on both sides from equal directories and compares all that it says and leaves."""

    def __init__(self, home: Path, oracle: Oracle, parrot: Parrot) -> None:
        self.home, self.oracle, self.parrot = home, oracle, parrot

    def native(self, argv: Sequence[str | bytes], timeout: float = 60) -> Outcome:
        """The command on the mounted tree."""
        scratch = places.fresh(self.home / "w")
        return self.oracle.run(argv, cwd=scratch, env=environment(scratch, {"PARROT_ENABLED": "TRUE"}), timeout=timeout)

    def under_parrot(self, argv: Sequence[str | bytes], timeout: float = 60) -> Outcome:
        """The command under parrot_run, from a new directory of the same name."""
        scratch = places.fresh(self.home / "w")
        return self.parrot.run(argv, cwd=scratch, env=environment(scratch), timeout=timeout)

    def check(self, argv: Sequence[str | bytes], timeout: float = 60, status: int = 0) -> Outcome:
        """Both sides end with *status* and say the same, to the byte."""
        native = self.native(argv, timeout)
        assert native.status == status, f"the native side is not what the test expects\n{native}"
        told = difference(native, self.under_parrot(argv, timeout))
        assert not told, told
        return native

    def shell(self, script: str, timeout: float = 60, status: int = 0) -> Outcome:
        """``check`` of a bash script, in which ``$R`` is the top of the tree."""
        for tool in OPTIONAL:
            if re.search(rf"\b{tool} ", script) and shutil.which(tool) is None:
                pytest.skip(f"{tool} is not installed")
        return self.check(["/bin/bash", "-c", f"R={tree.TOP}\n{script}"], timeout, status)


@pytest.fixture(scope="session")
def oracle() -> Iterator[Oracle]:
    """The mounted read-only tree."""
    try:
        held = Oracle(tree.twin_tree().plain, tree.NAME, tree.FORBIDDEN)
    except OracleUnavailable as error:
        pytest.skip(f"no mount namespace to compare with: {error}")
    yield held
    held.close()


@pytest.fixture(scope="session")
def web() -> Iterator[str]:
    """The URL under which the published tree is served."""

    class Silent(SimpleHTTPRequestHandler):
        def log_message(self, *_: Any) -> None:
            """Say nothing on stderr."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Silent, directory=str(tree.twin_tree().web)))
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}/{tree.NAME}"
    server.shutdown()
    server.server_close()


@pytest.fixture
def twins(home: Path, oracle: Oracle, web: str, shared_cache: Path, parrot: Callable[..., Parrot]) -> Twins:
    """Both sides."""
    entry = repository(tree.NAME, web, tree.twin_tree().key)
    return Twins(home, oracle, parrot([entry], ["--cvmfs-alien-cache", str(shared_cache)]))


@pytest.fixture(scope="session")
def shared_cache() -> Path:
    """One cache for all twins of a worker: the tree is fetched once, and most twins run warm."""
    return places.fresh(places.base() / "work" / f"cache-{os.getpid()}")

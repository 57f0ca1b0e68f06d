"""What ``-d cvmfs`` shows when all is well: which revision, and every transfer with its server."""

from __future__ import annotations

import logging
from typing import Callable

import pytest

from parrot_py.config.model import RepositoryConfig
from parrot_py.drivers.cvmfs import Repository
from tests.drivers.cvmfs.conftest import Forged


def test_the_log_of_a_good_run(
    forged: Forged, opened: Callable[[RepositoryConfig], Repository], caplog: pytest.LogCaptureFixture
) -> None:
    root = forged.forge.publish([forged.forge.file(b"/a", b"A")], revision=7)
    caplog.set_level(logging.DEBUG, "parrot_py.cvmfs")
    assert opened(forged.config()).read(b"/a") == b"A"
    lines = [(record.levelname, record.getMessage()) for record in caplog.records]
    assert ("INFO", f"forged.parrot.test: revision 7, root catalog {root}") in lines
    transfers = [text for level, text in lines if level == "DEBUG"]
    assert len(transfers) == len(forged.server.requests) == 5
    url = f"{forged.server.url}/cvmfs/{forged.forge.name}"
    assert transfers[0] == f"forged.parrot.test: {url}: file .cvmfspublished"
    assert f"forged.parrot.test: {url}: object data/{str(root)[:2]}/{str(root)[2:]}C" in transfers

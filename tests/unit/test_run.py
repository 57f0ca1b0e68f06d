"""Which names below /cvmfs are the host's own."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from parrot_py import config, run
from parrot_py.accesses import Accesses


def repositories(monkeypatch: pytest.MonkeyPatch, host: Path, text: str) -> run.Repositories:
    """What *text* configures, on a machine whose /cvmfs is the directory *host*."""
    monkeypatch.setattr(run, "ROOT", os.fsencode(host))
    wanted = config.read(["-r", text, "ls"], {"TMPDIR": str(host)})
    assert isinstance(wanted, config.RunConfig)
    return run.Repositories(wanted, Accesses(wanted))


def test_the_hosts_own_repository_is_used_where_it_exists(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    entry = "a.cern.ch:url=http://127.0.0.1:1/x,try_local_filesystem"
    table = repositories(monkeypatch, tmp_path, entry)
    driver = table.find(b"a.cern.ch")
    assert driver is not None
    driver.close()
    (tmp_path / "a.cern.ch").mkdir()
    assert table.find(b"a.cern.ch") is None
    assert table.redirects() == []


def test_a_directory_of_the_hosts_own_repository_is_shown_in_its_place(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    entry = "a.cern.ch/sub/dir:url=http://127.0.0.1:1/x,try_local_filesystem"
    table = repositories(monkeypatch, tmp_path, entry)
    (tmp_path / "a.cern.ch").mkdir()
    driver = table.find(b"a.cern.ch")
    assert driver is not None
    driver.close()
    assert table.redirects() == []
    (tmp_path / "a.cern.ch" / "sub" / "dir").mkdir(parents=True)
    assert table.find(b"a.cern.ch") is None
    assert table.redirects() == [(os.fsencode(tmp_path / "a.cern.ch"), os.fsencode(tmp_path / "a.cern.ch/sub/dir"))]


def test_without_a_server_there_is_only_the_hosts_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    table = repositories(monkeypatch, tmp_path, "a.cern.ch/sub")
    assert table.find(b"a.cern.ch") is None
    assert table.redirects() == [(os.fsencode(tmp_path / "a.cern.ch"), os.fsencode(tmp_path / "a.cern.ch/sub"))]

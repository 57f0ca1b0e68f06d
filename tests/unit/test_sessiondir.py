"""Session directories: private, recognised by their names, swept when their process is gone."""

from __future__ import annotations

import logging
import os
import socket
import subprocess
from pathlib import Path

import pytest

from parrot_py import sessiondir


def start_time(pid: int) -> str:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]


@pytest.fixture
def gone() -> int:
    """The number of a process that has ended."""
    with subprocess.Popen(["/bin/true"]) as process:
        pass
    return process.pid


@pytest.fixture
def host() -> str:
    return socket.gethostname().split(".")[0].replace("-", "_") or "host"


def test_create_and_remove(tmp_path: Path, host: str) -> None:
    made = sessiondir.create(tmp_path)
    assert made.is_absolute()
    assert made.parent == (tmp_path / "s").resolve()
    assert made.name == f"{host}-{os.getpid()}-{start_time(os.getpid())}"
    assert made.stat().st_mode & 0o777 == (0o755 if os.getuid() == 0 else 0o700)
    (made / "d/e").mkdir(parents=True)
    (made / "d/e/file").write_text("x")
    (made / "link").symlink_to("/etc")
    sessiondir.remove(made)
    assert not made.exists()
    assert Path("/etc/passwd").exists(), "links are not followed"


def test_the_path_has_no_links(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    made = sessiondir.create(tmp_path / "link")
    assert made.parent.parent == (tmp_path / "real").resolve(), "/proc/…/fd tells names without links"


def test_sweeping(tmp_path: Path, gone: int, host: str) -> None:
    folder = tmp_path / "s"
    folder.mkdir()
    me, parent = os.getpid(), os.getppid()
    alive = f"{host}-{parent}-{start_time(parent)}"
    stay = [alive, f"elsewhere-{gone}-1", "no session", f"{host}-x-1", f"{host}x-{gone}-1"]
    go = [f"{host}-{gone}-123", f"{host}-{me}-1", f"{host}-{parent}-2"]
    for name in stay + go:
        (folder / name / "o").mkdir(parents=True)
        (folder / name / "o/0").write_text("x")
    sessiondir.sweep(folder)
    assert sorted(os.listdir(folder)) == sorted(stay)


def test_creating_sweeps(tmp_path: Path, gone: int, host: str) -> None:
    left = tmp_path / "s" / f"{host}-{gone}-1"
    left.mkdir(parents=True)
    made = sessiondir.create(tmp_path)
    assert os.listdir(tmp_path / "s") == [made.name]


def test_what_resists_is_left_for_the_next_sweep(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = sessiondir.create(tmp_path)
    (made / "file").write_text("x")

    def refuse(*_: object) -> None:
        raise PermissionError(13, "refused")

    with monkeypatch.context() as patch, caplog.at_level(logging.WARNING, "parrot_py.process"):
        patch.setattr(os, "unlink", refuse)
        sessiondir.remove(made)
    assert made.exists()
    assert str(made) in caplog.text
    sessiondir.remove(made)
    assert not made.exists()


def test_a_host_name_with_dashes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, gone: int) -> None:
    class Uname:
        nodename = "my-node-7.example.org"

    monkeypatch.setattr(os, "uname", Uname)
    made = sessiondir.create(tmp_path)
    assert made.name.split("-")[0] == "my_node_7"
    left = made.with_name(f"my_node_7-{gone}-5")
    left.mkdir()
    sessiondir.sweep(made.parent)
    assert os.listdir(made.parent) == [made.name]


def test_derived_programs_go_when_nobody_wants_them(tmp_path: Path) -> None:
    folder = tmp_path / sessiondir.DERIVED
    folder.mkdir()
    (folder / "old").touch()
    (folder / "new").touch()
    os.utime(folder / "old", (1, 1))
    sessiondir.create(tmp_path)
    assert os.listdir(folder) == ["new"]

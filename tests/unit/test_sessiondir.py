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

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "refused")

    with monkeypatch.context() as patch, caplog.at_level(logging.WARNING, "parrot_py.process"):
        patch.setattr(os, "unlink", refuse)
        sessiondir.remove(made)
    assert made.exists()
    assert str(made) in caplog.text
    sessiondir.remove(made)
    assert not made.exists()


def deepen(directory: Path, levels: int, *, mode: int = 0o755) -> None:
    """Make directories in each other, deeper than any path reaches; a file, an empty directory and a link in each."""
    here = os.open(directory, os.O_RDONLY)
    made = []
    for _ in range(levels):
        os.close(os.open("file", os.O_CREAT | os.O_WRONLY, dir_fd=here))
        os.mkdir("empty", mode, dir_fd=here)
        os.symlink("/etc", "link", dir_fd=here)
        os.mkdir("d" * 100, 0o755, dir_fd=here)
        made.append(here)
        here = os.open("d" * 100, os.O_RDONLY, dir_fd=here)
    os.close(here)
    for here in made[::-1]:
        os.chmod("d" * 100, mode, dir_fd=here)
        os.close(here)


@pytest.mark.parametrize("mode", [0o755, 0])
def test_what_is_deeper_than_any_path_goes_away(tmp_path: Path, mode: int) -> None:
    made = sessiondir.create(tmp_path)
    for name in ("a", "b", "0"):
        (made / name).mkdir()
        deepen(made / name, 60, mode=mode)
    (made / "1").write_text("x")
    sessiondir.remove(made, closed=not mode)
    assert not made.exists()
    assert Path("/etc/passwd").exists(), "links are not followed"


def test_what_resists_does_not_keep_the_rest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = sessiondir.create(tmp_path)
    for name in ("a", "b/c", "d"):
        (made / name).mkdir(parents=True)
    for name in ("0", "a/kept", "a/file", "b/c/kept", "b/c/file", "d/file"):
        (made / name).write_text("x")
    unlink = os.unlink

    def refuse(name: str, **where: int) -> None:
        if name in ("0", "kept"):
            raise PermissionError(13, "refused")
        unlink(name, **where)

    with monkeypatch.context() as patch:
        patch.setattr(os, "unlink", refuse)
        sessiondir.remove(made)
    assert sorted(path.name for path in made.rglob("*") if path.is_file()) == ["0", "kept", "kept"]
    assert not (made / "d").exists()
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

"""parrot_package_create where there is trouble that a test cannot make with the real thing."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from parrot_py.packages import packer, shown
from parrot_py.packages.create import main


@pytest.fixture
def arguments(tmp_path: Path) -> list[str]:
    (tmp_path / "file").write_text("text\n")
    (tmp_path / "names").write_text(f"{tmp_path}/file|fullcopy\n/etc/passwd|fullcopy\n")
    (tmp_path / "env").write_bytes(b"A=1\0PWD=/\n")
    lists = {"-n": "names", "-e": "env", "-p": "package", "-t": "tempdir"}
    return [word for option, name in lists.items() for word in (option, str(tmp_path / name))]


@pytest.mark.parametrize("trouble", [errno.ENOSPC, errno.EDQUOT])
def test_no_room(
    arguments: list[str],
    trouble: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def no_room(*_: object) -> None:
        raise OSError(trouble, os.strerror(trouble), "there")

    monkeypatch.setattr(packer, "copy_content", no_room)
    assert main(arguments) == 1
    assert capsys.readouterr().err == f"parrot_package_create: {os.strerror(trouble)}: there [PP702]\n"
    assert {path.name for path in tmp_path.iterdir()} == {"file", "names", "env", "tempdir"}


def test_a_file_that_changes(
    arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pread = os.pread

    def reads(fd: int, size: int, at: int) -> bytes:
        data = pread(fd, size, at)
        if os.readlink(f"/proc/self/fd/{fd}") == str(tmp_path / "file"):
            (tmp_path / "file").write_text("other text\n")
        return data

    monkeypatch.setattr(os, "pread", reads)
    assert main(arguments) == 1
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == f"parrot_package_create: {tmp_path}/file: it changed while it was read [PP722]"
    assert (tmp_path / "package" / "etc" / "passwd").read_bytes() == Path("/etc/passwd").read_bytes()
    assert not (tmp_path / "package" / str(tmp_path / "file")[1:]).exists()


def test_names_in_messages() -> None:
    assert shown(b"/a\nb\xff\x1b\\c d") == "/a\\nb\\xff\\x1b\\c d"
    assert shown("/caf\xe9\udcff") == "/caf\xe9\\udcff"

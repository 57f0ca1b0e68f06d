"""``parrot_cvmfs get``: whole copies, again and again, interrupted, and with trouble in the middle."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from parrot_py.tools import status
from tests.drivers.cvmfs.forge import Row
from tests.support.httpd import Fault
from tests.tools.conftest import BIG, Tool, publish_tree


@pytest.fixture
def copied(tree: Tool, tmp_path: Path) -> Path:
    result = tree("get", "-R", tree.name, tmp_path / "copy")
    assert (result.status, result.out) == (0, b"")
    assert result.err == "11 copied (4.9 KiB), 0 there already\n"
    return tmp_path / "copy"


def test_a_tree(copied: Path) -> None:
    assert (copied / "big").read_bytes() == BIG
    assert (copied / "hello").read_bytes() == b"hello, world\n"
    assert (copied / "nested" / "deep").read_bytes() == b"deep down"
    assert (copied / "empty").read_bytes() == b""
    assert os.readlink(copied / "link") == "dir/tool"
    assert os.readlink(copied / "out") == "/etc/passwd"
    assert stat.S_ISFIFO((copied / "pipe").stat().st_mode)
    names = os.listdir(os.fsencode(copied))
    assert b"odd \xff\n\x1b[31m" in names
    assert len(names) == 9


def test_modes_times_and_hard_links(copied: Path) -> None:
    tool = (copied / "dir" / "tool").stat()
    assert stat.S_IMODE(tool.st_mode) == 0o755  # without the set-user-id bit
    assert tool.st_mtime_ns == 1600000000123456789
    assert stat.S_IMODE((copied / "dir").stat().st_mode) == 0o550
    assert (copied / "dir").stat().st_mtime == (copied / "link").lstat().st_mtime == 1700000000
    assert (copied / "dir" / "same1").samefile(copied / "dir" / "same2")
    assert stat.S_IMODE((copied / "pipe").stat().st_mode) == 0o600


def test_again_copies_nothing(tree: Tool, copied: Path, tmp_path: Path) -> None:
    before = (copied / "hello").stat().st_ino
    assert tree("get", "-R", tree.name, tmp_path / "copy").err == "0 copied (0 B), 11 there already\n"
    assert (copied / "hello").stat().st_ino == before
    assert tree("get", "-R", "--force", tree.name, tmp_path / "copy").err.startswith("11 copied")
    assert (copied / "hello").stat().st_ino != before


def test_what_differs_is_copied_again(tree: Tool, copied: Path, tmp_path: Path) -> None:
    (copied / "hello").write_bytes(b"hello, World\n")
    (copied / "link").unlink()
    (copied / "link").symlink_to("elsewhere")
    (copied / "nested" / "deep").unlink()
    assert tree("get", "-R", tree.name, tmp_path / "copy").err.startswith("3 copied")
    assert (copied / "hello").read_bytes() == b"hello, world\n"
    assert os.readlink(copied / "link") == "dir/tool"


def test_a_part_and_json(tree: Tool, tmp_path: Path) -> None:
    *records, last = tree("get", "-R", "--json", f"{tree.name}/dir", tmp_path / "d").lines
    assert {each["path"] for each in records} == {"/dir/same1", "/dir/same2", "/dir/tool"}
    assert {each["result"] for each in records} == {"copied"}
    assert last == {"summary": {"copied": 3, "kept": 0, "failed": 0, "skipped": 0, "bytes": 21, "status": 0}}


def test_single_files(tree: Tool, tmp_path: Path) -> None:
    assert tree("get", "-q", f"{tree.name}/link", tmp_path / "program").err == ""
    assert (tmp_path / "program").read_bytes() == b"#!/bin/sh\n"
    (tmp_path / "into").mkdir()
    assert tree("get", f"{tree.name}/big", tmp_path / "into").status == 0
    assert (tmp_path / "into" / "big").read_bytes() == BIG
    assert tree("get", f"{tree.name}/link", tmp_path / "into").status == 0
    assert not (tmp_path / "into" / "link").is_symlink()


def test_a_file_that_cannot_be_had(tree: Tool, tmp_path: Path) -> None:
    lost = f"*{tree('stat', '--json', f'{tree.name}/hello').json['hash'][2:]}"
    tree.forged.server.fault(lost, Fault(flip=3))
    result = tree("get", "-R", tree.name, tmp_path / "copy")
    assert result.status == status.DAMAGED
    assert "10 copied" in result.err
    assert "1 failed" in result.err
    assert "/hello: " in result.err
    assert not (tmp_path / "copy" / "hello").exists()
    tree.forged.server.heal()
    assert tree("get", "-R", tree.name, tmp_path / "copy").err.startswith("1 copied (13 B), 10 there")


def test_the_server_goes_away(tree: Tool, tmp_path: Path) -> None:
    tree("ls", "-R", tree.name)
    tree.forged.server.fault("*/data/*", Fault(drop=True))
    assert tree("get", "-R", tree.name, tmp_path / "copy").status == status.UNREACHABLE
    assert os.readlink(tmp_path / "copy" / "link") == "dir/tool"


def test_what_is_in_the_way(tree: Tool, tmp_path: Path) -> None:
    (tmp_path / "copy").mkdir()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "copy" / "dir").symlink_to(tmp_path / "elsewhere")
    result = tree("get", "-R", tree.name, tmp_path / "copy")
    assert result.status == status.LOCAL
    assert "in the way" in result.err
    assert os.listdir(tmp_path / "elsewhere") == []
    assert tree("get", f"{tree.name}/hello", f"{tmp_path}/none/").status == status.LOCAL
    assert tree("get", f"{tree.name}/hello", tmp_path / "none" / "f").status == status.LOCAL


def test_a_new_revision_updates_the_copy(tree: Tool, copied: Path, tmp_path: Path) -> None:
    publish_tree(tree.forged, 2, tree.forged.forge.file(b"/new", b"new"))
    assert tree("get", "-R", tree.name, tmp_path / "copy").err == "1 copied (3 B), 11 there already\n"
    assert (copied / "new").read_bytes() == b"new"


def test_what_a_killed_one_left_is_removed(tree: Tool, tmp_path: Path) -> None:
    code = "import os, sys; from parrot_py.tools import copying, main\n"
    code += "copying._copy = lambda *_: os.kill(os.getpid(), 9); main.main(sys.argv[1:])"
    words = [sys.executable, "-c", code, *tree.options, "get", "-R", tree.name, str(tmp_path / "copy")]
    environ = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    assert subprocess.run(words, env=environ, check=False).returncode == -9
    left = list((tmp_path / "copy").rglob(".parrot_cvmfs.*"))
    assert left
    assert tree("get", "-R", tree.name, tmp_path / "copy").status == 0
    assert not [path for path in left if path.exists()]
    assert (tmp_path / "copy" / "big").read_bytes() == BIG


def test_bind_mountpoints_are_not_entered(tool: Tool, tmp_path: Path) -> None:
    forge = tool.forged.forge
    inner = forge.catalog([Row(b"", 0x21), forge.file(b"/f", b"bound")])
    forge.publish([Row(b"/b", 0x4003)], extra=f"INSERT INTO bind_mountpoints VALUES ('/b', '{inner}', 0);")
    assert tool("get", "-R", tool.name, tmp_path / "copy").status == 0
    assert os.listdir(tmp_path / "copy" / "b") == []
    assert tool("get", "-R", f"{tool.name}/b", tmp_path / "bound").status == 0
    assert (tmp_path / "bound" / "f").read_bytes() == b"bound"


def test_files_come_at_the_same_time(tool: Tool, tmp_path: Path) -> None:
    forge = tool.forged.forge
    forge.publish([forge.file(b"/%d" % n, b"content %d" % n) for n in range(12)])
    tool("ls", tool.name)
    release = threading.Event()
    tool.forged.server.fault("*/data/*", Fault(hold=release))
    before = tool.forged.server.count("*/data/*")

    def let_go() -> None:
        while tool.forged.server.count("*/data/*") < before + 12 and not release.wait(0.005):
            pass
        release.set()

    waiter = threading.Thread(target=let_go, daemon=True)
    waiter.start()
    assert tool("get", "-R", tool.name, tmp_path / "copy").status == 0
    release.set()
    waiter.join()
    assert len(os.listdir(tmp_path / "copy")) == 12

"""``parrot_cvmfs`` as a process: on a terminal, into a closed pipe, interrupted."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

from tests.support.httpd import Fault
from tests.support.processes import eventually
from tests.support.terminal import Terminal
from tests.tools.conftest import BIG, Tool

ROOT = Path(__file__).parents[2]


def environ(**more: str) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT), "TERM": "xterm", "COLUMNS": "100", "LANG": "C.UTF-8", **more}


def test_tables_and_colours_on_a_terminal(tree: Tool, tmp_path: Path) -> None:
    with Terminal(tree.command("stat", f"{tree.name}/hello"), environ(), tmp_path) as terminal:
        seen = terminal.read_until("user.note.*\n")
        assert terminal.wait() == 0
    assert "\x1b[" in seen
    with Terminal(tree.command("stat", f"{tree.name}/hello"), environ(NO_COLOR="1"), tmp_path) as terminal:
        plain = terminal.read_until("user.note.*\n")
        assert terminal.wait() == 0
    assert not re.search(r"\x1b\[3\d", plain)


def test_names_cannot_do_anything_to_a_terminal(tree: Tool, tmp_path: Path) -> None:
    with Terminal(tree.command("ls", "-l", tree.name), environ(), tmp_path) as terminal:
        seen = terminal.read_until("pipe\r\n")
        assert terminal.wait() == 0
    assert "odd \\xff\\x0a\\x1b[31m" in seen
    assert "\x1b" not in seen


def test_progress_on_a_terminal(tree: Tool, tmp_path: Path) -> None:
    tree.forged.server.fault("*P", Fault(delay=0.2))
    with Terminal(tree.command("get", "-R", tree.name, tmp_path / "copy"), environ(), tmp_path) as terminal:
        seen = terminal.read_until("there already")
        assert terminal.wait() == 0
    assert "copying" in seen
    assert (tmp_path / "copy" / "big").read_bytes() == BIG


def test_a_closed_pipe_is_no_trouble(tree: Tool) -> None:
    tree("cat", f"{tree.name}/big")
    process = tree.start("cat", *[f"{tree.name}/big"] * 200, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stderr is not None
    assert process.stdout.read(10) == BIG[:10]
    process.stdout.close()
    assert process.stderr.read() == b""
    process.stderr.close()
    assert process.wait(60) == -signal.SIGPIPE


def test_an_interrupt_is_silent_and_leaves_no_half_files(tree: Tool, tmp_path: Path) -> None:
    tree("ls", "-R", tree.name)
    tree.forged.server.fault("*P", Fault(delay=100))
    process = tree.start("get", "-R", tree.name, tmp_path / "copy", stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    eventually(lambda: tree.forged.server.count("*P") > 0, what="the request for a chunk")
    began = time.monotonic()
    process.send_signal(signal.SIGINT)
    assert process.communicate(timeout=60) == (b"", b"")
    assert process.returncode == 130
    assert time.monotonic() - began < 50
    names = os.listdir(tmp_path / "copy")
    assert "big" not in names
    assert not [name for name in names if name.startswith(".")]


def test_nothing_heavy_for_parrot_run() -> None:
    code = (
        "import sys, parrot_py.cli, parrot_py.run; sys.exit('rich' in sys.modules or 'parrot_py.tools' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], env=environ(), check=False).returncode == 0


def test_the_front_end_of_a_checkout(tmp_path: Path) -> None:
    words = ["ls", "demo.parrot.local/data", "-t", str(tmp_path)]
    done = subprocess.run([ROOT / "bin" / "parrot_cvmfs", *words], capture_output=True, check=False, cwd="/")
    assert done.returncode == 0  # perhaps after making the set-up, which it says on stderr
    assert b"first\n" in done.stdout

"""A newcomer who follows README.md and docs/start.md: the commands in their fenced blocks, exactly as they stand.

Only the set-up of a fresh clone is not made anew: what runs this test has done that.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from tests.support import places
from tests.support.ports import free_port

PAGES = ("README.md", "docs/start.md")
_FENCE = re.compile(r"^```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_LIMIT = 240
GREETING = "hello from /cvmfs/sw.example.org/bin/hello"


def blocks(page: str) -> list[str]:
    return _FENCE.findall((places.CHECKOUT / page).read_text())


@pytest.fixture
def clone() -> Path:
    """A directory of the newcomer's that holds nothing but the checkout's commands, and a home beside it."""
    top = places.fresh(places.base() / "work" / "newcomer")
    (top / "bin").symlink_to(places.CHECKOUT / "bin")
    for name in ("home", "tmp"):
        places.fresh(top / name)
    probe = ["bin/parrot_run", "--version"]
    told = subprocess.run(probe, cwd=top, env=environment(top, 0), capture_output=True, text=True, **places.as_job())
    if told.returncode or told.stderr:
        pytest.skip(f"the job's user cannot start the checkout without a set-up of its own: {told.stderr[-200:]}")
    return top


def environment(top: Path, port: int) -> dict[str, str]:
    path = "/usr/local/bin:/usr/bin:/bin"
    return {"HOME": str(top / "home"), "TMPDIR": str(top / "tmp"), "PATH": path, "PORT": str(port)}


def followed(command: list[str], clone: Path) -> tuple[int, str, str]:
    """Run *command* as the newcomer; its exit status and what it said.  Nothing that it started is left."""
    ends: dict[str, Any] = {
        "stdin": subprocess.DEVNULL,
        "stdout": subprocess.PIPE,
        "stderr": subprocess.PIPE,
        "text": True,
    }
    env = environment(clone, free_port())
    with subprocess.Popen(command, cwd=clone, env=env, start_new_session=True, **ends, **places.as_job()) as process:
        try:
            out, err = process.communicate(timeout=_LIMIT)
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)  # the web server, where the script did not come to its end
    return process.returncode, out, err


def test_from_the_readme_to_statistics(clone: Path) -> None:
    bash = shutil.which("bash")
    if bash is None or shutil.which("python3", path="/usr/local/bin:/usr/bin:/bin") is None:
        pytest.skip("bash or python3 is not installed")
    wanted = [block for page in PAGES for block in blocks(page)]
    assert len(wanted) >= 8
    script = "set -e\n" + "".join(f"echo '== block {number}'\n{block}" for number, block in enumerate(wanted))
    status, out, err = followed([bash, "-c", script], clone)
    assert status == 0, out + err
    told = re.split(r"^== block \d+\n", out, flags=re.MULTILINE)[1:]
    assert len(told) == len(wanted), out + err

    def answer(command: str) -> str:
        """What the block with *command* printed."""
        return told[next(number for number, block in enumerate(wanted) if command in block)]

    assert "hello.sh" in answer("ls -l /cvmfs/demo.parrot.local")
    assert "published revision 1 of sw.example.org" in answer("parrot_publish")
    assert "trusted" in answer("parrot_cvmfs")
    assert answer("parrot_run -p DIRECT /cvmfs/sw.example.org/bin/hello") == f"{GREETING}\n"
    greeting, _, statistics = answer("--stats-file").partition("\n")
    assert greeting == GREETING
    numbers = json.loads(statistics)
    assert numbers["engine"]["stops"] > 0
    assert numbers["drivers"]["/cvmfs/sw.example.org"]["cvmfs.n_fs_open"] == 1
    assert not (clone / "home" / "start").exists()
    assert "Traceback" not in err


def test_every_command_of_the_five_minutes_is_run() -> None:
    """An indented block in start.md would look the same to a reader, and be run by nobody."""
    page = _FENCE.sub("", (places.CHECKOUT / "docs/start.md").read_text())
    assert "\n    " not in page
    assert "```" not in page

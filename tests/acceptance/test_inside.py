"""parrot_run inside parrot_run: the inner one joins the outer one, wherever and however it is started."""

from __future__ import annotations

import shlex
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from parrot_py import __version__
from tests.support import places, tree
from tests.support.outcome import Outcome
from tests.support.parrot import Parrot, environment
from tests.support.sites import Site

RUN = " ".join(shlex.quote(str(word)) for word in places.launcher())
VERSION = f"parrot_run (parrot_py) {__version__}\n".encode()
FILE = f"{tree.TOP}/hello.txt"
READ = f"{RUN} -t $PWD/inner cat {FILE}"
Run = Callable[[str], Outcome]


@pytest.fixture
def scratch(home: Path) -> Path:
    """Where the jobs work."""
    return places.fresh(home / "w")


@pytest.fixture
def run(twin: Site, parrot: Callable[..., Parrot], scratch: Path) -> Run:
    """Runs a shell script in the outer parrot_run."""
    outer = parrot([twin.entry(tree.NAME)])

    def start(script: str) -> Outcome:
        return outer.run(["/bin/sh", "-c", script], cwd=scratch, env=environment(scratch), timeout=120)

    return start


WAYS = {
    "directly": READ,
    "with no environment": f"env -i PWD=$PWD /bin/sh -c '{READ}'",
    "in a script deep in the tree": f'sh -c \'sh -c "sh -c \\"{READ}; true\\"; true"; true\'',
    "three times": f"{RUN} -t $PWD/a {RUN} -t $PWD/b {READ}",
    "in another session": f"setsid -w {READ}",
    "with a variable taken away": f"unset PARROT_ENABLED; {READ}",
}


@pytest.mark.parametrize("script", WAYS.values(), ids=WAYS.keys())
def test_the_inner_one_joins(run: Run, script: str) -> None:
    told = run(script)
    assert (told.status, told.stdout, told.stderr) == (0, b"hello, world\n", b""), told


def test_is_running_tells(run: Run, scratch: Path) -> None:
    told = run(f"{RUN} --is-running; echo $?; env -i {RUN} --is-running; echo $?")
    assert told.stdout == VERSION + b"0\n" + VERSION + b"0\n", told
    env = {**environment(scratch), "PARROT_ENABLED": "TRUE"}
    outside = subprocess.run([*places.launcher(), "--is-running"], env=env, capture_output=True, check=False)
    assert (outside.returncode, outside.stdout) == (1, b"")


def test_the_log_tells_what_does_not_count(run: Run, scratch: Path) -> None:
    told = run(f"{RUN} -t $PWD/inner -o $PWD/log -d process -r no.such.repository -T 3 sh -c 'exit 7'")
    assert told.status == 7, told
    lines = (scratch / "log").read_text().splitlines()
    assert any("without effect: --cvmfs-repos, --tempdir, --timeout" in line for line in lines), lines
    assert sum("has no no.such.repository" in line for line in lines) == 1, lines


def test_a_program_that_is_not_there(run: Run) -> None:
    told = run(f"{RUN} -t $PWD/inner /no/such/program; echo $?")
    assert told.stdout == b"127\n", told
    assert told.stderr.count(b"\n") == 1, told


@pytest.mark.parametrize("debugger", ["gdb", "strace"])
def test_the_inner_one_joins_below_a_debugger(run: Run, debugger: str) -> None:
    if not shutil.which(debugger):
        pytest.skip(f"{debugger} is not installed")
    inner = f"env -i PWD=$PWD /bin/sh -c '{READ}'"
    script = {
        "gdb": f"gdb -batch -nx -ex run --args {inner} | grep -a hello",
        "strace": f"strace -f -o /dev/null {inner}",
    }[debugger]
    told = run(script)
    assert (told.status, told.stdout) == (0, b"hello, world\n"), told

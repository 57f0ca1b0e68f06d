"""The other way to trace: without seccomp filters everything is as with them."""

from __future__ import annotations

import shutil

import pytest

from tests.support import tree
from tests.support.programs import I386, cannot_run, program
from tests.twins.conftest import Twins

PROGRAMS = ("open_forms", "stat_forms", "listing", "cwd", "exec_forms", "threads", "signals", "mapping", "registers",
            "procfs_paths", "procfs_files", "odd_calls")  # fmt: skip
I386_PROGRAMS = ("i386_calls", "i386_acts", "open_forms", "exec_forms", "threads", "signals", "registers")


@pytest.mark.parametrize("name", PROGRAMS)
def test_program_without_seccomp(twins: Twins, name: str) -> None:
    twins.parrot.options.append("--no-seccomp")
    twins.check([str(program(name)), tree.TOP], timeout=120)


@pytest.mark.parametrize(
    ("name", "abi"), [("i386_calls", ()), ("i386_acts", ()), *((name, I386) for name in I386_PROGRAMS)]
)
def test_calls_of_i386_without_seccomp(twins: Twins, name: str, abi: tuple[str, ...]) -> None:
    if reason := cannot_run(*I386):
        pytest.skip(reason)
    twins.parrot.options.append("--no-seccomp")
    twins.check([str(program(name, *abi)), tree.TOP], timeout=120)


@pytest.mark.parametrize("name", ["i386_calls", "i386_acts", "exec_forms"])
def test_calls_of_i386_under_strace(twins: Twins, name: str) -> None:
    """Its debugger, which is one of the job, sees them as such, and they are answered all the same."""
    if reason := cannot_run(*I386):
        pytest.skip(reason)
    if shutil.which("strace") is None:
        pytest.skip("strace is not installed")
    twins.check(["strace", "-f", "-o", "trace", str(program(name, *I386)), tree.TOP], timeout=120)
    trace = (twins.home / "w" / "trace").read_text()
    wanted = "oldstat(" if name == "i386_calls" else f'execve("{tree.TOP}/bin/report32-own-loader"'
    assert wanted in trace


def test_shell_without_seccomp(twins: Twins) -> None:
    twins.parrot.options.append("--no-seccomp")
    script = (
        "cd $R/dir && pwd && ls .. && cat ./file && (cd sub; ls | cat) && $R/bin/report-own-loader 0 && rm file 2>&1"
    )
    twins.shell(
        f"cd; {script}; tar c -C $R dir links | tar t | sort; cd; make -s -j4 -f $R/make/Makefile && cat result"
    )


def test_without_seccomp_every_call_stops(twins: Twins) -> None:
    """The option does what it says: the counters of both ways differ by far."""
    counts = []
    for options in ([], ["--no-seccomp"]):
        twins.parrot.log_file.unlink(missing_ok=True)
        twins.parrot.run(
            [str(program("budget")), "getppid", "/etc/passwd", "1000"], options=[*options, "--stats"]
        ).expect()
        counts.append(twins.parrot.stats()["other"])
    assert counts[0] < 50
    assert counts[1] > 1000

"""Death at every moment: between any two requests of the tracer the process that they are for is killed."""

from __future__ import annotations

import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.drivers.cvmfs.forge import NAME
from tests.stress.conftest import TOP
from tests.support import places
from tests.support.parrot import Parrot, environment
from tests.support.processes import eventually, marked
from tests.support.programs import compile_c
from tests.support.sites import Site

SCRIPT = f"""
cat {TOP}/d/f0001 >/dev/null; cd {TOP}/list; ls . >/dev/null; (cat ./3; pwd) >/dev/null & wait
{TOP}/run; ls -l /etc/passwd >/dev/null; cd /; exec /bin/sh -c 'cat {TOP}/list/7 >/dev/null; exit 3'
"""
MOST = 20_000
FAR, NEAR = 151, 5


@pytest.fixture(scope="module")
def killer() -> Path:
    """The compiled killer.c."""
    source = Path(__file__).parent / "programs" / "killer.c"
    return places.once("killer.so", lambda output: compile_c(source, output, "-shared", "-fPIC", "-ldl"))


SOME = pytest.param(FAR, id="some")
MANY = pytest.param(NEAR, id="many", marks=[pytest.mark.stress, pytest.mark.timeout(3000)])


@pytest.mark.parametrize("stride", [SOME, MANY])
@pytest.mark.parametrize("options", [(), ("--no-seccomp",)], ids=["seccomp", "no-seccomp"])
def test_death_between_any_two_requests(
    slow_site: Site, parrot: Callable[..., Parrot], killer: Path, stride: int, options: tuple[str, ...]
) -> None:
    """The run ends, with the job's status or by its death; nobody survives, and nothing went wrong that is told."""
    slow_site.server.heal()
    run = parrot([slow_site.entry(NAME)], options)
    statuses, killed = set(), run.home / "killed"
    stride *= 4 if options else 1  # every call stops then
    for at in range(3, MOST, stride):  # the first ones are PTRACE_SEIZE and INTERRUPT: nothing runs yet
        kill = {"LD_PRELOAD": str(killer), "KILL_AT": str(at)}
        env = environment(run.home, {**kill, "KILLED": str(killed), "MARK": str(run.home)})
        told = run.run(["/bin/sh", "-c", SCRIPT], env=env, timeout=60)
        assert told.status in (3, -signal.SIGKILL), f"killed at request {at}: {told}"
        assert b"defect" not in told.log, f"killed at request {at}: {told}"
        eventually(lambda: not marked(str(run.home)), what="the last process to end")
        statuses.add(told.status)
        run.log_file.unlink(missing_ok=True)
        if not killed.exists():
            assert told.status == 3, "there are no more requests"
            break
        killed.unlink()
    assert statuses == {3, -signal.SIGKILL}

"""How a run ends: the job's status, its signal, killed processes, a killed tracer; nothing stays behind."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.support import places, tree
from tests.support.cache import bad_objects
from tests.support.httpd import Fault
from tests.support.parrot import Parrot, environment
from tests.support.processes import children, eventually, kill, marked
from tests.support.sites import Site

BUSY = """
while :; do
    cat $R/many/f0* >/dev/null &
    (cd $R/dir && cat file >/dev/null) &
    $R/bin/report-static 0 >/dev/null &
    sha256sum $R/big.bin >/dev/null &
    find $R/many -name 'f1*' | xargs cat >/dev/null; wait
done
"""


def marker(run: Parrot) -> dict[str, str]:
    """An environment by which all processes of the run are found again."""
    return environment(run.home, {"R": tree.TOP, "MARK": str(run.home)})


@pytest.mark.parametrize("status", [0, 1, 2, 77, 125, 126, 127, 255])
def test_the_exit_status_passes_through(run: Parrot, status: int) -> None:
    run.run(["/bin/sh", "-c", f"exit {status}"]).expect(status)


@pytest.mark.parametrize("name", ["TERM", "INT", "HUP", "KILL", "SEGV", "ABRT", "PIPE", "USR1", "QUIT"])
def test_death_by_signal_is_death_by_the_same_signal(run: Parrot, name: str) -> None:
    number = signal.Signals[f"SIG{name}"]
    run.run(["/bin/sh", "-c", f"ulimit -c 0; cd {tree.TOP}; kill -{name} $$"]).expect(-number)


def test_nothing_to_run(run: Parrot) -> None:
    told = run.run(["/no/such/program"])
    assert told.status == 127
    assert told.stderr.count(b"\n") == 1
    told = run.run(["/etc/passwd"])
    assert told.status == 126
    assert told.stderr.count(b"\n") == 1
    told = run.run([f"{tree.TOP}/missing"])
    assert told.status == 127


def test_the_job_may_start_inside_the_tree(run: Parrot) -> None:
    assert b"argv[0]" in run.run([f"{tree.TOP}/bin/report-own-loader", "0"]).expect().stdout
    run.run([f"{tree.TOP}/script.sh", "5"]).expect(5)


def test_a_program_is_found_by_its_name(run: Parrot) -> None:
    env = {**environment(run.home), "PATH": f"{tree.TOP}/bin:/usr/bin:/bin"}
    assert b"comm: report-static" in run.run(["report-static"], env=env).expect().stdout


def test_processes_that_outlive_the_first_go_on(run: Parrot) -> None:
    late = run.home / "late"
    script = f"(sleep 0.5; cat {tree.TOP}/hello.txt >{late}) </dev/null >/dev/null 2>&1 & exit 3"
    run.run(["/bin/sh", "-c", script], env=marker(run)).expect(3)
    eventually(lambda: not marked(str(run.home)), what="the last process to end")
    assert late.read_bytes() == b"hello, world\n"


def test_a_signal_to_parrot_run_ends_the_job(run: Parrot) -> None:
    with run.running(["sleep", "600"], env=marker(run), start_new_session=True) as process:
        eventually(lambda: len(marked(str(run.home))) >= 2, what="the job to start")
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == -signal.SIGTERM
    eventually(lambda: not marked(str(run.home)), what="every process to end")


@pytest.mark.parametrize("moment", [0.05, 0.15, 0.3, 0.5, 0.8, 1.2])
def test_kill_9_of_the_tracer_leaves_nothing_behind(run: Parrot, twin: Site, moment: float) -> None:
    twin.server.fault("*/data/*", Fault(delay=0.02))
    with run.running(
        ["/bin/bash", "-c", BUSY], env=marker(run), start_new_session=True, stderr=subprocess.DEVNULL
    ) as top:
        time.sleep(moment * random.uniform(0.7, 1.3))  # not a wait for something: any moment will do
        top.kill()
        assert top.wait(60) == -signal.SIGKILL
    eventually(lambda: not marked(str(run.home)), what="every process to end")
    published = tree.twin_tree()
    assert bad_objects(run.cache, published.web / published.name) == []
    twin.server.heal()
    again = run.run(["sha256sum", f"{tree.TOP}/big.bin", f"{tree.TOP}/hello.txt"]).expect()
    plain = subprocess.run(
        ["sha256sum", "big.bin", "hello.txt"], cwd=tree.twin_tree().plain, capture_output=True, check=True
    )
    assert [line.split()[0] for line in again.stdout.splitlines()] == [
        line.split()[0] for line in plain.stdout.splitlines()
    ]


def test_kill_9_of_job_processes_never_hangs(run: Parrot) -> None:
    # What bash says about killed children goes elsewhere: stderr is for parrot_run alone here.
    command = ["/bin/bash", "-c", f"exec 2>/dev/null; {BUSY}"]
    with run.running(command, env=marker(run), start_new_session=True, stderr=subprocess.PIPE) as top:
        eventually(lambda: len(marked(str(run.home))) > 3, what="the job to get busy")
        [first] = children(top.pid)
        killed, end = 0, time.monotonic() + 100
        while killed < 40:
            assert time.monotonic() < end, f"{killed} processes to kill in all that time"
            victims = [pid for pid in marked(str(run.home)) if pid not in (top.pid, first)]
            for pid in random.sample(victims, min(2, len(victims))):
                kill(pid)
                killed += 1
        assert top.poll() is None, f"the first process is still there: {top.communicate()} {run.log().decode()}"
        kill(first)
        eventually(lambda: {*marked(str(run.home))} <= {top.pid}, what="the orphans to end by themselves")
        assert top.wait(60) == -signal.SIGKILL
    assert run.run(["cat", f"{tree.TOP}/hello.txt"]).expect().stdout == b"hello, world\n"


def test_no_session_directory_stays(run: Parrot) -> None:
    run.run(["cat", f"{tree.TOP}/hello.txt"]).expect()
    first = sorted(path.name for path in run.tempdir.iterdir())
    run.run(["/bin/sh", "-c", f"cd {tree.TOP}/dir && ls && exec {tree.TOP}/bin/report-static 0"]).expect()
    assert len(sorted(path.name for path in run.tempdir.iterdir())) <= len(first) + 1
    with run.running(["sleep", "600"], env=marker(run)) as killed:
        eventually(lambda: len(marked(str(run.home))) >= 2, what="the job to start")
    run.run(["/bin/true"]).expect()
    run.run(["/bin/true"]).expect()
    left = [path for path in run.tempdir.rglob("*") if str(killed.pid) in path.name]
    assert left == [], "the next run cleans up after one that was killed"


def test_descriptors_of_the_caller_are_inherited(run: Parrot) -> None:
    reading, writing = os.pipe()
    with run.running(["/bin/bash", "-c", f"cat {tree.TOP}/hello.txt >&{writing}; ls /proc/self/fd | wc -l"],
                   pass_fds=[writing], stdout=subprocess.PIPE) as process:  # fmt: skip
        os.close(writing)
        assert os.read(reading, 99) == b"hello, world\n"
        out, _ = process.communicate(timeout=60)
    os.close(reading)
    assert int(out) == 5, "0, 1, 2, the inherited one, and that of ls itself: none of ours"


def test_the_status_survives_where_the_tracer_has_no_descriptors_left(run: Parrot) -> None:
    """What was asked to be told at the end can't be; the job's status is what counts."""
    code = (
        f"import os, resource; open('{tree.TOP}/hello.txt').close()\n"
        "resource.prlimit(os.getppid(), resource.RLIMIT_NOFILE, (3, 3)); os._exit(7)"
    )
    options = ["--stats", "--stats-file", str(run.home / "figures"), "-c", str(run.home / "status"), "-W"]
    told = run.run(["/usr/bin/python3", "-I", "-c", code], options=options)
    assert told.status == 7, told
    assert b"Too many open files" in run.log()
    assert not (run.home / "figures").exists()


def test_limits_that_cannot_be_set_again_are_told_as_such(home: Path) -> None:
    """The program is not to blame.  A soft limit above the hard one stands for what a kernel may refuse."""
    code = (
        "import resource, sys; from parrot_py import caller, cli, config\n"
        "caller.take = lambda: caller.Given(0o22, 0, ((resource.RLIMIT_NOFILE, 10, 5),))\n"
        "sys.exit(cli.launch(lambda: config.read(['-t', sys.argv[1], '-c', sys.argv[2], 'true'], {'PATH': '/bin'})))"
    )
    python = places.launcher()[:-2]
    if python[-2] == "-c":
        pytest.skip("the job's user starts a Python that takes no code of ours")
    done = subprocess.run(
        [*python, "-c", code, str(home / "t"), str(home / "status")],
        cwd=home, capture_output=True, text=True, timeout=60, check=False, **places.as_job(),
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (126, "")
    assert done.stderr == "parrot_run: cannot run 'true': its limits cannot be set again: Invalid argument [PP209]\n"
    assert (home / "status").read_text() == "noexec\n0\n"


def test_the_job_goes_on_where_the_tracer_has_no_descriptors_for_a_sweep(run: Parrot) -> None:
    """More than LINKED_UNSEEN bytes are in use, and what would look after them can't be loaded."""
    code = (
        f"import os, resource; os.chdir('{tree.TOP}'); os.stat('big.bin')\n"
        "resource.prlimit(os.getppid(), resource.RLIMIT_NOFILE, (3, 3)); size = len(open('big.bin', 'rb').read())\n"
        f"print(size == {tree.twin_tree().plain.joinpath('big.bin').stat().st_size})"
    )
    command = ["/usr/bin/python3", "-I", "-c", code]
    run.run(["cat", f"{tree.TOP}/big.bin"]).expect()
    told = run.run(command)
    assert (told.status, told.stdout, told.stderr) == (0, b"True\n", b""), told

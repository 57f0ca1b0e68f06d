"""Processes that ask for what a traced job cannot have, or live where other numbers hold; how their runs end."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from pathlib import Path

import pytest

from tests.support import places, tree
from tests.support.outcome import Outcome
from tests.support.parrot import Parrot, environment
from tests.support.processes import eventually, marked
from tests.support.programs import compile_c

IDENTITY = """
#include <stdio.h>
#include <sys/auxv.h>
#include <sys/prctl.h>
#include <unistd.h>
int main(void)
{
    printf("euid %d egid %d secure %lu nnp %d\\n", geteuid(), getegid(), getauxval(AT_SECURE),
           prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0));
    return geteuid() == 0;
}
"""


def native(run: Parrot, argv: list[str]) -> Outcome:
    """*argv* as the job's user, without parrot_run."""
    done = subprocess.run(
        argv, env=environment(run.home), cwd=run.home, capture_output=True, timeout=60, check=False, **places.as_job()
    )
    return Outcome(done.returncode, done.stdout, done.stderr, b"")


def same(run: Parrot, argv: list[str], limit: list[str] | None = None) -> Outcome:
    """*argv* says the same natively (behind *limit*, if that is given) and under parrot_run.

    But for no_new_privs itself: the job did not ask for it, so it is not told of it.
    """
    expected, told = native(run, [*(limit or []), *argv]), run.run(argv)
    said = expected.stdout.replace(b"nnp 1", b"nnp 0")
    assert (told.status, told.stdout, told.stderr) == (expected.status, said, expected.stderr), f"{told}"
    return told


@pytest.mark.parametrize(("mode", "owner"), [(0o4755, "user"), (0o2755, "group"), (0o6755, "both")])
def test_a_set_id_program_gains_nothing(run: Parrot, mode: int, owner: str) -> None:
    """As with no_new_privs, which parrot_run needs; without it the same program does become root."""
    if not places.is_root():
        pytest.skip("only root can make a program of root's")
    program = run.home / f"set-{owner}-id"
    source = run.home / "identity.c"
    source.write_text(IDENTITY)
    compile_c(source, program)
    os.chown(program, 0, 0)
    program.chmod(mode)
    if native(run, [str(program)]).stdout.startswith(b"euid 65534 egid 65534"):
        pytest.skip("this file system is mounted nosuid")
    told = same(run, [str(program)], ["setpriv", "--no-new-privs", "--"])
    assert told.stdout == b"euid 65534 egid 65534 secure 0 nnp 0\n"
    assert same(run, ["/bin/sh", "-c", f"{program}; exec {program}"], ["setpriv", "--no-new-privs", "--"]).status == 0


NAMESPACES = {
    "user": "unshare -U",
    "root of it": "unshare -Ur",
    "pid": "unshare -Urpf",
    "pid, with a /proc": "unshare -Urpf --mount-proc",
    "pid, killed with its parent": "unshare -Urpf --kill-child",
    "all": "unshare -Urmpfiunf",
    "pid in pid": "unshare -Urpf unshare -pf",
}
SCRIPT = """
echo $(( $$ < 10 ? $$ : 0 )) $(id -u) $(ulimit -n); cd {top}/dir && pwd && cat file && cat < ../hello.txt && ls | wc -l
(echo sub; exec {top}/script.sh 3) ; echo $?
cd /; {top}/bin/report-static 4 >/dev/null; echo $?
(sleep 0.1; echo late $(cat {top}/hello.txt)) & wait; kill -9 $$; echo still $?
"""


@pytest.mark.parametrize("how", NAMESPACES)
def test_namespaces_of_the_jobs_own(run: Parrot, how: str) -> None:
    """Natively on a copy of the tree, for the program and the numbers are what matters."""
    command = [*NAMESPACES[how].split(), "/bin/bash", "-c"]
    if native(run, [*command, "exit 0"]).status != 0:
        pytest.skip("this host lets an ordinary user make no namespaces")
    copy = tree.twin_tree().plain
    expected = native(run, [*command, SCRIPT.format(top=copy)])
    told = run.run([*command, SCRIPT.format(top=tree.TOP)])
    assert b"hello, world" in expected.stdout
    assert b"late hello, world" in expected.stdout
    text = expected.stdout.replace(os.fsencode(copy), tree.TOP.encode())
    assert (told.status, told.stdout) == (expected.status, text), f"{told}\n{expected}"


def test_the_end_of_a_pid_namespace_ends_all_in_it(run: Parrot) -> None:
    if native(run, ["unshare", "-Urpf", "true"]).status != 0:
        pytest.skip("this host lets an ordinary user make no namespaces")
    env = environment(run.home, {"MARK": str(run.home)})
    script = f"cd {tree.TOP}/dir; for i in 1 2 3; do (while :; do cat file >/dev/null; done) & done; sleep 0.3; exit 6"
    assert run.run(["unshare", "-Urpf", "/bin/bash", "-c", script], env=env).status == 6
    eventually(lambda: not marked(str(run.home)), what="every process to end")


def test_the_first_process_is_killed_and_others_go_on(run: Parrot) -> None:
    """The status is the first one's, once the last one has ended."""
    out = run.home / "late"
    script = f"(sleep 0.5; cat {tree.TOP}/hello.txt >{out}) & kill -9 $$"
    assert run.run(["/bin/sh", "-c", script]).status == -signal.SIGKILL
    assert out.read_bytes() == b"hello, world\n"
    shell = ["/bin/sh", "-c", '"$@" 2>/dev/null; echo $?', "sh"]
    command = [os.fsdecode(word) for word in run.command(["/bin/sh", "-c", "kill -9 $$"])]
    assert native(run, [*shell, *command]).stdout.splitlines()[-1:] == [b"137"]


def test_a_daemon_without_streams(run: Parrot) -> None:
    """It leaves session and streams: the caller reads the end of the first process's output, parrot_run stays."""
    out = run.home / "daemon"
    script = f"setsid sh -c 'sleep 0.7; cd {tree.TOP}/dir; pwd >{out}' </dev/null >/dev/null 2>&1 & echo started"
    if shutil.which("setsid") is None:
        pytest.skip("setsid is not installed")
    with run.running(["/bin/sh", "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.wait(60) == 0
    assert Path(out).read_text() == f"{tree.TOP}/dir\n"


def test_the_start_of_all_children_fails(run: Parrot) -> None:
    """A job at its limit of processes is told so, and goes on."""
    script = f"ulimit -u 1; cat {tree.TOP}/hello.txt; echo $?"
    told = run.run(["/bin/bash", "-c", f"({script}) 2>/dev/null; echo $?; cat {tree.TOP}/hello.txt"])
    expected = native(run, ["/bin/bash", "-c", f"({script}) 2>/dev/null; echo $?; echo hello, world"])
    if b"0\n" in expected.stdout.splitlines()[:1]:
        pytest.skip("no limit of processes for this user")
    assert told.stdout == expected.stdout

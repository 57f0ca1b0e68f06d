"""What the caller has done to the process that becomes parrot_run reaches the job, and parrot_run works."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tests.support import hosts, places, tree
from tests.support.hosts import assert_works, command_under, doctor, parrot_under
from tests.support.outcome import Outcome
from tests.support.parrot import Parrot, environment

BLOCK_ALL = (
    "import os, signal, sys; signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals()); "
    "signal.signal(signal.SIGPIPE, signal.SIG_DFL); signal.signal(signal.SIGXFSZ, signal.SIG_DFL); "
    "os.execvp(sys.argv[1], sys.argv[1:])"
)
CALLERS = {
    "SIGCHLD ignored": "trap '' CHLD",
    "many signals ignored": "trap '' HUP INT QUIT TERM USR1 USR2 CHLD CONT TSTP TTIN TTOU WINCH ALRM",
    "all signals blocked": f'exec /usr/bin/python3 -I -c "{BLOCK_ALL}" "$@"',
    "umask 0777": "umask 0777",
    "umask 0": "umask 0",
    "no HOME": "unset HOME",
    "an empty environment": 'exec env -i "$@"',
    "stdin closed": "exec <&-",
    "a session of its own": 'exec setsid --wait "$@"',
    "nice": 'exec nice -n 5 "$@"',
    "one processor": 'exec taskset 1 "$@"',
    "a deleted directory": "mkdir gone && cd gone && rmdir ../gone",
    "an unreadable directory": "mkdir shut && cd shut && chmod 0 .",
    "PYTHON variables": "export PYTHONHOME=/nonexistent PYTHONPATH=/nonexistent PYTHONSTARTUP=/x PYTHONINSPECT=1 "
    "PYTHONMALLOC=nonsense PYTHONIOENCODING=utf-16 PYTHONWARNINGS=error PYTHONOPTIMIZE=2 PYTHONUTF8=x",
    "loader variables": "export LD_LIBRARY_PATH=/cvmfs/x:/nonexistent LD_BIND_NOW=1",
    "a foreign locale": "export LC_ALL=xx_XX LANG=nonsense",
    "many descriptors": 'for n in {10..60}; do eval "exec $n</dev/null"; done',
}
STATE = """\
umask; ulimit -a; trap; nice
grep -E '^(Sig(Blk|Ign|Cgt|Pnd)|ShdPnd|Cpus_allowed|Groups|Uid|Gid|Cap)' /proc/self/status
for n in {0..70}; do [ -e /proc/$$/fd/$n ] && echo "$n $(readlink /proc/$$/fd/$n | sed 's/[0-9]*//g')"; done
env | grep -v -E '^(PARROT_ENABLED|_)=' | sort
pwd
"""


@pytest.mark.parametrize("name", CALLERS)
def test_works(run: Parrot, name: str) -> None:
    told = parrot_under(run, CALLERS[name], ["/bin/bash", "-c", hosts.JOB])
    lines = [line for line in told.stderr.splitlines() if b"setlocale" not in line and b"getcwd" not in line]
    assert_works(told._replace(stderr=b"\n".join(lines)))


@pytest.mark.parametrize("name", CALLERS)
def test_the_job_has_it_as_natively(run: Parrot, name: str) -> None:
    ask = ["/bin/bash", "-c", STATE]
    native = command_under(run, ask, CALLERS[name])
    for left in (run.home / "gone", run.home / "shut"):
        if left.exists():
            left.chmod(0o700)
            left.rmdir()
    told = command_under(run, run.command(ask), CALLERS[name])
    assert native.stdout, native
    assert (told.status, told.stdout, told.stderr) == (native.status, native.stdout, native.stderr), (native, told)


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&-", "<&- 2>&-", ">&- 2>&-", "<&- >&- 2>&-"])
def test_closed_descriptors(run: Parrot, closed: str) -> None:
    """Each and all: nothing of ours comes to have such a number in the job, and the log goes where it should."""
    script = f"""
for n in {{0..8}}; do [ -e /proc/$$/fd/$n ] && echo "$n $(readlink /proc/$$/fd/$n | sed 's/[0-9]*//g')"; done >&9
cat {hosts.R}/hello.txt >&9; echo to stdout; echo to stderr >&2; read line; echo $? >&9
ls {hosts.R}/dir >&9; exit 3
"""
    ask, ending = ["/bin/bash", "-c", script], f'"$@" {closed}; echo "status $?" >&9; exit 0'
    native = command_under(run, [word.replace(hosts.R, str(_plain())) for word in ask], f"exec 9>told\n{ending}")
    before = (run.home / "told").read_text()
    told = command_under(run, run.command(ask, ["-d", "all"]), f"exec 9>told\n{ending}")
    assert (run.home / "told").read_text() == before, told
    assert (told.stdout, told.stderr) == (native.stdout, native.stderr), told
    assert before.endswith("status 3\n")


def _plain() -> Path:
    return tree.twin_tree().plain


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_what_parrot_run_itself_says_with_closed_descriptors(run: Parrot, closed: str) -> None:
    """``--version``: status 0 only if it could be written."""
    for more, expected in ((["--version"], 1 if ">&-" in closed.replace("2>&-", "") else 0), (["--bogus"], 1)):
        told = command_under(run, [*places.launcher(), *more], f'"$@" {closed}; exit $?')
        assert told.status == expected, told
        assert b"Traceback" not in told.stderr, told
        assert told.stderr.count(b"\n") == (0 if "2>&-" in closed or expected == 0 else 1), told


def test_a_full_stdout(run: Parrot) -> None:
    for more in ("--version", "--help", "--doctor"):
        told = command_under(run, [*places.launcher(), "-t", str(run.tempdir), more], '"$@" >/dev/full; exit $?')
        assert (told.status, told.stderr) == (
            1,
            b"parrot_run: cannot write to stdout: No space left on device [PP210]\n",
        )


@pytest.mark.parametrize("name", ["SIGCHLD ignored", "all signals blocked", "umask 0777", "an empty environment"])
def test_the_doctor_works_too(run: Parrot, name: str) -> None:
    told = doctor(run, CALLERS[name])
    assert told.status == 0, told
    assert told.stderr == b"", told


def test_a_user_without_an_entry_in_passwd(run: Parrot) -> None:
    if not places.is_root():
        pytest.skip("only root can become a user that does not exist")
    own = Path("/tmp") / f"parrot-{run.home.name}"
    command = [*places.launcher(), "-t", str(own), "-r", run.repositories, "--", "/bin/bash", "-c", hosts.JOB]
    done = subprocess.run(
        ["setpriv", "--reuid=61235", "--regid=61235", "--clear-groups", "--inh-caps=-all", "--", *command],
        env=environment(Path("/nonexistent")), cwd="/", capture_output=True, stdin=subprocess.DEVNULL, timeout=60,
        check=False,
    )  # fmt: skip
    places.remove(own)
    assert_works(Outcome(done.returncode, done.stdout, done.stderr, b""))


def test_signals_that_python_hides_reach_the_job_through_the_front_end(run: Parrot) -> None:
    """Python ignores SIGPIPE and SIGXFSZ at its start; bin/parrot_run knows whether the caller did so, too."""
    front = places.CHECKOUT / "bin" / "parrot_run"
    if not os.access(front, os.X_OK):
        pytest.skip("this user cannot start bin/parrot_run of this checkout")
    ask = ["/bin/bash", "-c", "grep SigIgn /proc/self/status; trap; exit 4"]
    for setup in ("trap '' PIPE XFSZ", "trap '' PIPE", "trap - PIPE XFSZ", "trap '' PIPE XFSZ INT"):
        wanted = subprocess.run(hosts.wrapped(setup, ask), capture_output=True, check=False)
        place = run.home / "front"
        told = subprocess.run(
            hosts.wrapped(setup, [str(front), "-t", str(place), "--", *ask]), capture_output=True, check=False
        )
        assert (told.returncode, told.stdout, told.stderr) == (4, wanted.stdout, wanted.stderr), setup

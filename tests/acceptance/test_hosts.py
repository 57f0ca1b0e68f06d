"""Hosts that forbid something: parrot_run does without it or says in one line why it cannot, and --doctor tells."""

from __future__ import annotations

import errno
from collections.abc import Callable
from pathlib import Path

import pytest

from parrot_py.doctor import BAD, GOOD, host
from tests.support import tree
from tests.support.hosts import assert_refused, assert_works, command_under, doctor, findings, parrot_under
from tests.support.outcome import Outcome
from tests.support.parrot import Parrot
from tests.support.programs import I386, cannot_run, program

MakeParrot = Callable[..., Parrot]

# What outer filters of containers are known to forbid, or old kernels not to have; by number, since the point is that
# the kernel counts them.
CALLS = {
    "process_vm_readv": 310,
    "process_vm_writev": 311,
    "pidfd_open": 434,
    "pidfd_getfd": 438,
    "prctl": 157,
    "seccomp": 317,
    "memfd_create": 319,
    "close_range": 436,
    "kcmp": 312,
    "statx": 332,
    "openat2": 437,
    "faccessat2": 439,
    "clone3": 435,
    "rseq": 334,
    "link": 86,
    "linkat": 265,
    "mknodat": 259,
    "flock": 73,
    "prlimit64": 302,
    "sched_getaffinity": 204,
    "getrandom": 318,
    "copy_file_range": 326,
    "sendfile": 40,
    "fadvise64": 221,
}
PTRACE = 101
GET_SYSCALL_INFO = 0x420E
NOT_NATIVELY = {
    *(("clone3", error) for error in (errno.EPERM, errno.EINVAL)),
    *(("statx", error) for error in (errno.EPERM, errno.EINVAL)),
    ("getrandom", errno.EINVAL),
}
"""Here programs give up with no parrot_run at all: a C library falls back on ENOSYS only, and Python needs numbers."""


def forbidding(*calls: tuple[int | str, int]) -> str:
    """A host where each of *calls* (number or number:argument, errno) fails."""
    words = [f"{program('forbid')} {number} {error}" for number, error in calls]
    return f'exec {" ".join(words)} "$@"'


def named(told: Outcome) -> Outcome:
    """*told* as if the program could have asked for its own name, which takes prctl."""
    return told._replace(stdout=told.stdout.replace(b"comm: \n", b"comm: report-own-load\n"))


@pytest.mark.parametrize("error", [errno.EPERM, errno.ENOSYS, errno.EINVAL], ids=["EPERM", "ENOSYS", "EINVAL"])
@pytest.mark.parametrize("name", CALLS)
def test_a_call_is_forbidden(run: Parrot, name: str, error: int) -> None:
    if (name, error) in NOT_NATIVELY:
        pytest.skip("the job itself cannot do without it")
    assert_works(named(parrot_under(run, forbidding((CALLS[name], error)))))


@pytest.mark.parametrize("options", [[], ["--no-seccomp"]], ids=["seccomp", "no-seccomp"])
def test_the_kernel_does_not_tell_by_which_abi_a_call_was_made(run: Parrot, options: list[str]) -> None:
    """Before Linux 5.3 it does not: then int 0x80 in 64-bit code is known by its bytes."""
    if reason := cannot_run(*I386):
        pytest.skip(reason)
    command = [str(program("budget")), "int 0x80", f"{tree.TOP}/hello.txt", "3"]
    told = parrot_under(run, forbidding((f"{PTRACE}:{GET_SYSCALL_INFO}", errno.EPERM)), command, options)
    assert (told.status, told.stdout, told.stderr) == (0, b"", b""), told


@pytest.mark.parametrize("error", [errno.EPERM, errno.ENOSYS], ids=["EPERM", "ENOSYS"])
def test_neither_memory_nor_descriptors_of_others(run: Parrot, error: int) -> None:
    names = ("process_vm_readv", "process_vm_writev", "pidfd_open", "pidfd_getfd", "kcmp")
    setup = forbidding(*((CALLS[name], error) for name in names))
    assert_works(parrot_under(run, setup))
    assert_works(parrot_under(run, setup, options=["--no-seccomp"]))
    found = findings(doctor(run, setup))
    assert (found["process_vm_readv"], found["pidfd_getfd"]) == ("!!", "--")


@pytest.mark.parametrize("error", [errno.EPERM, errno.EINVAL], ids=["EPERM", "EINVAL"])
def test_filters_are_forbidden(run: Parrot, error: int) -> None:
    """As --no-seccomp, with one line in the log."""
    setup = forbidding((CALLS["seccomp"], error), (CALLS["prctl"], error))
    told = parrot_under(run, setup)
    assert_works(named(told))
    assert told.log.count(b"no seccomp filters here: every system call of the job stops twice") == 1, told
    examined = doctor(run, setup)
    assert examined.status == 0, examined
    assert findings(examined)["filters for jobs"] == "!!"


@pytest.mark.parametrize("options", [[], ["--no-seccomp"]], ids=["seccomp", "no-seccomp"])
@pytest.mark.parametrize("host", ["as it is", "no_new_privs", "a filter", "two filters"])
def test_the_job_is_told_of_the_confinement_by_its_host_only(run: Parrot, host: str, options: list[str]) -> None:
    setup = {
        "as it is": ":",
        "no_new_privs": 'exec setpriv --no-new-privs "$@"',
        "a filter": forbidding((CALLS["rseq"], errno.ENOSYS)),
        "two filters": forbidding((CALLS["rseq"], errno.ENOSYS), (CALLS["kcmp"], errno.ENOSYS)),
    }[host]
    ask = ["grep", "-E", "^(TracerPid|NoNewPrivs|Seccomp)", "/proc/self/status"]
    told = parrot_under(run, setup, ask, options)
    assert told.stdout == command_under(run, ask, setup).stdout
    assert told.stdout.startswith(b"TracerPid:\t0\n")


def test_without_filters(run: Parrot) -> None:
    assert_works(parrot_under(run, ":", options=["--no-seccomp"]))


@pytest.mark.parametrize("error", [errno.EPERM, errno.EACCES, errno.ENOSYS, errno.EIO])
def test_ptrace_is_forbidden(run: Parrot, home: Path, error: int) -> None:
    """Yama's ptrace_scope 2 and 3 say EPERM to the same request."""
    told = parrot_under(run, forbidding((PTRACE, error)), ["touch", "started"])
    assert_refused(told, "ptrace")
    assert not (home / "started").exists()


@pytest.mark.parametrize(
    ("scope", "capable", "state"),
    [(0, False, GOOD), (1, False, GOOD), (2, False, BAD), (2, True, GOOD), (3, False, BAD), (3, True, BAD)],
)
def test_what_the_doctor_says_of_yama(scope: int, capable: bool, state: int) -> None:
    found = host.yama(scope, capable=capable)
    assert found.state == state
    assert bool(found.remedy) == (state == BAD)
    assert found.text.startswith(f"{scope}: ")


def test_the_doctor_finds_nothing_wrong_here(parrot: MakeParrot) -> None:
    told = doctor(parrot())
    assert told.status == 0, told
    assert told.stderr == b"", told
    found = findings(told)
    trial = ("a job", "filters for jobs", "reading /cvmfs", "programs of /cvmfs")
    assert [found[name] for name in trial] == ["ok"] * len(trial), told
    assert "XX" not in found.values()


def test_the_doctor_names_what_is_forbidden(parrot: MakeParrot) -> None:
    told = doctor(parrot(), forbidding((PTRACE, errno.EPERM)))
    assert told.status == 1, told
    assert findings(told)["a job"] == "XX"
    assert b"ptrace" in told.stdout
    assert b"remedy: " in told.stdout


def test_the_doctor_and_an_unusable_tempdir(parrot: MakeParrot) -> None:
    run = parrot()
    run.tempdir = Path("/proc/nowhere")
    told = doctor(run)
    assert told.status == 1, told
    assert findings(told)["tempdir"] == "XX"


def test_the_doctor_without_filters(parrot: MakeParrot) -> None:
    told = doctor(parrot(), ":", "--no-seccomp")
    assert told.status == 0, told
    assert findings(told)["filters for jobs"] == "!!"

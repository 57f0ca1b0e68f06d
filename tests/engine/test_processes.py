"""Processes of a job: how they are born, what they inherit, how they end; many of them, and some with little room."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from parrot_py.drivers.memory import File, Node
from tests.engine.harness import TOP, Setup, Tracer
from tests.support import places
from tests.support.processes import eventually

TREE: dict[bytes, Node | bytes] = {
    b"/text": b"text\n",
    b"/dir/inner": b"inner\n",
    b"/program": File(b'#!/bin/sh\necho "$0 $*"\n', mode=0o755),
    b"/silent": File(b"#!/bin/sh\n", mode=0o755),
}


def test_five_hundred_short_processes(home: Path, use_seccomp: bool) -> None:
    two = f"(: <{TOP}/text) & (cd {TOP}/dir; : <inner)"
    script = f"i=0; while [ $i -lt 250 ]; do {two}; i=$((i+1)); done; wait; echo $i"
    told = Setup(home, TREE, use_seccomp=use_seccomp).run("/bin/sh", "-c", script)
    told.expect(b"250\n")
    assert told.counters["processes"] == 500


def test_a_daemon_outlives_the_first_process(home: Path, use_seccomp: bool) -> None:
    """Forks twice, leaves the session, is an orphan; the run waits for it and ends as the first process did."""
    code = f"""
reading, writing = os.pipe()
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        os.close(writing)
        os.read(reading, 1)  # ends when everybody else has gone
        os.chdir('{TOP}/dir')
        open(sys.argv[1], 'w').write(open('inner').read() + os.getcwd())
    os._exit(0)
os.wait()
os._exit(5)
"""
    out = home / "out"
    told = Setup(home, TREE, use_seccomp=use_seccomp).python(code, str(out))
    told.expect(b"", 5)
    assert out.read_text() == f"inner\n{TOP}/dir"


def test_session_and_group_are_the_callers(home: Path) -> None:
    def director(_: Tracer) -> tuple[int, int]:
        return os.getpgrp(), os.getsid(0)

    told = Setup(home, TREE, director=director).python("print(os.getpgrp(), os.getsid(0))")
    assert told.expect().stdout.split() == [b"%d" % told.value[0], b"%d" % told.value[1]]


def test_job_control_inside_the_job(home: Path, use_seccomp: bool) -> None:
    code = f"""
os.setsid()
child = os.fork()
if child == 0:
    os.setpgid(0, 0)
    os.execv('{TOP}/program', ['p', str(os.getpgrp() == os.getpid())])
os.waitpid(child, 0)
print(os.getsid(0) == os.getpid())
"""
    Setup(home, TREE, use_seccomp=use_seccomp).python(code).expect(b"/cvmfs/mem.test/program True\nTrue\n")


@pytest.mark.parametrize("closed", [(0,), (1, 2), (0, 1, 2)])
def test_closed_streams(home: Path, use_seccomp: bool, closed: tuple[int, ...]) -> None:
    """The tracer's own streams are closed: the job's next descriptors take their numbers, as they would natively."""
    code = (
        f"fds = [os.open('{TOP}/text', 0), os.open('{TOP}/dir', 0), os.open('/etc', 0)]\n"
        "out = os.open('out', os.O_WRONLY | os.O_CREAT)\n"
        f"os.write(out, repr((fds, os.read(fds[0], 9), os.listdir(fds[1]))).encode())"
    )
    told = Setup(home, TREE, use_seccomp=use_seccomp, closed=closed).python(code)
    assert (told.status, told.stderr) == (0, b"")
    fds = [*closed, 3, 4, 5][:3]
    assert (home / "out").read_text() == repr((fds, b"text\n", ["inner"]))


def test_the_environment_passes_unchanged(home: Path) -> None:
    env = {"A": "1", "EMPTY": "", "_": "x", "LD_LIBRARY_PATH": "/nowhere", "ODD": "a=b\nc", "BYTES": "\udcff\udc80"}
    told = Setup(home, TREE, env=env).run("/usr/bin/env", "-0")
    assert sorted(told.expect().stdout.split(b"\0")[:-1]) == sorted(os.fsencode(f"{k}={v}") for k, v in env.items())
    told = Setup(home, TREE, env=env).run("/bin/sh", "-c", f"exec {TOP}/silent")
    told.expect(b"")


@pytest.mark.parametrize("status", [0, 1, 127, 255])
def test_exit_statuses(home: Path, use_seccomp: bool, status: int) -> None:
    Setup(home, TREE, use_seccomp=use_seccomp).python(f"os.stat('{TOP}/text'); os._exit({status})").expect(b"", status)


DEADLY = sorted(
    set(signal.valid_signals())
    - {signal.SIGCHLD, signal.SIGCONT, signal.SIGURG, signal.SIGWINCH}
    - {signal.SIGSTOP, signal.SIGTSTP, signal.SIGTTIN, signal.SIGTTOU}
)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV, signal.SIGPIPE, signal.SIGINT])
def test_death_by_signal(home: Path, use_seccomp: bool, number: int) -> None:
    told = Setup(home, TREE, use_seccomp=use_seccomp).python(_die("number"), str(number))
    told.expect(b"", -number)


def test_death_by_every_signal(home: Path) -> None:
    numbers = [str(int(n)) for n in DEADLY]
    code = f"""
for number in map(int, sys.argv[1:]):
    child = os.fork()
    if child == 0:
        {_die("number").replace(chr(10), chr(10) + " " * 8)}
    print(number, os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""
    told = Setup(home, TREE).python(code, *numbers)
    told.expect("".join(f"{n} -{n}\n" for n in numbers).encode())
    assert len(numbers) > 50


def _die(number: str) -> str:
    return f"""import signal, resource; {number} = int({number} if '{number}' in dir() else sys.argv[1])
resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
if {number} != 9: signal.signal({number}, signal.SIG_DFL)
os.close(os.open('{TOP}/text', 0)); os.kill(os.getpid(), {number})"""


def test_few_descriptors(home: Path, use_seccomp: bool) -> None:
    code = f"""
import resource, errno
resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
fds = []
try:
    while True: fds.append(os.open('{TOP}/text', 0))
except OSError as error:
    print(errno.errorcode[error.errno], fds[-1])
print(os.stat('{TOP}/text').st_size, os.read(fds[0], 9), os.fstat(fds[-1]).st_size)
os.close(fds.pop())
print(os.open('{TOP}/dir', 0), os.listdir('{TOP}/dir') if len(fds) == 0 else '')
"""
    told = Setup(home, TREE, use_seccomp=use_seccomp).python(code)
    told.expect(b"EMFILE 63\n5 b'text\\n' 5\n63 \n")


def test_no_room_for_memory_of_ours(home: Path, use_seccomp: bool) -> None:
    """An open that needs scratch memory fails cleanly in a full address space, and works again when there is room."""
    code = f"""
import resource, errno
size = int(open('/proc/self/statm').read().split()[0]) * 4096
resource.setrlimit(resource.RLIMIT_AS, (size, resource.RLIM_INFINITY))
try:
    for _ in range(200): os.close(os.open('{TOP}/text', 0))
    print('fits')
except OSError as error:
    print(errno.errorcode[error.errno])
try: os.execv('{TOP}/program', ['p'])
except OSError as error: print(errno.errorcode[error.errno])
print(os.stat('{TOP}/text').st_size, os.stat('/etc').st_nlink > 0)
resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
print(os.read(os.open('{TOP}/text', 0), 9))
sys.stdout.flush()
os.execv('{TOP}/program', ['p', 'started'])
"""
    told = Setup(home, TREE, use_seccomp=use_seccomp).python(code)
    told.expect(b"ENOMEM\nENOMEM\n5 True\nb'text\\n'\n/cvmfs/mem.test/program started\n")


def test_a_program_of_ours_with_a_huge_argv(home: Path, use_seccomp: bool) -> None:
    code = f"os.execv('{TOP}/program', ['p'] + ['x' * 50] * 20000)"
    told = Setup(home, TREE, use_seccomp=use_seccomp).python(code)
    assert told.expect().stdout == b"/cvmfs/mem.test/program" + (b" " + b"x" * 50) * 20000 + b"\n"


def test_a_job_of_root_changes_its_user(home: Path) -> None:
    """What it may see changes with it, warm answers or not."""
    if not places.is_root():
        pytest.skip("only root can become somebody else")
    tree: dict[bytes, Node | bytes] = {b"/secret": File(b"s", mode=0o600), b"/open": b"o"}
    code = f"""
for path in 'secret', 'open':
    for _ in range(3): print(open('{TOP}/' + path).read(), os.access('{TOP}/' + path, 4), end=' ')
os.setresuid(65534, 65534, 0)
print()
for path in 'secret', 'open':
    for _ in range(3):
        try: print(open('{TOP}/' + path).read(), end=' ')
        except OSError as error: print(error.errno, end=' ')
os.setresuid(0, 0, 0)
print(open('{TOP}/secret').read())
"""
    told = Setup(home, tree, root=True).python(code)
    told.expect(b"s True s True s True o True o True o True \n13 13 13 o o o s\n")


def test_the_run_ends_when_the_last_orphan_is_killed(home: Path) -> None:
    def director(tracer: Tracer) -> None:
        tracer.wait_said(b"\n")
        orphan = int(tracer.said())
        eventually(lambda: not os.path.exists(f"/proc/{tracer.root}"), what="the first process to go")
        os.kill(orphan, signal.SIGKILL)

    code = f"""
child = os.fork()
if child == 0:
    import signal
    open('{TOP}/text').read()
    while True: signal.pause()
print(child, flush=True); os._exit(4)
"""
    assert Setup(home, TREE, director=director).python(code).status == 4

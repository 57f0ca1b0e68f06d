"""A job that uses very many names: the session directory has an end, and what is still in use goes on working."""

from __future__ import annotations

import os
from pathlib import Path

from parrot_py import fdtable
from parrot_py.drivers.memory import File, Link, Node
from parrot_py.engine.core import Engine
from tests.engine.harness import TOP, Setup, Tracer
from tests.support.processes import eventually

MANY = 400
FEW = 40


def crowded_early(_: Engine) -> None:
    """On the tracer's side: what is many in earnest would take a test too long."""
    fdtable.OBJECTS = FEW
    fdtable.LISTED = 3 * FEW


TREE: dict[bytes, Node | bytes] = {
    **{b"/d%03d/f%d" % (i, j): b"%d %d" % (i, j) for i in range(MANY) for j in range(2)},
    **{b"/d%03d/program" % i: File(b"#!/bin/sh\nexit 7\n", mode=0o755) for i in range(0, MANY, 10)},
    **{b"/l%03d" % i: Link(b"d000") for i in range(MANY)},
}

WALK = f"""
import array, socket, subprocess
def use(i):
    d = '{TOP}/d%03d' % i
    assert sorted(n for n in os.listdir(d) if n != 'program') == ['f0', 'f1'], d
    os.chdir(d)
    assert os.getcwd() == d and open('f1').read() == '%d 1' % i, d
    link = os.open('{TOP}/l%03d' % i, os.O_PATH | os.O_NOFOLLOW)
    assert os.readlink('', dir_fd=link) == 'd000'
    os.close(link)
    if i % 10 == 0: assert subprocess.run([d + '/program']).returncode == 7, d
def all_right(fd, i):
    d = '{TOP}/d%03d' % i
    assert os.fstat(fd) == os.stat(d) and os.readlink('/proc/self/fd/%d' % fd) == d
    assert sorted(n for n in os.listdir(fd) if n != 'program') == ['f0', 'f1']
    assert os.read(os.open('f0', 0, dir_fd=fd), 9) == b'%d 0' % i
    os.fchdir(fd)
    assert os.getcwd() == d and os.listdir('.') and os.stat('../d001/f1').st_size == 3
ours, theirs = socket.socketpair(socket.AF_UNIX)
kept = os.open('{TOP}/d003', os.O_RDONLY)
file = os.open('{TOP}/d003/f0', os.O_RDONLY)
sent = os.open('{TOP}/d004', os.O_RDONLY)
ours.sendmsg([b'x'], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array('i', [sent]))])
os.close(sent)
child = os.fork()
if child == 0:
    os.close(kept)
    os.chdir('{TOP}/d005')
    import signal; signal.sigwait([10])
    assert os.getcwd() == '{TOP}/d005' and os.listdir('.') == os.listdir('{TOP}/d005')
    os._exit(3)
"""


def test_the_session_directory_has_an_end(home: Path, use_seccomp: bool) -> None:
    def director(tracer: Tracer) -> dict[str, int]:
        session = Path(os.fsdecode(tracer.dispatcher.context.fdtable.directory))

        def counts() -> dict[str, int]:
            return {kind: len(os.listdir(session / kind)) for kind in "dolx"}

        tracer.wait_said(b"walked\n", 30)
        eventually(lambda: all(number < 3 * FEW for number in counts().values()), what=f"a sweep: {counts()}")
        os.kill(tracer.root, 10)
        return counts()

    code = f"""
import signal; signal.pthread_sigmask(signal.SIG_BLOCK, [10])
{WALK}
for turn in range(2):
    for i in range({MANY}): use(i)
print('walked', flush=True); signal.sigwait([10])
all_right(kept, 3)
assert os.read(file, 9) == b'3 0' and os.fstat(file) == os.stat('{TOP}/d003/f0')
_, [(_, _, number)], _, _ = theirs.recvmsg(1, 64)
all_right(array.array('i', number)[0], 4)
os.kill(child, 10)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""
    told = Setup(home, TREE, director=director, adjust=crowded_early, use_seccomp=use_seccomp).python(code)
    told.expect(b"walked\n3\n")
    print(told.value)


def test_listings_have_an_end(home: Path) -> None:
    """The oldest are forgotten and taken anew, and a reader in the middle of one does not notice."""

    def director(tracer: Tracer) -> int:
        tracer.wait_said(b"walked\n", 30)
        nodes = tracer.dispatcher.context.fdtable._nodes
        listed = sum(len(node.listing) for node in nodes if node.listing is not None)
        os.kill(tracer.root, 10)
        return listed

    code = f"""
import signal; signal.pthread_sigmask(signal.SIG_BLOCK, [10])
half = os.scandir('{TOP}/d000')
first = next(half).name
for i in range({MANY}): os.listdir('{TOP}/d%03d' % i)
print('walked', flush=True); signal.sigwait([10])
rest = [entry.name for entry in half]
print(sorted([first, *rest]), os.listdir('{TOP}/d000') == [first, *rest])
"""
    told = Setup(home, TREE, director=director, adjust=crowded_early).python(code)
    told.expect(b"walked\n['f0', 'f1', 'program'] True\n")
    assert told.value <= 3 * FEW + 10

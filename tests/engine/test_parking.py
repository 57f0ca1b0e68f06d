"""Calls that wait for a driver: everybody else goes on, equal waits are one, what goes wrong is EIO."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from parrot_py.drivers.base import Entry, Inode, may_block
from parrot_py.drivers.memory import Directory, File, MemoryDriver, Node
from tests.engine.blocking import BlockingDriver
from tests.engine.harness import TOP, Setup, Tracer

TREE: dict[bytes, Node | bytes] = {
    b"/warm": b"warm",
    b"/cold/file": b"content",
    b"/cold/other": b"another",
    b"/cold/dir": Directory(),
    b"/slow": b"12345",
}

OPEN = f"open('{TOP}/cold/file').read()"


def test_other_threads_and_processes_go_on(home: Path, use_seccomp: bool) -> None:
    driver = BlockingDriver(TREE)

    def director(tracer: Tracer) -> int:
        tracer.wait_said(b"native 100, warm 100, process warm\n")
        parked = tracer.parked()
        driver.gate.set()
        return parked

    told = Setup(home, driver=driver, director=director, use_seccomp=use_seccomp).python(
        "import threading, subprocess\n"
        f"cold = threading.Thread(target=lambda: print('then', {OPEN}, flush=True)); cold.start()\n"
        f"open('{TOP}/warm').close()\n"
        "native = sum(bool(open('/etc/passwd').read()) for _ in range(100))\n"
        f"warm = sum(open('{TOP}/warm').read() == 'warm' for _ in range(100))\n"
        f"process = subprocess.run(['cat', '{TOP}/warm'], capture_output=True).stdout.decode()\n"
        "print(f'native {native}, warm {warm}, process {process}', flush=True)\n"
        "cold.join()"
    )
    told.expect(b"native 100, warm 100, process warm\nthen content\n")
    assert told.value == 1, "the cold open was waiting all the time"


def test_equal_waits_are_one_and_others_are_their_own(home: Path) -> None:
    driver = BlockingDriver(TREE)

    def director(tracer: Tracer) -> None:
        tracer.wait_parked(9)
        driver.gate.set()

    told = Setup(home, driver=driver, director=director).run(
        "/bin/sh", "-c", f"cd {TOP}/cold; for i in 1 2 3 4 5 6 7 8; do cat file & done; cat other & wait"
    )
    told.expect()
    assert sorted(told.stdout.replace(b"another", b"").split(b"content")) == [b""] * 9
    assert b"another" in told.stdout


def test_how_often_the_driver_was_asked(home: Path) -> None:
    driver = BlockingDriver(TREE)

    def director(tracer: Tracer) -> list[tuple[str, bytes]]:
        tracer.wait_parked(8)
        driver.gate.set()
        return driver.asked

    script = "for i in 1 2 3 4 5 6 7 8; do cat /cvmfs/mem.test/cold/file & done; wait"
    told = Setup(home, driver=driver, director=director).run("/bin/sh", "-c", script)
    told.expect(b"content" * 8)
    assert told.value == [("materialise", b"/cold/file")]


@pytest.mark.parametrize(
    "code",
    [
        f"print(os.stat('{TOP}/slow').st_size)",
        f"print(len(os.listdir('{TOP}/cold/dir')) + 5)",
        f"os.chdir('{TOP}/cold/dir'); print(len(os.listdir('.')) + 5)",
        f"print(len(open('{TOP}/slow').read()))",
    ],
    ids=["stat", "listing", "relative listing", "look-up, then content"],
)
def test_every_kind_of_question_may_wait(home: Path, code: str, use_seccomp: bool) -> None:
    driver = BlockingDriver(TREE)

    def director(tracer: Tracer) -> None:
        tracer.wait_parked()
        driver.gate.set()

    told = Setup(home, driver=driver, director=director, use_seccomp=use_seccomp).python(code)
    told.expect(b"5\n")


class Broken(MemoryDriver):
    """A driver with defects, at once and on a worker."""

    def lookup(self, path: bytes) -> Inode:
        if path == b"/defect":
            raise RuntimeError("a defect at once")
        return super().lookup(path)

    def materialise(self, inode: Inode) -> str:
        may_block()
        if inode.path == b"/later":
            raise ValueError("a defect on a worker")
        if inode.path == b"/nameless":
            raise OSError("no errno at all")
        if inode.path == b"/full":
            raise OSError(28, "no space")
        return super().materialise(inode)

    def listdir(self, inode: Inode) -> Sequence[Entry]:
        raise KeyError(inode.path)


ASK = """
def ask(what, *args):
    try:
        what(*args)
        print("ok")
    except OSError as error:
        print(error.errno)
"""


@pytest.mark.parametrize(
    ("call", "errno", "logged"),
    [
        (f"os.stat, '{TOP}/defect'", 5, "RuntimeError: a defect at once"),
        (f"open, '{TOP}/later'", 5, "ValueError: a defect on a worker"),
        (f"open, '{TOP}/nameless'", 5, "OSError: no errno at all"),
        (f"open, '{TOP}/full'", 28, ""),
        (f"os.listdir, '{TOP}'", 5, "KeyError: b''"),
        (f"os.chdir, '{TOP}/defect'", 5, "RuntimeError: a defect at once"),
        (f"os.execv, '{TOP}/later', ['x']", 5, "ValueError: a defect on a worker"),
    ],
)
def test_a_defect_is_eio_and_the_thread_goes_on(
    home: Path, use_seccomp: bool, call: str, errno: int, logged: str
) -> None:
    tree: dict[bytes, Node | bytes] = {
        b"/later": File(b"x", mode=0o755), b"/nameless": b"x", b"/full": b"x", b"/good": b"x",
    }  # fmt: skip
    told = Setup(home, driver=Broken(tree), use_seccomp=use_seccomp).python(
        f"{ASK}ask({call})\nask({call})\nask(os.stat, '{TOP}/good')\nask(open, '/etc/passwd')"
    )
    told.expect(b"%d\n%d\nok\nok\n" % (errno, errno))
    assert logged in told.log
    assert ("Traceback" in told.log) == bool(logged)

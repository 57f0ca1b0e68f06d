"""getdents with and without pidfd_getfd: the position of a listing is that of the kernel's open file."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from parrot_py.drivers.memory import Directory, Node
from parrot_py.engine.core import Engine
from tests.engine.harness import TOP, Setup

TREE: dict[bytes, Node | bytes] = {**{b"/many/name-%04d" % i: b"" for i in range(1200)}, b"/empty": Directory()}

LIST = f"""
import ctypes
libc = ctypes.CDLL(None, use_errno=True)
def getdents(fd, size=1000):
    buffer = ctypes.create_string_buffer(size)
    n = libc.syscall(217, fd, buffer, size)
    if n < 0: return ctypes.get_errno()
    names, at = [], 0
    while at < n:
        length = int.from_bytes(buffer.raw[at+16:at+18], 'little')
        name = buffer.raw[at+19:at+length].split(b'\\0')[0].decode()
        names.append((name, int.from_bytes(buffer.raw[at+8:at+16], 'little')))
        at += length
    return names
def rest(fd, size=1000):
    found = []
    while True:
        names = getdents(fd, size)
        if not names: return [n for n, _ in found]
        found += names
fd = os.open('{TOP}/many', os.O_RDONLY)
"""


def without_pidfd(engine: Engine) -> None:
    """As on a kernel before 5.6, and with nothing in the core's table that could answer without Python."""
    engine.seek = lambda *_: -errno.ENOSYS  # type: ignore[method-assign]
    engine.warm_dirents = lambda *_: None  # type: ignore[method-assign]


@pytest.fixture(params=[None, without_pidfd], ids=["pidfd_getfd", "injected lseek"])
def listing(request: pytest.FixtureRequest, home: Path, use_seccomp: bool) -> Setup:
    return Setup(home, TREE, adjust=request.param, use_seccomp=use_seccomp)


def test_everything_once_in_order(listing: Setup) -> None:
    told = listing.python(
        f"{LIST}names = rest(fd)\n"
        "expected = ['name-%04d' % i for i in range(1200)]\n"
        "print(len(names), names[:3], len(set(names)), names[2:] == expected)\n"
        f"print(rest(os.open('{TOP}/empty', 0)), rest(fd))"
    )
    told.expect(b"1202 ['.', '..', 'name-0000'] 1202 True\n['.', '..'] []\n")


def test_positions(listing: Setup) -> None:
    told = listing.python(
        f"{LIST}first = getdents(fd); second = getdents(fd)\n"
        "os.lseek(fd, first[4][1], 0); print(getdents(fd)[0] == first[5])\n"
        "os.lseek(fd, 0, 0); print(getdents(fd) == first, getdents(fd) == second)\n"
        "copy = os.dup(fd); third = getdents(copy)\n"
        "print(third[0][0] > second[-1][0], getdents(fd)[0][0] > third[-1][0])\n"
        "os.lseek(fd, 0, 0)\n"
        "if os.fork() == 0: getdents(fd); os._exit(0)\n"
        "os.wait(); print(getdents(fd) == second)\n"
        "os.lseek(fd, 5000, 0); print(getdents(fd))\n"
        "os.lseek(fd, 0, 0); print(getdents(fd, 10), getdents(fd, 24)[0][0], os.lseek(fd, 0, 1))"
    )
    told.expect(b"True\nTrue True\nTrue True\nTrue\n[]\n22 . 1\n")


def test_a_fallback_costs_two_stops(home: Path) -> None:
    def run(rounds: int, adjust: object) -> dict[str, int]:
        code = f"{LIST}\nfor _ in range({rounds}): os.lseek(fd, 0, 0); getdents(fd)"
        return dict(Setup(home, TREE, adjust=adjust).python(code).expect().counters)  # type: ignore[arg-type]

    for adjust, extra in ((None, 0), (without_pidfd, 1)):
        few, many = run(5, adjust), run(25, adjust)
        assert many["stops"] - few["stops"] == 20
        assert many["extra"] - few["extra"] == 20 * extra

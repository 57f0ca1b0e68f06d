"""A job that sees EIO has a line in the log that says why, and only one."""

from __future__ import annotations

import errno
from collections.abc import Callable
from pathlib import Path

import pytest

from parrot_py.drivers.base import Inode
from parrot_py.drivers.memory import MemoryDriver
from parrot_py.errors import Told
from tests.engine.harness import TOP, Setup


def disk(_: Inode) -> str:
    raise OSError(errno.EIO, "the disk says so")


def nameless(_: Inode) -> str:
    raise TimeoutError("patience is over")


def told(_: Inode) -> str:
    raise Told(errno.EIO, "told where it was found out")


def gone(_: Inode) -> str:
    return "/nonexistent/content"


FAILURES: dict[Callable[[Inode], str], str] = {
    disk: "error: open: the job sees EIO: [Errno 5] the disk says so",
    nameless: "error: open: the job sees EIO: patience is over",
    gone: "error: open: the job sees EIO: [Errno 5] it is gone from the cache as often as it is put",
}


class Failing(MemoryDriver):
    """Content can't be had, for the reason *fail*."""

    def __init__(self, fail: Callable[[Inode], str]) -> None:
        super().__init__({b"/text": b"text"})
        self._fail = fail

    def materialise(self, inode: Inode) -> str:
        return self._fail(inode)


def read_under(home: Path, fail: Callable[[Inode], str]) -> str:
    """What the log says of a job that opens the file."""
    outcome = Setup(home, driver=Failing(fail)).run("cat", f"{TOP}/text")
    assert (outcome.status, outcome.stdout) == (1, b""), outcome
    assert outcome.stderr == b"cat: %s/text: Input/output error\n" % TOP.encode(), outcome
    return outcome.log


@pytest.mark.parametrize("fail", FAILURES)
def test_why_is_in_the_log(home: Path, fail: Callable[[Inode], str]) -> None:
    log = read_under(home, fail)
    assert log.count("the job sees EIO") == 1, log
    assert FAILURES[fail].partition("open: ")[2] in log, log
    assert ("Traceback" in log) == (fail is nameless), log


def test_it_is_said_once(home: Path) -> None:
    assert read_under(home, told) == ""

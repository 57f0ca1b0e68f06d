"""Copies of files of /proc: there for the open that they were made for, and not for ever."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from parrot_py import copies
from parrot_py.copies import Copies

ME = os.getpid()
NOBODY_HAS_IT = 1 << 22


@pytest.fixture
def made(tmp_path: Path) -> Copies:
    return Copies(os.fsencode(tmp_path))


def names(directory: Path) -> list[str]:
    return sorted(os.listdir(directory / "m"))


def test_a_copy_tells_whose_it_is(made: Copies) -> None:
    for path in (b"/proc/12/maps", b"/proc/12/task/13/fdinfo/4"):
        copy = made.put(path, ME, b"text\n")
        assert Path(os.fsdecode(copy)).read_bytes() == b"text\n"
        assert copies.original(os.path.basename(copy)) == path
        assert copies.original(os.path.basename(copy) + b" (deleted)") == path
    assert copies.original(b"17") is None


def test_nobody_may_write_it(made: Copies) -> None:
    assert os.stat(made.put(b"/proc/12/maps", ME, b"")).st_mode & 0o777 == 0o444


def test_a_thread_has_one(made: Copies, tmp_path: Path) -> None:
    made.put(b"/proc/12/maps", ME, b"one")
    made.put(b"/proc/12/smaps", ME, b"two")
    made.put(b"/proc/12/smaps", 1, b"three")
    assert names(tmp_path) == ["12-smaps@1", f"12-smaps@{ME}"]


def test_the_same_file_again(made: Copies) -> None:
    first = made.put(b"/proc/12/maps", ME, b"one")
    with open(first, "rb") as reader:
        assert made.put(b"/proc/12/maps", ME, b"two") == first
        assert reader.read() == b"one", "who reads the former copy keeps it"
    assert Path(os.fsdecode(first)).read_bytes() == b"two"


def test_those_of_threads_that_are_gone_do_not_stay(made: Copies, tmp_path: Path) -> None:
    mine = made.put(b"/proc/12/maps", threading.get_native_id(), b"mine")
    for number in range(1000):
        made.put(b"/proc/12/maps", NOBODY_HAS_IT + number, b"theirs")
    assert len(names(tmp_path)) <= 65
    assert os.path.exists(mine)

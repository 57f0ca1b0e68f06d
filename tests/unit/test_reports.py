"""Where reports about a run go: whole files, and what is no file."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from parrot_py.reports import NORMAL, Ending, write_ending

TEXT = b"normal\n3\n"


def test_a_file_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "status"
    path.write_text("something longer that was there")
    write_ending(path, Ending(NORMAL, 3))
    assert path.read_bytes() == TEXT
    assert os.listdir(tmp_path) == ["status"]


def test_a_pipe_stays_a_pipe(tmp_path: Path) -> None:
    """As root a rename would take /dev/null away from the whole machine."""
    path = tmp_path / "pipe"
    os.mkfifo(path)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    try:
        write_ending(path, Ending(NORMAL, 3))
        assert os.read(reader, 100) == TEXT
    finally:
        os.close(reader)
    assert path.is_fifo()
    assert os.listdir(tmp_path) == ["pipe"]


def test_the_end_of_a_link_that_is_no_file(tmp_path: Path) -> None:
    path = tmp_path / "link"
    path.symlink_to("/dev/null")
    write_ending(path, Ending(NORMAL, 3))
    assert path.is_symlink()
    assert Path("/dev/null").is_char_device()


@pytest.mark.parametrize("make", [os.mkdir, os.mkfifo])
def test_what_takes_nothing_is_an_error_in_the_log(
    make: Callable[[Path], None], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "there"
    make(path)
    with caplog.at_level(logging.ERROR, "parrot_py.process"):
        write_ending(path, Ending(NORMAL, 3))
    assert [record.getMessage().partition(": ")[0] for record in caplog.records] == [f"cannot write {path}"]
    assert os.listdir(tmp_path) == ["there"]

"""The lines of a record, and what is read from records and from lists that people write."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from parrot_py.drivers.cvmfs.ahead.record import CATALOG, DIRECTORY, FILE, Touch, line_of, read, read_file
from parrot_py.drivers.cvmfs.ahead.recorder import Recorder
from parrot_py.drivers.cvmfs.catalogs.schema import COMPRESSION_NONE
from parrot_py.errors import ConfigError

TOUCHES = [
    Touch(b"", CATALOG, "1" * 40),
    Touch(b"/lib", DIRECTORY),
    Touch(b"/lib/a b.py", FILE, "2" * 40 + "-shake128", 17, COMPRESSION_NONE),
    Touch(b"/lib/\xff\n", FILE, None, 5),
]


def test_what_is_written_is_read_again() -> None:
    lines = [line_of("sw.test", touch) for touch in TOUCHES]
    assert all(line.count("\n") == 1 for line in lines)
    assert list(read(lines)) == [("sw.test", touch) for touch in TOUCHES]


def test_the_fields_of_a_line() -> None:
    line = line_of("sw.test", Touch(b"/a", FILE, "3" * 40, 9))
    assert line == (
        '{"kind": "file", "path": "/cvmfs/sw.test/a", "size": 9, "hash": "' + "3" * 40 + '", "compression": "zlib"}\n'
    )


def test_a_plain_list_of_paths() -> None:
    lines = ["/cvmfs/sw.test/a\n", "/cvmfs/sw.test/b/../c//d/\r\n", "/cvmfs/other.test\n", "/cvmfs/sw.test/x"]
    assert list(read(lines)) == [
        ("sw.test", Touch(b"/a")),
        ("sw.test", Touch(b"/c/d")),
        ("other.test", Touch(b"")),
        ("sw.test", Touch(b"/x")),
    ]


@pytest.mark.parametrize(
    "line",
    [
        "",
        "# comment",
        "relative",
        "/etc/passwd",
        "/cvmfs",
        "/cvmfs/",
        "/cvmfs/../etc",
        "/cvmfs/a/\0",
        "{",
        '{"kind": "file", "path": "/cvmfs/sw.test/a", "si',
        '{"kind": "socket", "path": "/cvmfs/sw.test/a"}',
        '{"kind": "file", "path": 5}',
        '{"kind": "file"}',
        "[]",
        '{"kind": "file", "path": "/cvmfs/\\ud800/a"}',
        "x" * 100_000,
        "{" * 60_000,
    ],
    ids=range(17),
)
def test_lines_without_sense_are_passed_over(line: str) -> None:
    assert list(read([line, "/cvmfs/sw.test/good"])) == [("sw.test", Touch(b"/good"))]


def test_odd_values_are_unknown_ones() -> None:
    line = '{"kind": "file", "path": "/cvmfs/sw.test/a", "hash": 7, "size": "many", "compression": "lz4"}'
    assert list(read([line])) == [("sw.test", Touch(b"/a", FILE, None, -1, -1))]


def test_a_record_is_there_under_its_name_when_it_is_complete(tmp_path: Path) -> None:
    path = tmp_path / "record"
    path.write_text("what was there before")
    recorder = Recorder(path)
    for touch in [*TOUCHES, *TOUCHES]:
        recorder.note("sw.test", touch)
    part = read_file(tmp_path / "record.part")
    assert part == {"sw.test": TOUCHES}, "each once; and a killed run would leave this"
    assert path.read_text() == "what was there before"
    recorder.close()
    recorder.close()
    recorder.note("sw.test", Touch(b"/late", DIRECTORY))
    assert read_file(path) == {"sw.test": TOUCHES}
    assert os.listdir(tmp_path) == ["record"]


def test_a_record_that_cannot_be_written_is_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"--record-access: cannot write .*record\.part.*: No such file"):
        Recorder(tmp_path / "missing" / "record")


def test_a_full_disk_ends_the_record_with_a_warning(caplog: pytest.LogCaptureFixture, tmp_path: Path) -> None:
    if not os.path.exists("/dev/full"):
        pytest.skip("no /dev/full")
    (tmp_path / "record.part").symlink_to("/dev/full")
    recorder = Recorder(tmp_path / "record")
    recorder.note("sw.test", TOUCHES[0])
    recorder.note("sw.test", TOUCHES[1])
    recorder.close()
    assert caplog.text.count("the record ends here: No space left") == 1


@pytest.mark.parametrize("make", [os.mkdir, os.mkfifo])
def test_what_is_no_file_is_not_replaced(make: Callable[[Path], None], tmp_path: Path) -> None:
    path = tmp_path / "there"
    make(path)
    with pytest.raises(ConfigError, match="is no file"):
        Recorder(path)
    assert os.listdir(tmp_path) == ["there"]

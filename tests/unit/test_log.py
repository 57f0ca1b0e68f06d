from __future__ import annotations

import logging
import os
import re
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from parrot_py import config, log
from parrot_py.config import RunConfig
from parrot_py.errors import ConfigError

LINE = re.compile(
    r"\d{4}/\d\d/\d\d \d\d:\d\d:\d\d\.\d\d parrot_run\[(?P<pid>\d+)\] <child:(?P<child>\d+)> "
    r"(?P<flag>\w+): (?P<text>.*)"
)


@pytest.fixture(autouse=True)
def _closed() -> Iterator[None]:
    yield
    log.stop()
    root = logging.getLogger(log.ROOT)
    root.propagate = True
    root.setLevel(logging.NOTSET)


def start(tmp_path: Path, *argv: str) -> Path:
    """Start the log of a run with *argv*; answers the path of the default file."""
    wanted = config.read(["-t", str(tmp_path), *argv, "ls"], {})
    assert isinstance(wanted, RunConfig)
    log.start(wanted)
    return tmp_path / "parrot.log"


def lines(path: Path) -> list[tuple[str, str]]:
    """Flag and text of each line, all of which must have the right form."""
    matches = [LINE.fullmatch(line) for line in path.read_text().splitlines()]
    assert all(matches)
    return [(match["flag"], match["text"]) for match in matches if match]


def test_default_file_is_made_by_the_first_line(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path = start(tmp_path)
    logging.getLogger("parrot_py.cvmfs").info("not wanted")
    assert not path.exists()
    logging.getLogger("parrot_py.cvmfs").warning("a.org: slow")
    logging.getLogger("parrot_py.cvmfs").error("a.org: %s", "bad")
    logging.getLogger("parrot_py.process").critical("gone")
    assert lines(path) == [("notice", "a.org: slow"), ("error", "a.org: bad"), ("fatal", "gone")]
    assert path.stat().st_mode & 0o777 == 0o600
    assert capfd.readouterr() == ("", "")


def test_form_of_a_line(tmp_path: Path) -> None:
    path = start(tmp_path)
    logging.getLogger("parrot_py.process").warning("one")
    logging.getLogger("parrot_py.process").warning("two", extra={"child": 4711})
    first, second = (LINE.fullmatch(line) for line in path.read_text().splitlines())
    assert first
    assert second
    assert (first["pid"], first["child"]) == (str(os.getpid()), str(os.getpid()))
    assert second["child"] == "4711"


def test_flags_choose_lines(tmp_path: Path) -> None:
    start(tmp_path, "-d", "cvmfs", "-d", "cache", "-o", str(tmp_path / "log"))
    for flag in ("cvmfs", "cache", "syscall"):
        logging.getLogger(f"parrot_py.{flag}").debug("about %s", flag)
    assert lines(tmp_path / "log") == [("cvmfs", "about cvmfs"), ("cache", "about cache")]
    assert not logging.getLogger("parrot_py.syscall").isEnabledFor(logging.DEBUG)
    assert not (tmp_path / "parrot.log").exists()


def test_all(tmp_path: Path) -> None:
    start(tmp_path, "-d", "all", "-o", str(tmp_path / "log"))
    logging.getLogger("parrot_py.syscall").debug("x")
    assert lines(tmp_path / "log") == [("syscall", "x")]


def test_a_new_start_forgets_the_old_flags(tmp_path: Path) -> None:
    start(tmp_path, "-d", "all", "-d", "cvmfs", "-o", str(tmp_path / "log"))
    start(tmp_path)
    assert not logging.getLogger("parrot_py.cvmfs").isEnabledFor(logging.DEBUG)
    log.stop()
    log.stop()
    # Handlers of others, such as pytest's, stay.
    assert not any(isinstance(handler, log.Sink) for handler in logging.getLogger(log.ROOT).handlers)


def test_debug_without_a_file_goes_to_stderr(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    start(tmp_path, "-d", "cvmfs")
    logging.getLogger("parrot_py.cvmfs").debug("hello")
    out, err = capfd.readouterr()
    assert out == ""
    match = LINE.fullmatch(err.rstrip("\n"))
    assert match
    assert (match["flag"], match["text"]) == ("cvmfs", "hello")


def test_stdout(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    start(tmp_path, "-o", ":stdout")
    logging.getLogger("parrot_py.cvmfs").error("hello")
    assert capfd.readouterr().out.endswith(" error: hello\n")


def test_a_file_is_appended_to(tmp_path: Path) -> None:
    (tmp_path / "log").write_text("before\n")
    start(tmp_path, "-o", str(tmp_path / "log"))
    logging.getLogger("parrot_py.cvmfs").error("after")
    assert (tmp_path / "log").read_text().startswith("before\n")
    assert (tmp_path / "log").read_text().endswith(" error: after\n")


def test_a_file_that_cannot_be_opened_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"cannot write the log '/no/such/file': No such file"):
        start(tmp_path, "-o", "/no/such/file")


def test_no_default_file_is_no_trouble(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    start(tmp_path / "missing")
    logging.getLogger("parrot_py.cvmfs").error("lost")
    assert capfd.readouterr() == ("", "")


def test_a_full_disk_is_no_trouble(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    start(tmp_path, "-o", "/dev/full")
    logging.getLogger("parrot_py.cvmfs").error("lost")
    assert capfd.readouterr() == ("", "")


def test_a_fifo_that_nobody_reads_does_not_stop_the_job(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "parrot.log")
    start(tmp_path)
    logging.getLogger("parrot_py.cvmfs").error("lost")
    with pytest.raises(ConfigError, match="cannot write the log"):
        start(tmp_path, "-o", str(tmp_path / "parrot.log"))


def test_rotation(tmp_path: Path) -> None:
    path = tmp_path / "log"
    start(tmp_path, "-o", str(path), "-O", "1K")
    for number in range(40):
        logging.getLogger("parrot_py.cvmfs").error("line %d", number)
    old = tmp_path / "log.old"
    assert path.stat().st_size <= 1024
    assert old.stat().st_size <= 1024
    numbers = [int(text.split()[1]) for _, text in lines(old) + lines(path)]
    assert numbers == list(range(numbers[0], 40))
    assert {entry.name for entry in tmp_path.iterdir()} == {"log", "log.old"}


def test_rotation_by_another_run_is_followed(tmp_path: Path) -> None:
    path = tmp_path / "log"
    start(tmp_path, "-o", str(path), "-O", "200")
    logging.getLogger("parrot_py.cvmfs").error("first %s", "x" * 80)
    path.rename(tmp_path / "log.old")
    path.write_text("")
    logging.getLogger("parrot_py.cvmfs").error("second %s", "x" * 80)
    assert " first " in (tmp_path / "log.old").read_text()
    assert " second " in path.read_text()


def test_default_file_has_a_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log, "FILE_LIMIT", 300)
    path = start(tmp_path)
    for _ in range(10):
        logging.getLogger("parrot_py.cvmfs").error("x" * 80)
    assert (tmp_path / "parrot.log.old").exists()
    assert path.stat().st_size <= 300


def test_names_from_outside_cannot_forge_lines(tmp_path: Path) -> None:
    path = start(tmp_path)
    logging.getLogger("parrot_py.cvmfs").error("no such file: %s", "a\nb\x1b[1m\udcff é")
    assert lines(path) == [("error", r"no such file: a\nb\x1b[1m\udcff é")]


def test_a_traceback_keeps_the_form(tmp_path: Path) -> None:
    path = start(tmp_path)
    try:
        raise RuntimeError("oh\nno")
    except RuntimeError:
        logging.getLogger("parrot_py.syscall").exception("openat failed")
    written = lines(path)
    assert written[0] == ("error", "openat failed")
    assert ("error", "RuntimeError: oh") in written
    assert {flag for flag, _ in written} == {"error"}


def test_a_message_that_does_not_fit_its_arguments(tmp_path: Path) -> None:
    path = start(tmp_path)
    logging.getLogger("parrot_py.cvmfs").error("%d bytes", "many")
    assert lines(path) == [("error", "%d bytes ('many',)")]


def test_configuration_speaks_first(tmp_path: Path) -> None:
    start(tmp_path, "-p", "a:1; b:2", "--paranoid", "-d", "debug", "-o", str(tmp_path / "log"))
    notice, debug = lines(tmp_path / "log")
    assert notice[0] == "notice"
    assert notice[1].startswith("-p: ")
    assert debug[0] == "debug"
    assert debug[1].startswith("option --paranoid has no effect")


def test_threads_do_not_mix_lines(tmp_path: Path) -> None:
    path = start(tmp_path)

    def talk(number: int) -> None:
        for _ in range(50):
            logging.getLogger("parrot_py.cvmfs").error("%s", str(number) * 50)

    threads = [threading.Thread(target=talk, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    texts = [text for _, text in lines(path)]
    assert sorted(texts) == sorted(str(number) * 50 for number in range(8) for _ in range(50))


def test_the_file_is_not_inherited(tmp_path: Path) -> None:
    path = start(tmp_path)
    logging.getLogger("parrot_py.cvmfs").error("x")
    listing = subprocess.run(["ls", "-l", "/proc/self/fd"], capture_output=True, text=True, close_fds=False, check=True)
    assert path.name not in listing.stdout

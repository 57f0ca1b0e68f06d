from __future__ import annotations

import logging
import os
import subprocess
import sys
import types
from collections.abc import Iterator
from pathlib import Path

import pytest

from parrot_py import cli, codes, log
from parrot_py.caller import Given
from parrot_py.config import RunConfig, environment
from parrot_py.errors import ConfigError, EngineError


class Engine:
    """Stands in for ``parrot_py.run``: remembers what it was asked to run."""

    def __init__(self) -> None:
        self.asked: list[RunConfig] = []
        self.cwd = ""
        self.answer: int | Exception = 7

    def run(self, wanted: RunConfig, _: Given, _own: None = None) -> int:
        self.asked.append(wanted)
        self.cwd = os.getcwd()
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Engine]:
    fake = Engine()
    module = types.ModuleType("parrot_py.run")
    module.run = fake.run  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "parrot_py.run", module)
    for name in list(os.environ):
        if name.startswith("PARROT_") or name.lower() == "http_proxy":
            monkeypatch.delenv(name)
    monkeypatch.setenv("PARROT_TEMP_DIR", str(tmp_path / "temp"))
    monkeypatch.chdir(tmp_path)
    yield fake
    log.stop()
    logging.getLogger(log.ROOT).propagate = True


def test_a_run(engine: Engine, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    before = dict(os.environ)
    assert cli.main(["--stats", "ls", "-l"]) == 7
    [wanted] = engine.asked
    assert wanted.command == ("ls", "-l")
    assert wanted.stats
    assert (tmp_path / "temp" / "cvmfs").is_dir()
    assert capfd.readouterr() == ("", "")
    assert wanted.environ == (*environment.of_mapping(before), b"PARROT_ENABLED=TRUE")
    assert dict(os.environ) == before


def test_arguments_of_the_process(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["parrot_run", "true"])
    assert cli.main() == 7
    assert engine.asked[0].command == ("true",)


@pytest.mark.parametrize(
    "argv", [["--bogus", "ls"], ["-r", "a.org:x=1", "ls"], ["-t", "/proc/x", "ls"], ["-o", "/no/such/log", "ls"]]
)
def test_mistakes_are_one_line_and_nothing_starts(
    engine: Engine, argv: list[str], capfd: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(argv) == 1
    out, err = capfd.readouterr()
    assert out == ""
    assert err.startswith("parrot_run: ")
    assert len(err.splitlines()) == 1
    assert engine.asked == []


def test_messages(engine: Engine, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["--help"]) == 0
    assert capfd.readouterr().out.startswith("usage: parrot_run ")
    assert cli.main(["--check-driver", "\udcff"]) == 1
    assert capfd.readouterr().out
    assert cli.main(["--is-running"]) == 1
    assert capfd.readouterr().out == ""
    assert engine.asked == []
    assert not (tmp_path / "temp").exists()


def test_trouble_of_the_engine(engine: Engine, capfd: pytest.CaptureFixture[str]) -> None:
    engine.answer = EngineError("tracing is forbidden\nask your site", codes.NO_TRACING)
    assert cli.main(["ls"]) == 125
    assert capfd.readouterr().err == "parrot_run: tracing is forbidden ask your site [PP203]\n"
    engine.answer = ConfigError("no such thing", codes.BAD_OPTION)
    assert cli.main(["ls"]) == 1
    assert capfd.readouterr().err == "parrot_run: no such thing [PP102]\n"


def test_work_dir_is_for_the_job_to_enter(engine: Engine, tmp_path: Path) -> None:
    assert cli.main(["-w", "work", "ls"]) == 7
    assert engine.asked[0].work_dir == tmp_path / "work"
    assert engine.cwd == str(tmp_path)


def test_a_warning_of_the_configuration_reaches_the_log(engine: Engine, tmp_path: Path) -> None:
    assert cli.main(["-p", "a:1; b:2", "ls"]) == 7
    assert engine.asked
    assert "-p: blanks" in (tmp_path / "temp" / "parrot.log").read_text()


def test_a_strange_message_fits_any_terminal(engine: Engine) -> None:
    """A name that is no text must not turn one clear line into a traceback."""
    script = "import sys; from parrot_py.cli import main; sys.exit(main(sys.argv[1:]))"
    package = str(Path(cli.__file__).parent.parent)
    done = subprocess.run(
        [os.fsencode(sys.executable), b"-c", script.encode(), b"-t", b"/proc/\xff\xc3\xa9", b"ls"],
        env={"PYTHONPATH": package, "LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"},
        capture_output=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.startswith(b"parrot_run: cannot make the directory")
    assert done.stderr.count(b"\n") == 1
    assert engine.asked == []


def test_start_up_imports_nothing_heavy() -> None:
    """A third of a second would be lost per job: what the command needs must load in a few milliseconds."""
    script = "import sys, parrot_py.cli; print(*sys.modules, sep='\\n')"
    package = str(Path(cli.__file__).parent.parent)
    loaded = subprocess.run(
        [sys.executable, "-S", "-c", script], env={"PYTHONPATH": package}, capture_output=True, text=True, check=True
    ).stdout.split()
    heavy = {"argparse", "dataclasses", "inspect", "json", "email", "ssl", "socket", "requests",
             "urllib3", "cryptography", "urllib.request", "sqlite3", "subprocess", "cffi", "ptrace", "elftools",
             "shutil", "tempfile", "logging.handlers", "concurrent.futures", "asyncio"}  # fmt: skip
    assert not heavy.intersection(loaded)

"""The job's environment is the caller's, entry by entry, plus PARROT_ENABLED=TRUE."""

from __future__ import annotations

import ctypes
import os
import sys
from pathlib import Path

import pytest

from parrot_py.config import environment

ROOT = Path(__file__).resolve().parents[2]
PRINTER = "import sys; sys.stdout.buffer.write(open('/proc/self/environ', 'rb').read())"
WHOLE = (
    b"PATH=" + os.fsencode(os.environ["PATH"]),
    b"Z=1",
    b"BASH_FUNC_module%%=() {  eval `tool $*`\n}",
    b"no-equals-sign",
    b"A=first",
    b"A=second",
    b"not a name=x",
    b"BYTES=\xff\xfe",
    b"EMPTY=",
    b"B=" + b"b" * 100_000,
    b"C=" + b"c" * 100_000,
)


def seen_by_job(environ: tuple[bytes, ...], *command: str) -> list[bytes]:
    """The environment that *command* prints when it is started with exactly the entries *environ*."""
    reading, writing = os.pipe()
    argv = [os.fsencode(word) for word in command]
    c_argv = (ctypes.c_char_p * (len(argv) + 1))(*argv, None)
    c_environ = (ctypes.c_char_p * (len(environ) + 1))(*environ, None)
    execve = ctypes.CDLL(None).execve
    pid = os.fork()
    if pid == 0:
        try:
            os.dup2(writing, 1)
            execve(argv[0], c_argv, c_environ)
        finally:
            os._exit(99)
    os.close(writing)
    with open(reading, "rb") as pipe:
        told = pipe.read()
    assert os.WEXITSTATUS(os.waitpid(pid, 0)[1]) == 0
    return told.split(b"\0")[:-1]


def parrot(tmp_path: Path) -> list[str]:
    return [str(ROOT / "bin" / "parrot_run"), "-t", str(tmp_path), "-r", "", sys.executable, "-I", "-c", PRINTER]


@pytest.mark.parametrize("environ", [WHOLE, ()], ids=["odd", "empty"])
def test_the_job_sees_the_callers_environment(environ: tuple[bytes, ...], tmp_path: Path) -> None:
    assert seen_by_job(environ, *parrot(tmp_path)) == [*environ, b"PARROT_ENABLED=TRUE"]


def test_without_the_front_end(tmp_path: Path) -> None:
    code = f"import sys; sys.path.insert(0, {str(ROOT)!r}); from parrot_py.cli import main; sys.exit(main())"
    environ = (b"LC_ALL=C", b"B=1", b"A=2", b"A=3")
    command = [sys.executable, "-I", "-c", code, *parrot(tmp_path)[1:]]
    assert seen_by_job(environ, *command) == [*environ, b"PARROT_ENABLED=TRUE"]


def test_a_run_inside_a_run(tmp_path: Path) -> None:
    environ = (b"A=1", b"PARROT_ENABLED=TRUE", b"B=1")
    assert seen_by_job(environ, *parrot(tmp_path)) == [*environ]
    assert environment.with_variable([b"P=x", b"A=1", b"P=TRUE"], b"P", b"TRUE") == (b"A=1", b"P=TRUE")


def test_the_first_of_several_entries_counts() -> None:
    assert environment.mapping([b"A=first", b"no-equals-sign", b"A=second", b"B=x=y"]) == {"A": "first", "B": "x=y"}

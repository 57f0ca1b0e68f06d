"""The companion commands: inside a run, where they ask parrot_run, and outside of it."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from parrot_py.drivers.grow.export import Options, export
from tests.support import places, tree
from tests.support.contract_tree import write_tree
from tests.support.httpd import Fault, Server
from tests.support.parrot import Parrot
from tests.support.sites import Site

MakeParrot = Callable[..., Parrot]


def companion(name: str, module: str = "companions") -> list[str]:
    """The command that is ``parrot_<name>``."""
    python = places.launcher()[: -len(["-m", "parrot_py"])]
    if "-c" in python:
        pytest.skip("the checkout lies where the job's user cannot go")
    return [*python, "-c", f"import sys; from parrot_py.control.{module} import {name}; sys.exit({name}())"]


def test_locate(parrot: MakeParrot, twin: Site) -> None:
    run = parrot([twin.entry(tree.NAME)])
    told = run.run([*companion("locate"), f"{tree.TOP}/hello.txt", "/etc/passwd", f"{tree.TOP}/none"])
    host = twin.url(tree.NAME).partition("://")[2].partition("/")[0]
    lines = told.stdout.decode().splitlines()
    assert lines == [f"{host}:/cvmfs/{tree.NAME}/hello.txt", f"{os.uname().nodename}:/etc/passwd"]
    assert told.status == 1
    assert told.stderr == f"parrot_locate: {tree.TOP}/none: No such file or directory [PP701]\n".encode()


def test_md5_reads_what_nobody_knows(parrot: MakeParrot, twin: Site) -> None:
    run = parrot([twin.entry(tree.NAME)])
    told = run.run([*companion("md5"), f"{tree.TOP}/hello.txt"]).expect()
    digest = hashlib.md5((tree.twin_tree().plain / "hello.txt").read_bytes()).hexdigest()
    assert told.stdout.decode() == f"{digest}  {tree.TOP}/hello.txt\n"


def test_a_known_digest_needs_no_reading(parrot: MakeParrot, home: Path) -> None:
    top = write_tree(home / "tree")
    export(os.fsencode(top), Options())
    places.give_all(top)
    with Server(top) as server:
        path = f"/grow/{server.url.partition('://')[2]}/dir/inner"
        told = parrot().run([*companion("md5"), "-a", "sha1", path]).expect()
        assert told.stdout.decode() == f"{hashlib.sha1(b'inner').hexdigest()}  {path}\n"
        assert server.count("*/inner") == 0


def test_timeout(parrot: MakeParrot, home: Path) -> None:
    """A server that says nothing costs what the job chose, not what parrot_run was started with."""
    top = write_tree(home / "tree")
    export(os.fsencode(top), Options())
    run = parrot(options=["-T", "1h"])
    command = [*companion("timeout"), "2s"]
    with Server(top) as server:
        server.fault("*/inner", Fault(delay=600.0))
        path = f"/grow/{server.url.partition('://')[2]}/dir/inner"
        told = run.run(["/bin/sh", "-c", '"$@" && cat "$0"', path, *command])
    assert told.status == 1
    assert b"Input/output error" in told.stderr
    told = run.run([*companion("timeout"), "soon"])
    assert told.status == 2
    assert b"not a time" in told.stderr


def test_search(parrot: MakeParrot, twin: Site) -> None:
    run = parrot([twin.entry(tree.NAME)])
    told = run.run([*companion("search", "files"), tree.TOP, "hello.*|nothing"])
    assert told.status == 0
    assert b"noread-dir: Permission denied" in told.stderr
    assert f"{tree.TOP}/hello.txt" in told.stdout.decode().splitlines()
    assert run.run([*companion("search", "files"), tree.TOP, "no-such-name"]).status == 1
    first = run.run([*companion("search", "files"), "-s", "-m", tree.TOP, "hello.*"]).stdout
    assert first.count(b"\n") == 1
    assert first.count(b"|") == 3


def test_cp(parrot: MakeParrot, twin: Site, home: Path) -> None:
    run = parrot([twin.entry(tree.NAME)])
    run.run([*companion("cp", "files"), "-v", f"{tree.TOP}/hello.txt", str(home / "copy")])
    assert (home / "copy").read_bytes() == (tree.twin_tree().plain / "hello.txt").read_bytes()


def test_outside_of_a_run(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"text")

    def outside(name: str, *words: str) -> subprocess.CompletedProcess[str]:
        code = f"import sys; from parrot_py.control.companions import {name}; sys.exit({name}())"
        return subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True, check=False)

    digest = hashlib.md5(b"text").hexdigest()
    assert outside("md5", str(tmp_path / "file")).stdout == f"{digest}  {tmp_path}/file\n"
    told = outside("locate", "/etc/passwd")
    assert (told.returncode, told.stdout) == (1, "")
    assert "not inside parrot_run" in told.stderr
    assert outside("timeout", "5m").returncode == 1


TELLING = {"locate": ("companions", []), "md5": ("companions", ["file"]), "search": ("files", ["file"])}


@pytest.mark.parametrize("name", TELLING)
def test_what_cannot_be_written(name: str, tmp_path: Path) -> None:
    """Nobody reads it: the end by SIGPIPE, as of any program; no room, or no descriptor: a line on stderr."""
    module, words = TELLING[name]
    (tmp_path / "file").touch()
    code = (
        f"import sys; from parrot_py.control import {module}, companions\n"
        "companions.ask = lambda *_, **__: {'places': ['here'], 'digests': {}}\n"
        f"sys.exit({module}.{name}())"
    )

    def run(command: list[str], stdout: int | None = None) -> subprocess.CompletedProcess[str]:
        whole = [*command, sys.executable, "-c", code, *words]
        return subprocess.run(
            whole, cwd=tmp_path, stdout=stdout, stderr=subprocess.PIPE, text=True, check=False, timeout=60
        )

    reading, writing = os.pipe()
    os.close(reading)
    told = run([], writing)
    os.close(writing)
    assert (told.returncode, told.stderr) == (-signal.SIGPIPE, "")
    for where, why in ((">/dev/full", "No space left on device"), (">&-", "Bad file descriptor")):
        told = run(["sh", "-c", f'"$0" "$@" {where}'])
        assert (told.returncode, told.stderr) == (2, f"parrot_{name}: cannot write to stdout: {why} [PP210]\n")


def test_names_that_are_no_text(tmp_path: Path) -> None:
    path = tmp_path / os.fsdecode(b"\xff")
    path.write_bytes(b"text")
    for name, module, words in (("md5", "companions", [path]), ("search", "files", [tmp_path, "*"])):
        code = f"import sys; from parrot_py.control.{module} import {name}; sys.exit({name}())"
        command = [sys.executable, "-c", code, *words]
        told = subprocess.run(command, capture_output=True, check=True, env={**os.environ, "LC_ALL": "C.UTF-8"})
        assert told.stdout.endswith(os.fsencode(path) + b"\n")
        assert told.stderr == b""

"""Static programs of other makers: busybox, a program with musl, a program in Go; from native paths and from a tree."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Callable

import pytest

from parrot_py.drivers.cvmfs.publish.keys import open_keys
from parrot_py.drivers.cvmfs.publish.publication import publish
from tests.support import places, sites, tree
from tests.support.oracle import Oracle, OracleUnavailable
from tests.support.parrot import Parrot
from tests.support.programs import SOURCES
from tests.twins.conftest import Twins

NAME = "static.parrot.test"
TOP = f"/cvmfs/{NAME}"
BUSYBOX = "/bin/busybox"
COMMANDS = Path(__file__).with_name("scripts") / "busybox.txt"
STEP = 'step() { echo "\\$ $1"; (eval "$1") 2>&1; echo "[$?]"; }\n'
PARTS = ("dir", "links", "hello.txt")


def _build(place: Path) -> None:
    """A small tree of static programs and something for them to read; its repository beside it."""
    top = place / "tree"
    (top / "bin").mkdir(parents=True)
    for part in PARTS:
        subprocess.run(["cp", "-a", tree.twin_tree().plain / part, top], check=True)
    (top / "many").mkdir()
    for number in range(200):
        (top / "many" / f"f{number:04d}").write_text(f"{number * number}\n")
    if os.path.exists(BUSYBOX):
        shutil.copy(BUSYBOX, top / "bin" / "busybox")
        for applet in ("sh", "ls", "cat"):
            (top / "bin" / applet).symlink_to("busybox")
    (top / "script.sh").write_text(f'#!{TOP}/bin/busybox sh\necho "$0" "$@"; cat "${{0%/*}}/hello.txt"\n')
    (top / "script.sh").chmod(0o755)
    if shutil.which("musl-gcc"):
        command = ["musl-gcc", "-O1", "-Wall", "-Werror", "-static", "-pthread", "-o", str(top / "bin" / "walker")]
        subprocess.run([*command, str(SOURCES / "walker.c")], check=True)
    places.give_all(top)
    publish(top, place / "web", open_keys(place / "keys", NAME))


def _build_go(place: Path) -> None:
    """The same with the program in Go, which takes a minute to build where nothing is compiled yet."""
    _build(place)
    work = place / "go"
    work.mkdir()
    shutil.copy(SOURCES / "walker.go", work / "main.go")
    (work / "go.mod").write_text("module walker\n\ngo 1.18\n")
    settings = {"CGO_ENABLED": "0", "GOCACHE": str(work / "cache"), "GOFLAGS": "-mod=mod", "GOPROXY": "off"}
    variables = {**settings, "GOTELEMETRY": "off", "HOME": str(work), "PATH": os.environ.get("PATH", "/usr/bin:/bin")}
    output = place / "tree" / "bin" / "go-walker"
    subprocess.run(["go", "build", "-o", str(output), "."], check=True, cwd=work, env=variables)
    places.give_all(place / "tree")
    publish(place / "tree", place / "web", open_keys(place / "keys", NAME))


def twins_on(place: Path, home: Path, parrot: Callable[..., Parrot]) -> Iterator[Twins]:
    """Both sides, with the tree that was built at *place*."""
    try:
        oracle = Oracle(place / "tree", NAME, {})
    except OracleUnavailable as error:
        pytest.skip(f"no mount namespace to compare with: {error}")
    with sites.made_site(place / "web", {NAME: place / "keys" / f"{NAME}.pub"}) as site:
        yield Twins(home, oracle, parrot([site.entry(NAME)]))
    oracle.close()


@pytest.fixture
def static(home: Path, parrot: Callable[..., Parrot]) -> Iterator[Twins]:
    yield from twins_on(places.once("static", _build), home, parrot)


def busybox_session(shell: str) -> list[str]:
    """The command that runs all of them by the applets of *shell*'s own busybox."""
    commands = [line for line in COMMANDS.read_text().splitlines() if line and line[0] != "#"]
    steps = "\n".join(f"step {shlex.quote(command)}" for command in commands)
    return [shell, "sh", "-c", f"export D={TOP} PATH=/nowhere\ncd ~\n{STEP}{steps}\ntrue"]


@pytest.mark.skipif(not os.path.exists(BUSYBOX), reason="busybox-static is not installed")
@pytest.mark.parametrize("shell", [BUSYBOX, f"{TOP}/bin/busybox"], ids=["native", "repository"])
def test_busybox(static: Twins, shell: str) -> None:
    told = static.check(busybox_session(shell), timeout=120).stdout
    assert told.count(b"\n[0]\n") > 25
    assert told.count(b"\n$ ") > 38


@pytest.mark.skipif(not shutil.which("musl-gcc"), reason="musl-tools is not installed")
def test_musl(static: Twins) -> None:
    for program in (f"{TOP}/bin/walker", str(places.base() / "shared" / "static" / "tree" / "bin" / "walker")):
        told = static.check([program, TOP]).stdout
        assert b"spawn 0, exit 7" in told
        assert told.count(b"thread: ") == 8


@pytest.mark.compat
@pytest.mark.timeout(900)
@pytest.mark.skipif(not shutil.which("go"), reason="golang is not installed")
def test_go(home: Path, parrot: Callable[..., Parrot]) -> None:
    place = places.once("static-go", _build_go)
    for static in twins_on(place, home, parrot):
        for program in (f"{TOP}/bin/go-walker", str(place / "tree" / "bin" / "go-walker")):
            told = static.check([program, TOP], timeout=120).stdout
            assert told.count(b"exit status 9") == 2

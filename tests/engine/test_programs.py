"""C programs over a tree in memory, with and without seccomp: what they say is the same as on a real tree."""

from __future__ import annotations

import os
import stat
import subprocess
from pathlib import Path

import pytest

from parrot_py.drivers.memory import File, Link, Node, Special
from tests.engine.harness import TOP, Setup
from tests.engine.programs import engine_program
from tests.support.programs import program

SCRIPT = b"#!/bin/sh\necho started\n"


def births_tree() -> dict[bytes, Node | bytes]:
    tree: dict[bytes, Node | bytes] = {b"/f%d" % i: b"%d" % i for i in range(50)}
    tree.update({b"/dir/a": b"a", b"/dir/b": b"b", b"/text": b"text", b"/native": Link(b"/bin/true")})
    return {**tree, b"/program": File(SCRIPT, mode=0o755)}


def real_tree(top: Path) -> Path:
    """The same as a directory."""
    top.mkdir()
    for path, node in births_tree().items():
        place = top / os.fsdecode(path[1:])
        place.parent.mkdir(exist_ok=True)
        if isinstance(node, Link):
            place.symlink_to(os.fsdecode(node.target))
        else:
            place.write_bytes(node.data if isinstance(node, File) else node if isinstance(node, bytes) else b"")
            place.chmod(0o755)
    return top


def test_births(home: Path, use_seccomp: bool, abi: tuple[str, ...]) -> None:
    command = engine_program("births", *abi)
    native = subprocess.run([command, real_tree(home / "real")], capture_output=True, check=True, timeout=60)
    assert native.stdout.count(b"started\n") == 13
    assert b"failed beside each other in one address space: 0" in native.stdout
    Setup(home, births_tree(), use_seccomp=use_seccomp).run(command, TOP).expect(native.stdout)


@pytest.mark.parametrize(
    "what", ["leader-gone", "tables-apart", "not-dumpable", "storm", "thread-storm", "stopped-and-killed"]
)
def test_odd_threads(home: Path, use_seccomp: bool, abi: tuple[str, ...], what: str) -> None:
    command = engine_program("odd_threads", *abi)
    native = subprocess.run([command, what, real_tree(home / "real")], capture_output=True, timeout=60)
    assert native.stdout
    assert b"MUST" not in native.stdout
    Setup(home, births_tree(), use_seccomp=use_seccomp).run(command, what, TOP).expect(native.stdout)


@pytest.mark.parametrize("count", [20, 200, 700], ids=["in one region", "more than one region has", "in many regions"])
@pytest.mark.parametrize("long", [False, True], ids=["short names", "long names"])
def test_threads_that_sleep_in_open(
    home: Path, use_seccomp: bool, abi: tuple[str, ...], count: int, long: bool
) -> None:
    """Each of them holds scratch memory for its path; long paths go into the few big slots."""
    tempdir = home.joinpath(*["d" * 200] * 3) if long else home
    tempdir.mkdir(parents=True, exist_ok=True)
    for place in [tempdir, *tempdir.parents]:
        if home in place.parents:
            os.chown(place, home.stat().st_uid, -1)
    fifo = Special(stat.S_IFIFO | 0o666)
    tree: dict[bytes, Node | bytes] = {
        b"/fifo%d" % i: Special(fifo.mode, mtime_ns=i) for i in range(count)
    }  # fmt: skip
    command = engine_program("fifos", *abi)
    told = Setup(home, tree, use_seccomp=use_seccomp, tempdir=tempdir).run(command, TOP, str(count))
    told.expect(b"wrong: 0\n")
    slots = 4 if long else 56
    assert told.counters["injected"] >= count // slots, "this many could not wait with less memory"


def test_a_signal_interrupts_the_open_of_a_fifo(home: Path, use_seccomp: bool, abi: tuple[str, ...]) -> None:
    command = engine_program("fifo_signal", *abi)
    os.mkfifo(home / "fifo", 0o666)
    native = subprocess.run([command, home / "fifo"], capture_output=True, check=True, timeout=60)
    assert b"openat without SA_RESTART: EINTR\nhandled: 1\n" in native.stdout
    assert b"openat with SA_RESTART: ok\nhandled: 1\nwriter: exit 0\n" in native.stdout
    tree: dict[bytes, Node | bytes] = {b"/fifo": Special(stat.S_IFIFO | 0o666)}
    Setup(home, tree, use_seccomp=use_seccomp).run(command, f"{TOP}/fifo").expect(native.stdout)


def test_handlers_never_see_code_of_ours(home: Path, use_seccomp: bool, abi: tuple[str, ...]) -> None:
    command = engine_program("stub_seen", *abi)
    told = Setup(home, births_tree(), use_seccomp=use_seccomp).run(command, f"{TOP}/f", "1500")
    told.expect(b"failed: 0, interrupted in code of others: 0\n")
    assert told.counters["signals"] >= 1500


@pytest.mark.parametrize("rounds", [1, 3], ids=["cold", "cold and warm"])
def test_registers_and_red_zone(home: Path, use_seccomp: bool, abi: tuple[str, ...], rounds: int) -> None:
    command = str(program("registers", *abi))
    tree: dict[bytes, Node | bytes] = {
        b"/hello.txt": b"hello", b"/dir/x": b"x", b"/links/file": Link(b"../hello.txt"), b"/links/loop": Link(b"loop"),
        b"/same/one": b"s", b"/bin/report-static": File(b"", mode=0o755),
    }  # fmt: skip
    script = "; ".join([f"{command} {TOP}"] * rounds)
    told = Setup(home, tree, use_seccomp=use_seccomp).run("/bin/sh", "-c", script).expect()
    lines = [line for line in told.stdout.splitlines() if b"changed" in line]
    assert len(lines) == (176 if abi else 88) * rounds  # i386 makes each call in two ways
    assert [line for line in lines if not line.endswith(b"changed 0")] == []
    assert b"open: ok, changed 0" in lines
    assert b"fstat: ok, changed 0" in lines

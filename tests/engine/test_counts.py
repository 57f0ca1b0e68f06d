"""How often the engine stops the job, and who answers: the counters of short runs with one call more or less."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from parrot_py.drivers.memory import File, Link, Node
from tests.engine.harness import TOP, Setup
from tests.support.programs import I386, cannot_run, program

FEW, MANY = 10, 110
TREE: dict[bytes, Node | bytes] = {
    b"/file": b"content", b"/link": Link(b"file"), b"/dir/x": b"x", b"/private": File(b"p", mode=0o400),
}  # fmt: skip


def per_call(home: Path, what: str, path: str, abi: Sequence[str] = ()) -> Mapping[str, float]:
    """What each counter grows by with one round more of *what* on *path*."""
    if what == "int 0x80" and (reason := cannot_run(*I386)):
        pytest.skip(reason)
    command = program("budget", *abi)
    low, high = (Setup(home, TREE).run(command, what, path, str(n)).expect().counters for n in (FEW, MANY))
    return {name: (high[name] - low[name]) / (MANY - FEW) for name in high}


@pytest.mark.parametrize("what", ["read", "lseek", "getppid", "poll", "futex", "mmap"])
@pytest.mark.parametrize("path", ["/etc/passwd", f"{TOP}/file"])
def test_no_stop_at_all(home: Path, what: str, path: str) -> None:
    assert set(per_call(home, what, path).values()) == {0}


@pytest.mark.parametrize("what", ["stat", "access", "open+close", "missing", "readlink", "fstat", "int 0x80"])
def test_native_names_cost_one_stop_in_the_core(home: Path, what: str, abi: tuple[str, ...]) -> None:
    path = {"missing": "/no/such", "readlink": "/proc/self/exe"}.get(what, "/etc/passwd")
    counts = per_call(home, what, path, abi)
    assert (counts["stops"], counts["resumed_in_core"], counts["python"], counts["extra"]) == (1, 1, 0, 0)


@pytest.mark.parametrize(
    ("what", "name"),
    [("stat", "file"), ("stat", "link"), ("access", "file"), ("access", "dir"), ("missing", "missing"),
     ("readlink", "link"), ("open+close", "file"), ("open+close", "link"), ("open+close", "dir"), ("fstat", "file"),
     ("open+read+close", "file"), ("int 0x80", "file")],
)  # fmt: skip
def test_warm_names_cost_one_stop_in_the_core(home: Path, what: str, name: str, abi: tuple[str, ...]) -> None:
    counts = per_call(home, what, f"{TOP}/{name}", abi)
    assert (counts["stops"], counts["warm"], counts["python"], counts["extra"]) == (1, 1, 0, 0)


def test_what_depends_on_the_user_is_never_answered_from_the_table(home: Path) -> None:
    counts = per_call(home, "open+close", f"{TOP}/private")
    assert (counts["stops"], counts["python"], counts["warm"], counts["extra"]) == (1, 1, 0, 0)


def test_memory_is_injected_once_in_each_address_space(home: Path) -> None:
    script = f"for i in 1 2 3 4 5; do (: <{TOP}/file; : <{TOP}/dir/x); : <{TOP}/file; done"
    told = Setup(home, TREE).run("/bin/sh", "-c", script).expect()
    assert told.counters["injected"] == 2, "the first child made one before its parent had any; the others inherit"

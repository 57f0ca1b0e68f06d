"""The table of system calls: numbers as the kernel's headers and python-ptrace know them, a handler for every line."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from ptrace.syscall.linux.i386 import SYSCALL_NAMES as I386_NAMES
from ptrace.syscall.linux.x86_64 import SYSCALL_NAMES as X86_64_NAMES

import parrot_py.syscalls.families  # noqa: F401 - registers the handlers
from parrot_py.engine.kinds import Abi, Kind, Warm
from parrot_py.syscalls import passed
from parrot_py.syscalls.call import handlers
from parrot_py.syscalls.early import CHECKS
from parrot_py.syscalls.passed import FULL, PARTIAL, REFUSED
from parrot_py.syscalls.table import MOUNTED_ROWS, ROWS

NUMBERS = {abi: {row.name: number for row in ROWS if (number := row.numbers[abi]) is not None} for abi in Abi}
HEADERS = {Abi.X86_64: "unistd_64.h", Abi.I386: "unistd_32.h"}
PYTHON_PTRACE = {
    Abi.X86_64: {n: name for n, name in X86_64_NAMES.items() if n < 512},  # from there on x32
    Abi.I386: {**I386_NAMES, 52: "umount2", 191: "ugetrlimit"},  # where it has the names of other calls
}
FIRST_NUMBERS = {
    Abi.X86_64: range(337),
    Abi.I386: sorted({*range(387), *range(393, 424)} - {222, 223, 251, 285, 415}),  # never given to a call
}
ABIS = pytest.mark.parametrize("abi", Abi)


@ABIS
def test_names_and_numbers_occur_once(abi: Abi) -> None:
    numbered = [row for row in ROWS if row.numbers[abi] is not None]
    assert len(NUMBERS[abi]) == len(numbered) == len(set(NUMBERS[abi].values()))


def test_lines_are_in_order() -> None:
    known = [row.x86_64 for row in ROWS if row.x86_64 is not None]
    others = [row.i386 for row in ROWS if row.x86_64 is None]
    assert known == sorted(known)
    assert others == sorted(number for number in others if number is not None)
    assert [row.x86_64 for row in ROWS] == [*known, *[None for _ in others]]


def _of_the_headers(abi: Abi) -> dict[int, str]:
    places = [Path("/usr/include", machine, "asm", HEADERS[abi]) for machine in ("", "x86_64-linux-gnu")]
    header = next((place for place in places if place.exists()), None)
    if header is None:
        pytest.skip(f"no <asm/{HEADERS[abi]}> here")
    return {int(number): name for name, number in re.findall(r"#define __NR_(\w+) (\d+)", header.read_text())}


@ABIS
def test_numbers_are_those_of_the_kernel(abi: Abi) -> None:
    known = {name: number for number, name in _of_the_headers(abi).items()}
    assert "openat" in known
    newest = max(known.values())  # an old header lacks the newest calls
    told = {name: number for name, number in NUMBERS[abi].items() if number <= newest}
    assert told == {name: known.get(name) for name in told}


@ABIS
def test_numbers_are_those_of_python_ptrace(abi: Abi) -> None:
    known = PYTHON_PTRACE[abi]
    told = {name: known[number] for name, number in NUMBERS[abi].items() if number in known}
    assert len(told) >= sum(number <= max(known) for number in NUMBERS[abi].values()) > 60
    assert all(_function(ours) == _function(theirs) for ours, theirs in told.items())


def _function(name: str) -> str:
    """What is common to the names of a call in the headers and in the kernel's source: "oldstat" is sys_stat, "stat"
    sys_newstat, "chown" sys_chown16, "chown32" sys_chown."""
    return re.sub(r"^_?(old_?|new)?|(16|32)$", "", name)


def test_every_line_has_a_handler_and_every_handler_a_line() -> None:
    in_the_core = (
        Kind.REFUSE,
        Kind.PRCTL,
        Kind.SECCOMP,
        Kind.PTRACE,
        Kind.UNTRACED,
        Kind.CLONE3,
        Kind.SOCKETCALL,
    )
    assert set(handlers) == {row.name for row in (*ROWS, *MOUNTED_ROWS) if row.kind not in in_the_core}
    assert set(CHECKS) <= {row.name for row in ROWS if row.kind in (Kind.PATH, Kind.FD, Kind.EXEC)}


def test_lines_say_what_their_kind_needs() -> None:
    for row in (*ROWS, *MOUNTED_ROWS):
        assert row.support in (FULL, PARTIAL, REFUSED)
        named = (Kind.PATH, Kind.EXEC, Kind.SOCKADDR, Kind.SENDTO, Kind.SENDMSG)
        assert bool(row.path) == (row.kind in named), row.name
        assert (row.fd >= 0) == (row.kind in (Kind.FD, Kind.DIRENTS)), row.name
        assert len(row.dirfd) in (0, len(row.path)), row.name
        assert row.warm is Warm.NONE or len(row.path) < 2, row.name


@ABIS
def test_every_number_is_either_stopped_or_native(abi: Abi) -> None:
    passing, stopping = passed.names(abi), NUMBERS[abi]
    assert sum(len(group.calls[abi]) for group in passed.GROUPS) == len(passing)
    assert not passing.keys() & stopping.values()
    both = {**passing, **{number: name for name, number in stopping.items()}}
    assert set(both) >= {*FIRST_NUMBERS[abi], *range(424, 471)}
    known = _of_the_headers(abi)
    assert {number: both.get(number) for number in known} == known
    python_ptrace = dict(PYTHON_PTRACE[abi])
    if abi is Abi.X86_64:
        python_ptrace[283] = "timerfd_create"  # it has "timerfd", what the call was named before Linux 2.6.25
    assert {n: _function(both[n]) for n in python_ptrace} == {n: _function(name) for n, name in python_ptrace.items()}


def test_every_native_group_says_why() -> None:
    assert all(group.reason and any(group.calls) for group in passed.GROUPS)

"""The table of system calls: numbers as the kernel's headers and python-ptrace know them, a handler for every line."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from ptrace.syscall.linux.x86_64 import SYSCALL_NAMES

import parrot_py.syscalls.families  # noqa: F401 - registers the handlers
from parrot_py.engine.core import Kind, Warm
from parrot_py.syscalls import passed
from parrot_py.syscalls.call import handlers
from parrot_py.syscalls.early import CHECKS
from parrot_py.syscalls.passed import FULL, PARTIAL, REFUSED
from parrot_py.syscalls.table import ROWS

NUMBERS = {row.name: row.x86_64 for row in ROWS}
HEADERS = ("/usr/include/asm/unistd_64.h", "/usr/include/x86_64-linux-gnu/asm/unistd_64.h")


def test_names_and_numbers_occur_once() -> None:
    assert len(NUMBERS) == len(ROWS) == len(set(NUMBERS.values()))
    assert [row.x86_64 for row in ROWS] == sorted(NUMBERS.values())


def _of_the_headers() -> dict[int, str]:
    header = next((Path(name) for name in HEADERS if Path(name).exists()), None)
    if header is None:
        pytest.skip("no <asm/unistd_64.h> here")
    return {int(number): name for name, number in re.findall(r"#define __NR_(\w+) (\d+)", header.read_text())}


def test_numbers_are_those_of_the_kernel() -> None:
    known = {name: number for number, name in _of_the_headers().items()}
    assert "openat" in known
    newest = max(known.values())  # an old header lacks the newest calls
    told = {name: number for name, number in NUMBERS.items() if number <= newest}
    assert told == {name: known.get(name) for name in told}


def test_numbers_are_those_of_python_ptrace() -> None:
    known = {number: name for number, name in SYSCALL_NAMES.items() if number < 512}  # from there on x32
    told = {name: known[number] for name, number in NUMBERS.items() if number in known}
    assert len(told) >= sum(number <= max(known) for number in NUMBERS.values()) > 80
    assert all(ours == theirs for ours, theirs in told.items())


def test_every_line_has_a_handler_and_every_handler_a_line() -> None:
    in_the_core = (Kind.REFUSE, Kind.DUMPABLE, Kind.UNTRACED, Kind.CLONE3)
    assert set(handlers) == {row.name for row in ROWS if row.kind not in in_the_core}
    assert set(CHECKS) <= {row.name for row in ROWS if row.kind is Kind.PATH}


def test_lines_say_what_their_kind_needs() -> None:
    for row in ROWS:
        assert row.support in (FULL, PARTIAL, REFUSED)
        assert bool(row.path) == (row.kind in (Kind.PATH, Kind.EXEC, Kind.SOCKADDR, Kind.SENDTO)), row.name
        assert (row.fd >= 0) == (row.kind in (Kind.FD, Kind.DIRENTS)), row.name
        assert len(row.dirfd) in (0, len(row.path)), row.name
        assert row.warm is Warm.NONE or len(row.path) < 2, row.name


def test_every_number_is_either_stopped_or_native() -> None:
    passing = passed.names()
    assert sum(len(group.calls) for group in passed.GROUPS) == len(passing)
    assert not passing.keys() & NUMBERS.values()
    both = {**passing, **{number: name for name, number in NUMBERS.items()}}
    assert set(both) >= set(range(337)) | set(range(424, 471))
    known = _of_the_headers()
    assert {number: both.get(number) for number in known} == known
    python_ptrace = {n: name for n, name in SYSCALL_NAMES.items() if n < 512}
    python_ptrace[283] = "timerfd_create"  # it has "timerfd", what the call was named before Linux 2.6.25
    assert {n: both.get(n) for n in python_ptrace} == python_ptrace


def test_every_native_group_says_why() -> None:
    assert all(group.reason and group.calls for group in passed.GROUPS)

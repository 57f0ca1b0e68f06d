"""Probes of the limits that the caller set."""

from __future__ import annotations

import os
import resource
from collections.abc import Iterator
from contextlib import suppress

from parrot_py.caller import ADDRESS_SPACE, Given
from parrot_py.doctor.finding import BAD, GOOD, NOTE, POOR, Finding

_FEW_DESCRIPTORS = 256
_FEW_PROCESSES = 64
_INSIDE = "set the limit inside the job"


def probes(given: Given) -> Iterator[Finding]:
    """Every probe of this module.  Soft limits that can be raised are no trouble for the tracer: it raises its own."""
    yield _descriptors(*given.limit(resource.RLIMIT_NOFILE))
    yield _address_space(*given.limit(resource.RLIMIT_AS))
    yield _processes(*given.limit(resource.RLIMIT_NPROC))
    yield _time(*given.limit(resource.RLIMIT_CPU))
    yield _file_size(*given.limit(resource.RLIMIT_FSIZE))
    yield from _memory()


def _descriptors(soft: int, hard: int) -> Finding:
    if _less(hard, _FEW_DESCRIPTORS):
        text = f"{hard} open files at most"
        return Finding("ulimit -n", POOR, text, "raise the hard limit: many catalogs and connections are open")
    return Finding("ulimit -n", GOOD, f"{_named(soft)} open files at most, {_named(hard)} for parrot_run itself")


def _address_space(soft: int, hard: int) -> Finding:
    if soft == resource.RLIM_INFINITY:
        return Finding("ulimit -v", GOOD, "no limit on the address space")
    text = f"{soft >> 20} MiB of address space at most"
    if _less(hard, ADDRESS_SPACE):
        return Finding("ulimit -v", BAD, text, f"parrot_run itself takes {ADDRESS_SPACE >> 20} MiB: {_INSIDE}")
    return Finding("ulimit -v", NOTE, text)


def _processes(soft: int, hard: int) -> Finding:
    text = f"{_named(soft)} processes and threads of this user at most"
    if _less(hard, _FEW_PROCESSES):
        return Finding("ulimit -u", POOR, text, "raise it: parrot_run starts up to 32 threads")
    return Finding("ulimit -u", GOOD, text)


def _time(soft: int, hard: int) -> Finding:
    if hard == resource.RLIM_INFINITY:
        return Finding("ulimit -t", GOOD, "no limit on processor time that could end parrot_run")
    text = f"{_named(soft)} s of processor time at most for each process, parrot_run included"
    return Finding("ulimit -t", NOTE, text, f"{_INSIDE}: parrot_run serves all processes of the job")


def _file_size(_: int, hard: int) -> Finding:
    if hard == resource.RLIM_INFINITY:
        return Finding("ulimit -f", GOOD, "no limit on the size of cached files")
    return Finding("ulimit -f", NOTE, f"files of more than {hard >> 10} KiB cannot be cached", _INSIDE)


def _memory() -> Iterator[Finding]:
    """The limit of a control group of version 2, where we see one."""
    with suppress(OSError, ValueError), open("/proc/self/cgroup") as file:
        name = next((line[3:].rstrip("\n") for line in file if line.startswith("0::")), None)
        if name is not None:
            with open(os.path.join("/sys/fs/cgroup", name.lstrip("/"), "memory.max")) as limit:
                value = limit.read().strip()
            text = "no limit on memory" if value == "max" else f"{int(value) >> 20} MiB of memory at most"
            yield Finding("control group", GOOD if value == "max" else NOTE, text)


def _less(limit: int, than: int) -> bool:
    return limit != resource.RLIM_INFINITY and limit < than


def _named(limit: int) -> str:
    return "unlimited" if limit == resource.RLIM_INFINITY else str(limit)

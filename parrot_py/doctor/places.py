"""Probes of the places that a run writes to: the tempdir and the cache."""

from __future__ import annotations

import fcntl
import os
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from parrot_py.config import directories
from parrot_py.config.model import RunConfig
from parrot_py.doctor.finding import BAD, GOOD, NOTE, POOR, Finding
from parrot_py.errors import ConfigError

_LITTLE_SPACE = 1 << 30
_FEW_INODES = 10_000
_ELSEWHERE = "choose another place with -t DIR or PARROT_TEMP_DIR"


def probes(config: RunConfig) -> Iterator[Finding]:
    """Every probe of this module."""
    try:
        directories.prepare(config)
    except ConfigError as error:
        yield Finding("tempdir", BAD, str(error), _ELSEWHERE)
        return
    yield Finding("tempdir", GOOD, f"{config.tempdir} ({_kind(config.tempdir)})")
    yield _space("its space", config.tempdir)
    yield _programs(config)
    yield from _features(config.tempdir)
    if not config.cache_dir.is_relative_to(config.tempdir):
        yield from _cache(config.cache_dir, config.tempdir)


def _cache(cache: Path, tempdir: Path) -> Iterator[Finding]:
    writable = os.access(cache, os.W_OK | os.X_OK)
    text = f"{cache} ({_kind(cache)})" + ("" if writable else ", read-only")
    yield Finding("cache", GOOD if writable else NOTE, text)
    if writable:
        yield _space("its space", cache)
        if os.stat(cache).st_dev != os.stat(tempdir).st_dev:
            text = "on another file system than the tempdir: each file is copied when it is opened first"
            yield Finding("cache and tempdir", NOTE, text)


def _kind(path: Path) -> str:
    """The type of the file system, as /proc tells it."""
    best, kind = b"", b"unknown"
    with suppress(OSError), open("/proc/self/mountinfo", "rb") as file:
        for line in file:
            fields = line.split()
            place, after = fields[4], fields[fields.index(b"-") + 1]
            inside = os.fsencode(path.resolve()) + b"/"
            if inside.startswith(place.rstrip(b"/") + b"/") and len(place) >= len(best):
                best, kind = place, after
    return os.fsdecode(kind)


def _space(name: str, path: Path) -> Finding:
    found = os.statvfs(path)
    free = found.f_bavail * found.f_frsize
    text = f"{free / (1 << 30):.1f} GiB free"
    if free < _LITTLE_SPACE:
        return Finding(name, POOR, text, f"{_ELSEWHERE}: software takes gigabytes")
    if found.f_files and found.f_favail < _FEW_INODES:
        return Finding(name, POOR, f"{text}, but only {found.f_favail} inodes", _ELSEWHERE)
    return Finding(name, GOOD, text)


def _programs(config: RunConfig) -> Finding:
    """Whether programs may be started from there; the trial tries it."""
    place = directories.for_programs(config)
    if place is None:
        return Finding("programs", POOR, "mounted noexec: programs of a repository cannot be started", _ELSEWHERE)
    if place != config.tempdir:
        text = f"the tempdir is mounted noexec: what a job opens is copied to {place}"
        return Finding("programs", NOTE, text, _ELSEWHERE)
    return Finding("programs", GOOD, "can be started from there")


def _features(path: Path) -> Iterator[Finding]:
    try:
        with tempfile.TemporaryDirectory(prefix="doctor.", dir=path) as place:
            one, two = os.path.join(place, "one"), os.path.join(place, "two")
            with open(one, "w") as file:
                yield _locks(file.fileno())
            yield _links(one, two)
    except OSError as error:
        yield Finding("writing", BAD, f"{path}: {error.strerror}", _ELSEWHERE)


def _locks(fd: int) -> Finding:
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        text = f"none ({error.strerror}): two processes may fetch the same object"
        return Finding("file locks", NOTE, text)
    return Finding("file locks", GOOD, "work")


def _links(one: str, two: str) -> Finding:
    try:
        os.link(one, two)
    except OSError as error:
        text = f"none ({error.strerror}): each file is copied when it is opened first"
        return Finding("hard links", NOTE, text)
    return Finding("hard links", GOOD, "work")

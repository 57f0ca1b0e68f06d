"""A job that reads more than its cache may hold: the links of the session do not keep what nobody uses."""

from __future__ import annotations

import hashlib
import os
import random
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.drivers.cvmfs.forge import DIR, NAME, Forge, Row
from tests.support import places, sites
from tests.support.parrot import Parrot
from tests.support.sites import Site

MakeParrot = Callable[..., Parrot]
MIB = 1 << 20
FILES, SIZE, QUOTA = 320, 64 << 10, 4 * MIB  # a repository five times as large as the cache
SLACK = 3 * MIB  # what is linked between two sweeps, while one is at work, and until the cache is counted
TOP = f"/cvmfs/{NAME}/d"
TOOL = b"#!/bin/sh\necho it runs\n"

WALK = f"find {TOP} -name 'f*' -type f | sort | while read f; do cat $f; done | sha256sum"
PYTHON = f"""
import hashlib, mmap, os, subprocess
names = sorted(os.listdir({TOP!r}))
names.remove("tool")
def text(name):
    with open({TOP!r} + "/" + name, "rb") as file:
        return file.read()
kept, mapped = open({TOP!r} + "/" + names[0], "rb"), open({TOP!r} + "/" + names[1], "rb")
memory = mmap.mmap(mapped.fileno(), 0, prot=mmap.PROT_READ)
mapped.close()
print(subprocess.check_output({TOP!r} + "/tool"))
for turn in range(2):
    whole = hashlib.sha256()
    for name in names:
        whole.update(text(name))
    print(whole.hexdigest())
print(kept.read() == text(names[0]), memory[:] == text(names[1]))
print(os.readlink(f"/proc/self/fd/{{kept.fileno()}}"), os.fstat(kept.fileno()) == os.stat({TOP!r} + "/" + names[0]))
print(subprocess.check_output({TOP!r} + "/tool"))
"""


@pytest.fixture
def digest(home: Path) -> Iterator[tuple[Site, str]]:
    """The site, and the sum of all its files one after the other."""
    forge, chance, whole = Forge(home / "web" / NAME), random.Random(5), hashlib.sha256()
    rows = [Row(b"/d", DIR), forge.file(b"/d/tool", TOOL, mode=0o100755)]
    for number in range(FILES):
        text = chance.getrandbits(8 * SIZE).to_bytes(SIZE, "little")
        whole.update(text)
        rows.append(forge.file(b"/d/f%03d" % number, text))
    forge.publish(rows)
    with sites.made_site(forge.directory.parent, {NAME: forge.key_file}) as site:
        yield site, whole.hexdigest()


def taken(top: Path) -> int:
    """Bytes on disk of all files below *top*."""
    found = {}
    for folder, _, names in os.walk(top):
        for name in names:
            try:
                status = os.lstat(os.path.join(folder, name))
            except FileNotFoundError:
                continue
            found[status.st_ino] = status.st_blocks * 512
    return sum(found.values())


def watch(run: Parrot, argv: list[str]) -> tuple[list[str], int]:
    """The lines that *argv* prints under *run*, and the most that cache and session took meanwhile."""
    most = 0
    output = run.home / "output"
    with output.open("wb") as sink, run.running(argv, stdout=sink, stderr=subprocess.STDOUT) as process:
        deadline = time.monotonic() + 60
        while process.poll() is None and time.monotonic() < deadline:
            most = max(most, taken(run.tempdir))
            time.sleep(0.05)
        assert process.poll() == 0, output.read_text()
    return output.read_text().splitlines(), most


@pytest.fixture
def run(digest: tuple[Site, str], parrot: MakeParrot) -> Parrot:
    return parrot([digest[0].entry(NAME)], ["--cvmfs-option", f"CVMFS_QUOTA_LIMIT={QUOTA // MIB}"])


def test_a_walk_of_many_processes(run: Parrot, digest: tuple[Site, str]) -> None:
    lines, most = watch(run, ["/bin/sh", "-c", WALK])
    assert lines == [f"{digest[1]}  -"]
    assert most < QUOTA + SLACK


def test_one_process_that_reads_everything_twice(run: Parrot, digest: tuple[Site, str]) -> None:
    python = sys.executable if places.launcher()[0] == sys.executable else "/usr/bin/python3"
    lines, most = watch(run, [python, "-I", "-c", PYTHON])
    runs = "b'it runs\\n'"
    assert lines == [runs, digest[1], digest[1], "True True", f"{TOP}/f000 True", runs]
    assert most < QUOTA + SLACK

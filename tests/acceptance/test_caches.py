"""Caches of other kinds under a running job: shared with other clients, only read, on another file system."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support import places, tree
from tests.support.parrot import Parrot, environment
from tests.support.sites import Site

MakeParrot = Callable[..., Parrot]
SCRIPT = (
    f"cd {tree.TOP} && cat hello.txt && sha256sum big.bin && bin/report-own-loader 0 | head -1 && "
    "cat /proc/self/comm && find . -type f 2>/dev/null | sort | xargs cat 2>/dev/null | sha256sum"
)


@pytest.fixture
def want(twin: Site, parrot: MakeParrot) -> bytes:
    """What the job says with a cache of its own."""
    return parrot([twin.entry(tree.NAME)], name="own").run(["/bin/sh", "-c", SCRIPT]).expect().stdout


def foreign(cache: Path) -> list[str]:
    """What is in *cache* and would not be in one of the real client."""
    names = [str(path.relative_to(cache)) for path in cache.rglob("*") if path.is_file()]
    known = r"[0-9a-f]{2}/[0-9a-f]{38}|txn/\.parrot|cvmfschecksum\..*"
    return [name for name in names if not re.fullmatch(known, name)]


def test_programs_of_an_alien_cache_run(twin: Site, parrot: MakeParrot, home: Path, want: bytes) -> None:
    cache = home / "alien"
    run = parrot([twin.entry(tree.NAME)], ["--cvmfs-alien-cache", str(cache)])
    for _ in range(2):
        assert run.run(["/bin/sh", "-c", SCRIPT]).expect().stdout == want
    assert foreign(cache) == []
    assert not [path for path in cache.glob("??/*") if path.stat().st_mode & 0o111]


def test_a_read_only_cache_with_no_network(twin: Site, parrot: MakeParrot, home: Path, want: bytes) -> None:
    cache = home / "alien"
    options = ["--cvmfs-alien-cache", str(cache)]
    parrot([twin.entry(tree.NAME)], options).run(["/bin/sh", "-c", SCRIPT]).expect()
    shutil.rmtree(home / "parrot")
    for path in [cache, *cache.rglob("*")]:
        path.chmod(0o555 if path.is_dir() else 0o444)
    entry, requests = twin.entry(tree.NAME), len(twin.server.requests)
    twin.server.stop()
    names = sorted(cache.rglob("*"))
    run = parrot([entry.replace(",proxies=DIRECT", "")], options)
    try:
        env = environment(home, {"HTTP_PROXY": "INVALID-PROXY"})
        assert run.run(["/bin/sh", "-c", SCRIPT], env=env).expect().stdout == want
        assert sorted(cache.rglob("*")) == names
        assert len(twin.server.requests) == requests
    finally:
        for path in names:
            if path.is_dir():
                path.chmod(0o755)
        cache.chmod(0o755)


@pytest.fixture
def small(home: Path) -> Iterator[Path]:
    """Another file system, from which nothing can be executed."""
    place = home / "small"
    place.mkdir()
    try:
        subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=200m,noexec,mode=777", "parrot-test", str(place)],
            check=True,
            capture_output=True,
        )
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("only root may mount a file system")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


def test_a_cache_on_a_file_system_without_programs(twin: Site, parrot: MakeParrot, small: Path, want: bytes) -> None:
    cache = small / "cache"
    cache.mkdir()
    cache.chmod(0o777)
    run = parrot([twin.entry(tree.NAME)], ["--cvmfs-option", f"CVMFS_CACHE_DIR={cache}"])
    assert run.run(["/bin/sh", "-c", SCRIPT]).expect().stdout == want
    assert list(cache.glob("??/*"))


def test_a_tempdir_without_programs(twin: Site, parrot: MakeParrot, small: Path) -> None:
    """Programs run from another place, and the log says so."""
    run = parrot([twin.entry(tree.NAME)])
    run.tempdir = small / "parrot"
    outcome = run.run(["/bin/sh", "-c", f"cat {tree.TOP}/hello.txt; {tree.TOP}/bin/report-own-loader 0"])
    assert outcome.status == 0
    assert outcome.stdout.startswith(b"hello, world\nargv[0]: ")
    assert b"noexec" in outcome.log
    assert b"-t DIR" in outcome.log


def test_a_job_of_another_user_reads_a_cache_of_root(twin: Site, parrot: MakeParrot, home: Path) -> None:
    if os.getuid():
        pytest.skip("only root can")
    assert places.as_job()
    run = parrot([twin.entry(tree.NAME)], ["--cvmfs-alien-cache", str(home / "alien")])
    run.run(["/bin/cat", f"{tree.TOP}/hello.txt"], root=True).expect()
    other = parrot([twin.entry(tree.NAME)], ["--cvmfs-alien-cache", str(home / "alien")], name="other")
    assert other.run(["/bin/cat", f"{tree.TOP}/hello.txt"]).expect().stdout == b"hello, world\n"

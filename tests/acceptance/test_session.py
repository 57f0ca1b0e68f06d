"""What happens around a running job: its cache vanishes, the repository moves on, other runs come and go, memory."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from parrot_py.drivers.cvmfs.publish.keys import open_keys
from parrot_py.drivers.cvmfs.publish.publication import publish
from tests.support import places, sites, tree
from tests.support.parrot import Parrot, repository
from tests.support.sites import Site

MakeParrot = Callable[..., Parrot]
NAME = "moving.parrot.test"


class Steps:
    """A shell inside a run that does one line at a time, so that the test can do something in between."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process

    def do(self, line: str) -> str:
        """Run *line*; everything it says, and its status."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f'{line} 2>&1; echo "[$?]"\n'.encode())
        self._process.stdin.flush()
        told = b""
        while not told.endswith(b"]\n"):
            more = self._process.stdout.readline()
            assert more, f"the shell ended after {told!r}"
            told += more
        return told.decode()


def steps(run: Parrot) -> Iterator[Steps]:
    """A run with a shell in it."""
    with run.running(["/bin/bash"], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        yield Steps(process)
        assert process.stdin is not None
        process.stdin.close()
        assert process.wait(60) == 0


@pytest.fixture
def inside(run: Parrot) -> Iterator[Steps]:
    yield from steps(run)


def test_a_cache_that_is_cleared_under_a_running_job(inside: Steps, run: Parrot) -> None:
    reads = f"cat {tree.TOP}/hello.txt {tree.TOP}/dir/file; sha256sum <{tree.TOP}/big.bin; ls {tree.TOP}/dir"
    first = inside.do(reads)
    assert first.startswith("hello, world\nthis is file\n")
    for number in range(2):
        shutil.rmtree(run.cache)
        assert inside.do(reads) == first
        assert inside.do(f"cat {tree.TOP}/make/part{number}.in") == f"part {number}\n[0]\n", "fetched into a new cache"
    assert inside.do(f"cd {tree.TOP}/dir && cat sub/leaf && {tree.TOP}/bin/report-own-loader 0 | head -1").endswith(
        "[0]\n"
    )
    shutil.rmtree(run.cache)
    assert inside.do("cat file; cat ../src/main.c | head -1").endswith("[0]\n")


def test_an_open_file_survives_the_cache(inside: Steps, run: Parrot) -> None:
    inside.do(f"exec 5<{tree.TOP}/big.bin 6<{tree.TOP}/dir")
    shutil.rmtree(run.cache)
    told = inside.do("sha256sum <&5; stat -L -c '%s %F' /proc/self/fd/5; readlink /proc/self/fd/6; ls /proc/self/fd/6/")
    assert f"3000001 regular file\n{tree.TOP}/dir\nfile\none\nsub\ntwo\n" in told


def test_another_run_that_ends_takes_nothing_away(inside: Steps, run: Parrot) -> None:
    before = inside.do(f"cd {tree.TOP}/dir && cat file && pwd")
    for _ in range(2):
        run.run(["cat", f"{tree.TOP}/dir/file"]).expect()
    assert inside.do("cat file && pwd") == before
    assert inside.do("ls sub && cat ../hello.txt").startswith("deeper\nleaf\nhello, world\n")


def test_a_new_revision_is_for_new_runs(home: Path, parrot: MakeParrot) -> None:
    source = home / "source"
    source.mkdir()
    (source / "file").write_text("first\n")
    keys = open_keys(home / "keys", NAME)
    publish(source, home / "web", keys)
    subprocess.run(["chmod", "-R", "a+rX", str(home / "web"), str(keys.public_key_file)], check=True)
    with sites.made_site(home / "web", {NAME: keys.public_key_file}) as site:
        run = parrot([repository(NAME, site.url(NAME), keys.public_key_file)], name="run")
        shell = steps(run)
        inside = next(shell)
        assert inside.do(f"cat /cvmfs/{NAME}/file") == "first\n[0]\n"
        (source / "file").write_text("second\n")
        (source / "new").write_text("new\n")
        publish(source, home / "web", keys)
        subprocess.run(["chmod", "-R", "a+rX", str(home / "web")], check=True)
        assert run.run(["cat", f"/cvmfs/{NAME}/file", f"/cvmfs/{NAME}/new"]).expect().stdout == b"second\nnew\n"
        assert inside.do(f"ls /cvmfs/{NAME}; cat /cvmfs/{NAME}/file") == "file\nfirst\n[0]\n", (
            "a session is one revision"
        )
        assert next(shell, None) is None


def test_one_cache_many_runs_at_once(twin: Site, parrot: MakeParrot) -> None:
    """Runs with one tempdir start, read and end side by side; every one of them sees whole files only."""
    script = f"cd {tree.TOP} && cat sizes/* names/* many/f00* | sha256sum && find . -name '*.txt' | sort | sha256sum"
    answers = set()
    for number in range(4):  # what goes wrong here goes wrong by chance
        run = parrot([twin.entry(tree.NAME)], name=f"cold-{number}")
        many = [run.start(["/bin/sh", "-c", script], stdout=-1, stderr=-1) for _ in range(6)]
        answers |= {each.communicate(timeout=120) for each in many}
        assert [each.returncode for each in many] == [0] * 6
    assert len(answers) == 1, answers


def test_the_tracer_does_not_grow_with_time(run: Parrot) -> None:
    script = (
        "import os, sys\nfor i in range({}):\n"
        " os.stat(sys.argv[1] + '/hello.txt'); os.close(os.open(sys.argv[1] + '/dir', 0))"
    )
    sizes = []
    for rounds in (2000, 20000):
        run.log_file.unlink(missing_ok=True)
        run.run(["python3", "-c", script.format(rounds), tree.TOP], options=["--stats"], timeout=120).expect()
        sizes.append(run.stats()["rss_max_kib"])
    assert sizes[1] - sizes[0] < 2048, f"{sizes} KiB for ten times the calls"


def test_the_address_space_of_the_job_does_not_grow(run: Parrot) -> None:
    code = (
        "import mmap, os\n"
        "def size(): return int(open('/proc/self/statm').read().split()[0]) * 4096\n"
        "fd = os.open(__import__('sys').argv[1], os.O_RDONLY)\n"
        "mmap.mmap(fd, 4096, prot=mmap.PROT_READ).close(); before = size()\n"
        "for _ in range(5000): mmap.mmap(fd, 4096, prot=mmap.PROT_READ).close(); os.stat('/cvmfs')\n"
        "print(size() - before)"
    )
    assert int(run.run(["python3", "-c", code, f"{tree.TOP}/big.bin"]).expect().stdout) <= 1 << 20
    native = "int(open('/proc/self/statm').read().split()[0])"
    told = run.run(["python3", "-c", f"print({native})"]).expect()
    plain = subprocess.run(
        ["python3", "-c", f"print({native})"],
        capture_output=True,
        check=True,
        env={"PATH": "/usr/bin"},
        **places.as_job(),
    )
    assert (int(told.stdout) - int(plain.stdout)) * 4 <= 1024, "at most 1 MiB more than natively"

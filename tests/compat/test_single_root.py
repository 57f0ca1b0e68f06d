"""The real single file on a node without Python: Debian's smallest, and one with busybox alone.

Root, debootstrap, and a registry for it are needed; ``bin/test --compat -k single`` runs these tests.
"""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from parrot_py.drivers.cvmfs.publish.keys import open_keys
from parrot_py.drivers.cvmfs.publish.publication import publish
from tests.support import minimal_root, places, programs
from tests.support.minimal_root import EXEC, NOEXEC, Answer, Request

pytestmark = [pytest.mark.compat, pytest.mark.serial, pytest.mark.timeout(1800)]

FQRN = "sw.parrot.test"
TOP = f"/cvmfs/{FQRN}"
MIRROR = "http://deb.debian.org/debian"
COPIES = 16
FIRST, SECOND = 2.0, 0.3
"""Seconds: a first start, and what a second one may take more than the wheel's own."""


@dataclass
class Node:
    """A root, and what all of its jobs find in /shared: the files ``parrot`` and ``seeded``."""

    root: Path
    shared: Path
    web: Path

    def run(self, script: str, *, served: bool = True, **more: object) -> Answer:
        """Run *script* there; see :class:`Request`."""
        web = str(self.web) if served else ""
        return minimal_root.run(Request(str(self.root), str(self.shared), script, web, **more))  # type: ignore[arg-type]


def makedist(file: Path, *options: str | Path) -> Path:
    """Make a single file."""
    command = [str(places.CHECKOUT / "bin" / "makedist"), "-o", str(file), *map(str, options)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return file


def published(place: Path) -> Path:
    """A repository below *place*/web, and a configuration like /etc/cvmfs that knows it."""
    source = place / "source"
    (source / "bin").mkdir(parents=True)
    (source / "hello").write_text("hello, world\n")
    (source / "bin" / "script").write_text('#!/bin/sh\necho "script $*"\nexit 3\n')
    (source / "bin" / "script").chmod(0o755)
    programs.compile_c(programs.SOURCES / "report.c", source / "bin" / "report", "-static")
    keys = open_keys(place / "keys", FQRN)
    publish(source, place / "web" / "cvmfs", keys)
    etc = place / "etc"
    for name in ("keys", "config.d", "domain.d"):
        (etc / name).mkdir(parents=True)
    shutil.copy(keys.public_key_file, etc / "keys" / "parrot.test.pub")
    (etc / "default.local").write_text(f"CVMFS_REPOSITORIES={FQRN}\nCVMFS_HTTP_PROXY=DIRECT\n. /etc/cvmfs/server.sh\n")
    (etc / "server.sh").write_text(f"SERVER=http://127.0.0.1:{minimal_root.PORT}\n")
    (etc / "domain.d" / "parrot.test.conf").write_text("CVMFS_KEYS_DIR=/etc/cvmfs/keys\n")
    (etc / "config.d" / f"{FQRN}.conf").write_text(
        ". /etc/cvmfs/server.sh\nCVMFS_SERVER_URL=$SERVER/cvmfs/@fqrn@\n"
    )
    subprocess.run(["chmod", "-R", "a+rX", str(place)], check=True)
    return etc


def filled_cache(place: Path, etc: Path, web: Path) -> Path:
    """The cache of a run that read everything."""
    key = etc / "keys" / "parrot.test.pub"
    entry = f"{FQRN}:url=file://{web}/cvmfs/{FQRN},pubkey={key}"
    job = ["sh", "-c", f"cat {TOP}/hello; {TOP}/bin/script; cat {TOP}/bin/report; ls -lR {TOP}"]
    command = [*places.launcher(), "-t", str(place), "-r", entry, *job]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd="/", **places.as_job())
    return place / "cvmfs"


@pytest.fixture(scope="module")
def work() -> Iterator[Path]:
    if not places.is_root():
        pytest.skip("only root can make a root directory and its mounts")
    if not shutil.which("unshare"):
        pytest.skip("unshare is not installed")
    place = places.fresh(places.base() / "work" / "single")
    place.chmod(0o755)
    yield place
    places.remove(place)


@pytest.fixture(scope="module")
def made(work: Path) -> Path:
    """Where the single files are, and the repository."""
    etc = published(work)
    (work / "shared").mkdir()
    (work / "shared").chmod(0o1777)
    makedist(work / "shared" / "parrot", "--config", etc)
    cache = filled_cache(places.fresh(work / "t"), etc, work / "web")
    makedist(work / "shared" / "seeded", "--config", etc, "--seed-cache", cache)
    return work


@pytest.fixture(scope="module")
def debian(made: Path) -> Node:
    """Debian's smallest system."""
    if not shutil.which("debootstrap"):
        pytest.skip("debootstrap is not installed")
    root = made / "debian"
    command = ["debootstrap", "--variant=minbase", "bookworm", str(root), MIRROR]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"debootstrap could not be done: {done.stdout[-300:]}")
    minimal_root.make_places(root)
    assert not any(root.glob("usr/bin/python*"))
    return Node(root, made / "shared", made / "web")


@pytest.fixture(scope="module")
def busybox(made: Path) -> Node:
    """No C library, and no user has a name."""
    if not os.path.exists("/bin/busybox"):
        pytest.skip("busybox is not installed")
    return Node(minimal_root.busybox_root(made / "busybox"), made / "shared", made / "web")


@pytest.fixture(params=["debian", "busybox"])
def node(request: pytest.FixtureRequest) -> Node:
    found: Node = request.getfixturevalue(request.param)
    return found


def top_level(answer: Answer) -> set[str]:
    """The first three parts of what is in the temporary directories."""
    return {"/".join(path.split("/")[:4]) for path in answer.tree if path.count("/") >= 3}


def test_a_job_runs_and_leaves_its_cache(node: Node) -> None:
    script = f"""
        /shared/parrot cat {TOP}/hello
        /shared/parrot {TOP}/bin/script one two; echo $?
        /shared/parrot {TOP}/bin/report >/dev/null; echo $?
        /shared/parrot sh -c 'kill -9 $$'; echo $?
        /shared/parrot sh -c 'exit 7'; echo $?
        /shared/parrot /nothing 2>/dev/null; echo $?
    """
    answer = node.run(script)
    assert (answer.stdout, answer.stderr.replace("Killed\n", "")) == (
        "hello, world\nscript one two\n3\n0\n137\n7\n127\n",
        "",
    )
    assert answer.processes == []
    place = f"var/tmp/parrot.{places.NOBODY}"
    # A log is there when there was something to say.
    assert top_level(answer) - {f"{place}/parrot.log"} == {f"{place}/{name}" for name in ("cvmfs", "dist", "s")}
    assert not [path for path in answer.tree if path.startswith((f"{place}/s/", "tmp/", "dev/"))]


def test_the_job_has_the_environment_of_the_caller(node: Node) -> None:
    answer = node.run("/shared/parrot env", environment={"PATH": "/bin", "A": "b", "LD_LIBRARY_PATH": "/none"})
    entries = set(answer.stdout.splitlines()) - {"PWD=/", "SHLVL=1", "_=/shared/parrot", "OLDPWD=/", "SHLVL=0"}
    assert entries == {"PATH=/bin", "A=b", "LD_LIBRARY_PATH=/none", "PARROT_ENABLED=TRUE"}, answer
    assert answer.stderr == ""


def test_other_commands(node: Node) -> None:
    script = f"""
        ln -s /shared/parrot /var/tmp/parrot_cvmfs
        /var/tmp/parrot_cvmfs cat {TOP}/hello
        /shared/parrot --as parrot_cvmfs ls {TOP}
        /shared/parrot -t /var/tmp/other --dynamic-mounts sh -c '
            /shared/parrot --as parrot_mount /there {TOP}/hello && cat /there'
        /shared/parrot -d syscall -o /var/tmp/log cat {TOP}/hello
        grep -q openat /var/tmp/log && echo logged
        ls /var/tmp
    """
    answer = node.run(script)
    assert answer.stderr == ""
    assert answer.stdout == "hello, world\nbin\nhello\nhello, world\nhello, world\nlogged\n" + (
        f"log\nother\nparrot.{places.NOBODY}\nparrot_cvmfs\n"
    )


def test_a_warm_cache_needs_no_network(node: Node) -> None:
    script = f"/shared/seeded cat {TOP}/hello; /shared/seeded {TOP}/bin/script; echo $?; /shared/seeded ls {TOP}"
    answer = node.run(script, served=False)
    assert (answer.stdout, answer.stderr) == ("hello, world\nscript \n3\nbin\nhello\n", "")
    assert node.run(f"/shared/parrot cat {TOP}/hello", served=False).status == 1


def test_a_node_where_nothing_may_be_started(node: Node) -> None:
    temporary = {"tmp": NOEXEC, "var/tmp": NOEXEC, "dev/shm": NOEXEC}
    answer = node.run("/shared/parrot true", temporary=temporary)
    assert (answer.status, answer.stdout) == (125, "")
    assert answer.stderr.startswith("parrot_run: no place for the unpacked program: ")
    assert "/tmp/parrot.65534/dist: mounted noexec; /var/tmp/parrot.65534/dist: mounted noexec" in answer.stderr
    assert answer.tree == []


def test_many_at_once_on_a_shared_directory(node: Node) -> None:
    script = f"""
        for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16; do
            PARROT_TEMP_DIR=/shared/many /shared/parrot cat {TOP}/hello &
        done
        wait
        ls /shared/many/s
    """
    answer = node.run(script)
    assert (answer.stdout, answer.stderr) == ("hello, world\n" * COPIES, "")
    assert len(list((node.shared / "many" / "dist").iterdir())) == 2  # the tree and the lock
    assert not [path for path in answer.tree if "parrot" in path]
    places.remove(node.shared / "many")


def test_some_are_killed_in_the_middle(node: Node) -> None:
    """Half of the copies are killed as soon as one has begun to unpack; the others do their work."""
    script = """
        export PARROT_TEMP_DIR=/shared/killed
        for i in 1 2 3 4 5 6 7 8; do /shared/parrot true & victims="$victims $!"; done
        for i in 1 2 3 4 5 6 7 8; do (/shared/parrot true && echo good) & good="$good $!"; done
        until ls /shared/killed/dist/unfinished.*/tree /shared/killed/dist/??????????* >/dev/null 2>&1; do :; done
        kill -9 $victims
        wait $good
        /shared/parrot true
        echo $?
    """
    answer = node.run(script)
    assert answer.stdout == "good\n" * 8 + "0\n", answer
    names = {path.name for path in (node.shared / "killed" / "dist").iterdir()}
    assert len(names) == 2
    assert "lock" in names
    places.remove(node.shared / "killed")


def test_a_tempdir_that_only_may_be_executed(node: Node) -> None:
    """/tmp noexec is passed over, and so is /var/tmp where it is; /dev/shm is the last of the usual ones."""
    temporary = {"tmp": NOEXEC, "var/tmp": NOEXEC, "dev/shm": EXEC}
    answer = node.run(f"/shared/parrot {TOP}/bin/script", temporary=temporary)
    assert (answer.status, answer.stdout) == (3, "script \n"), answer
    assert not [path for path in answer.tree if not path.startswith("dev/shm")]


def costs(command: list[str], env: dict[str, str]) -> tuple[float, float]:
    """Seconds by the clock, and of processors."""
    before, clock = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    subprocess.run(command, env=env, check=True, cwd="/", **places.as_job())
    clock, after = time.monotonic() - clock, resource.getrusage(resource.RUSAGE_CHILDREN)
    return clock, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def wheel_start(made: Path) -> str:
    """The parrot_run of the wheel, in a fresh environment outside of the checkout."""
    command = [str(places.CHECKOUT / "bin" / "makewheel"), "-o", str(made / "wheel")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"no wheel can be made here: {done.stderr[-300:]}")
    (wheel,) = (made / "wheel").glob("*.whl")
    assert "manylinux" in wheel.name
    venv = made / "venv"
    subprocess.run([sys.base_prefix + "/bin/python3", "-m", "venv", str(venv)], check=True)
    subprocess.run([venv / "bin" / "pip", "install", "-q", wheel], check=True, capture_output=True)
    subprocess.run(["chmod", "-R", "a+rX", str(venv)], check=True)
    return str(venv / "bin" / "parrot_run")


def test_wheel_and_single_file_side_by_side(made: Path) -> None:
    """The wheel runs the demonstration; a start of the file is measured beside it.

    What a start costs is asserted in time of processors, and by the clock only where nothing else is running.
    """
    wheel, file = wheel_start(made), str(made / "shared" / "parrot")
    base = {"PATH": "/usr/bin:/bin", "PARROT_TEMP_DIR": str(places.fresh(made / "time"))}
    demo = [wheel, "/cvmfs/demo.parrot.local/hello.sh"]
    told = subprocess.run(demo, env=base, capture_output=True, text=True, check=True, cwd="/", **places.as_job())
    assert told.stdout.startswith("Hello from /cvmfs/demo.parrot.local/hello.sh\n")
    dirs = [{**base, "PARROT_DIST_DIR": f"{made}/time/d{number}"} for number in range(5)]
    first = [costs([file, "true"], env) for env in dirs]
    again = [costs([file, "true"], base) for _ in range(9)][1:]
    own = [costs([wheel, "true"], base) for _ in range(9)][1:]
    busy = os.getloadavg()[0] > (os.cpu_count() or 1) / 2
    for column, what in ((0, "by the clock"), (1, "of processors")):
        start, second, usual = (min(row[column] for row in rows) for rows in (first, again, own))
        print(f"seconds {what}: first {start:.3f}, second {second:.3f}, wheel {usual:.3f}; busy: {busy}")
        if column or not busy:
            assert start < FIRST
            assert second < usual + SECOND

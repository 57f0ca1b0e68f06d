"""Starting: configuration mistakes, repositories nobody knows, servers that are away, the environment of the job."""

from __future__ import annotations

import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support import places, tree
from tests.support.hosts import assert_refused
from tests.support.httpd import Fault
from tests.support.parrot import Parrot, environment, repository
from tests.support.sites import Site

MakeParrot = Callable[..., Parrot]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--no-such-option"], ["--no-such-option"]),
        (["-r", "x.parrot.test:url=http://h/x,pubkey=/no/such/key"], ["x.parrot.test", "/no/such/key"]),
        (["-r", "x.parrot.test:url=ftp://h/x,pubkey=/dev/null"], ["ftp://h/x"]),
        (["-r", "x.parrot.test:nonsense=1,url=http://h/x"], ["nonsense"]),
        (["-T", "soon"], ["soon"]),
        (["-M", "nothing"], ["nothing"]),
        (["-o", "/no/such/directory/log"], ["/no/such/directory/log"]),
        (["-t", "/proc/nowhere"], ["/proc/nowhere"]),
        (["-w", "/no/such/directory"], ["/no/such/directory"]),
        (["-d", "nonsense"], ["nonsense"]),
    ],
)
def test_a_mistake_starts_nothing(parrot: MakeParrot, home: Path, options: list[str], words: list[str]) -> None:
    assert_refused(parrot().run(["touch", "started"], options=options), *words, status=1)
    assert not (home / "started").exists()


def test_mistakes_in_the_environment(parrot: MakeParrot, home: Path) -> None:
    env = environment(home, {"PARROT_CVMFS_REPO": "x.parrot.test:url=gopher://h,pubkey=/dev/null"})
    assert_refused(parrot().run(["/bin/true"], env=env), "PARROT_CVMFS_REPO", "gopher://h", status=1)


def test_no_command_is_a_mistake(parrot: MakeParrot) -> None:
    told = parrot().run([])
    assert told.status == 1
    assert b"parrot_run" in told.stdout + told.stderr


def test_version_and_help(parrot: MakeParrot) -> None:
    run = parrot()
    assert b"0." in run.run([], options=["--version"]).expect(0).stdout
    assert b"--cvmfs-repos" in run.run([], options=["--help"]).stdout


def test_repositories_by_environment(twin: Site, parrot: MakeParrot, home: Path) -> None:
    env = environment(home, {"PARROT_CVMFS_REPO": twin.entry(tree.NAME)})
    assert parrot().run(["cat", f"{tree.TOP}/hello.txt"], env=env).expect().stdout == b"hello, world\n"


def test_the_environment_is_the_callers_plus_one(parrot: MakeParrot, home: Path) -> None:
    odd = {
        "HTTP_PROXY": "http://proxy.example.org:3128",
        "LD_LIBRARY_PATH": "/none",
        "EMPTY": "",
        "PYTHONPATH": "/none",
    }
    env = environment(home, odd)
    told = parrot().run(["/usr/bin/env", "-0"], env=env).expect()
    wanted = {**env, "PARROT_ENABLED": "TRUE"}
    assert sorted(told.stdout.decode().rstrip("\0").split("\0")) == sorted(f"{k}={v}" for k, v in wanted.items())


def test_limits_groups_and_mask_are_the_callers(parrot: MakeParrot) -> None:
    status = "grep -E 'Sig(Ign|Blk)|CapEff|CapPrm' /proc/self/status"
    script = f"ulimit -a; umask; id; cat /proc/self/oom_score_adj; nice; {status}"
    run = parrot()
    plain = subprocess.run(
        ["/bin/bash", "-c", script], env=environment(run.home), cwd=run.home, capture_output=True,
        stdin=subprocess.DEVNULL, start_new_session=True, check=True, **places.as_job(),
    )  # fmt: skip
    assert run.run(["/bin/bash", "-c", script]).expect().stdout == plain.stdout


def test_an_unconfigured_repository_is_not_there(twin: Site, parrot: MakeParrot) -> None:
    run = parrot([twin.entry(tree.NAME)])
    told = run.run(["cat", "/cvmfs/other.parrot.test/x"])
    assert told.stderr == b"cat: /cvmfs/other.parrot.test/x: No such file or directory\n"
    assert run.run(["ls", "/cvmfs"]).expect().stdout.split() == [b"demo.parrot.local", tree.NAME.encode()]


def test_no_repository_at_all(parrot: MakeParrot) -> None:
    told = parrot().run(["ls", "/cvmfs/demo.parrot.local"], options=["-r", ""])
    assert (told.status, b"No such file or directory" in told.stderr) == (2, True)


def test_the_demo_needs_no_network(parrot: MakeParrot) -> None:
    run = parrot()
    assert b"README.md" in run.run(["ls", "-l", "/cvmfs/demo.parrot.local"]).expect().stdout
    assert run.run(["/bin/sh", "-c", "cd /cvmfs/demo.parrot.local && sha256sum --quiet -c SHA256SUMS"]).expect()


def test_a_server_that_is_away(parrot: MakeParrot) -> None:
    with socket.socket() as silent:  # bound, so that it is nobody else's, but not listening: connections are refused
        silent.bind(("127.0.0.1", 0))
        port = silent.getsockname()[1]
        key = tree.twin_tree().key
        run = parrot([repository(tree.NAME, f"http://127.0.0.1:{port}/x", key, timeout_direct="1")], ["-T", "3"])
        began = time.monotonic()
        told = run.run(["cat", f"{tree.TOP}/hello.txt"], timeout=100)
    assert told.stderr == f"cat: {tree.TOP}/hello.txt: Input/output error\n".encode()
    assert time.monotonic() - began < 40
    log = told.log.decode()
    assert tree.NAME in log
    assert f"127.0.0.1:{port}" in log
    assert "Traceback" not in log


def test_a_server_that_never_answers(twin: Site, parrot: MakeParrot) -> None:
    twin.server.fault("*", Fault(delay=200))
    run = parrot([twin.entry(tree.NAME, timeout="1", timeout_direct="1")], ["-T", "3"])
    began = time.monotonic()
    told = run.run(["stat", f"{tree.TOP}/hello.txt"], timeout=100)
    assert b"Input/output error" in told.stderr
    assert time.monotonic() - began < 60


def test_a_server_that_comes_back(twin: Site, parrot: MakeParrot) -> None:
    """The job that waits long enough gets its file: failure is not remembered for ever."""
    twin.server.fault("*", Fault(status=503, body=b"later"))
    run = parrot([twin.entry(tree.NAME, timeout="1", timeout_direct="1")], ["-T", "2"])
    script = f"cat {tree.TOP}/hello.txt; echo $?; until cat {tree.TOP}/hello.txt; do sleep 0.2; done 2>/dev/null"
    with run.running(["/bin/sh", "-c", script], stdout=-1, stderr=-1) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"1\n"
        twin.server.heal()
        out, err = process.communicate(timeout=60)
    assert out == b"hello, world\n"
    assert err == f"cat: {tree.TOP}/hello.txt: Input/output error\n".encode()


def test_the_second_server_is_asked(twin: Site, parrot: MakeParrot) -> None:
    url = f"http://127.0.0.1:9/none;{twin.url(tree.NAME)}"
    run = parrot([repository(tree.NAME, url, tree.twin_tree().key)])
    assert run.run(["cat", f"{tree.TOP}/hello.txt"]).expect().stdout == b"hello, world\n"


def test_file_urls(parrot: MakeParrot) -> None:
    published = tree.twin_tree()
    run = parrot([repository(tree.NAME, f"file://{published.web}/{tree.NAME}", published.key)])
    assert run.run(["cat", f"{tree.TOP}/hello.txt"]).expect().stdout == b"hello, world\n"


def test_a_proxy_is_used(twin: Site, parrot: MakeParrot) -> None:
    entry = twin.entry(tree.NAME).replace("proxies=DIRECT", f"proxies={twin.server.url}")
    entry = entry.replace(twin.url(tree.NAME), f"http://stratum.invalid/cvmfs/{tree.NAME}")
    assert parrot([entry]).run(["cat", f"{tree.TOP}/hello.txt"]).expect().stdout == b"hello, world\n"
    assert any(target.startswith("http://stratum.invalid/") for target in twin.server.targets)


def test_the_mount_option(twin: Site, parrot: MakeParrot, home: Path) -> None:
    run = parrot([twin.entry(tree.NAME)], ["-M", f"/opt/soft={tree.TOP}", "-M", f"{tree.TOP}/emptydir={home}"])
    run.run(["/bin/sh", "-c", "echo mine >local"]).expect()
    script = f"cat /opt/soft/hello.txt && cd /opt/soft/dir && cat file && cat {tree.TOP}/emptydir/local"
    assert run.run(["/bin/sh", "-c", script]).expect().stdout == b"hello, world\nthis is file\nmine\n"


def test_the_log_is_silent_when_all_is_well(twin: Site, parrot: MakeParrot) -> None:
    told = parrot([twin.entry(tree.NAME)]).run(["cat", f"{tree.TOP}/hello.txt"]).expect()
    assert told.log == b""


def test_debug_flags_explain(twin: Site, parrot: MakeParrot) -> None:
    told = parrot([twin.entry(tree.NAME)]).run(["cat", f"{tree.TOP}/hello.txt"], options=["-d", "all"]).expect()
    assert b"cvmfs:" in told.log
    assert tree.NAME.encode() in told.log
    told = parrot([twin.entry(tree.NAME)], name="calls").run(
        ["cat", f"{tree.TOP}/hello.txt"], options=["-d", "syscall"]
    )
    assert b"hello.txt" in told.expect().log


HEAVY = {
    "_ssl", "argparse", "asyncio", "concurrent.futures", "cryptography", "ctypes", "dataclasses", "email", "inspect",
    "json", "requests", "rich", "select", "selectors", "shutil", "socket", "sqlite3", "ssl", "subprocess", "tempfile",
    "urllib.request", "urllib3", "parrot_py.control.channel", "parrot_py.control.commands", "parrot_py.drivers.cvmfs",
    "parrot_py.drivers.memory", "parrot_py.names", "parrot_py.progress", "parrot_py.telling", "parrot_py.tools",
}  # fmt: skip


def test_a_job_that_needs_nothing_of_ours_imports_little(parrot: MakeParrot, home: Path) -> None:
    """What a start costs is mostly imports; docs/performance.md has the time."""
    python, *rest = parrot().command(["true"])
    command = [python, "-X", "importtime", *rest]
    done = subprocess.run(command, env=environment(home), cwd=home, capture_output=True, timeout=60, **places.as_job())
    assert done.returncode == 0, done
    names = {line.rpartition("|")[2].strip() for line in done.stderr.decode().splitlines() if "import time:" in line}
    assert {"parrot_py.run", "parrot_py.engine.core"} <= names
    assert not HEAVY & names

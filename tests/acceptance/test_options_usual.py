"""What each option of ``parrot_run`` that is about the run itself does to a real job, and who wins over whom."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.acceptance.test_companions import companion
from tests.support import places, tree
from tests.support.httpd import Server
from tests.support.options import shows
from tests.support.outcome import Outcome
from tests.support.parrot import environment
from tests.support.sites import Site

DEMO = "/cvmfs/demo.parrot.local"
README = f"{DEMO}/README.md"
HELLO = f"{tree.TOP}/hello.txt"


class Bare:
    """``parrot_run`` with nothing but the words that are given."""

    def __init__(self, home: Path) -> None:
        self.home = home

    def __call__(self, *words: str, env: Mapping[str, str] | None = None) -> Outcome:
        variables = environment(self.home, {"PARROT_TEMP_DIR": str(self.home / "temp"), **(env or {})})
        done = subprocess.run(
            [*places.launcher(), *words], env=variables, cwd=self.home, capture_output=True, timeout=120,
            stdin=subprocess.DEVNULL, check=False, **places.as_job(),
        )  # fmt: skip
        return Outcome(done.returncode, done.stdout, done.stderr, b"")


@pytest.fixture
def bare(home: Path) -> Bare:
    return Bare(home)


def fails(told: Outcome, *words: str) -> None:
    assert told.status == 1, told
    assert all(word.encode() in told.stderr for word in words), told


@shows("cvmfs-repos")
def test_repositories(bare: Bare, twin: Site) -> None:
    entry = twin.entry(tree.NAME)
    variable = {"PARROT_CVMFS_REPO": entry}
    bare("cat", HELLO, env=variable).expect()
    bare("-r", entry, "cat", HELLO).expect()
    fails(bare("cat", HELLO), HELLO)
    fails(bare("-r", "", "cat", HELLO, env=variable), HELLO)  # the option wins
    bare("--cvmfs-repos", entry, "cat", HELLO, env={"PARROT_CVMFS_REPO": ""}).expect()


@shows("proxy")
def test_proxies(bare: Bare, twin: Site) -> None:
    entry = f"{tree.NAME}:url={twin.url(tree.NAME)},pubkey={twin.keys[tree.NAME]}"
    dead = {"HTTP_PROXY": "http://127.0.0.1:1"}
    fails(bare("-r", entry, "cat", HELLO, env=dead), "Input/output error")
    bare("-r", entry, "-p", "DIRECT", "cat", HELLO, env=dead).expect()
    nowhere = f"{tree.NAME}:url=http://no.such.host.invalid/cvmfs/{tree.NAME},pubkey={twin.keys[tree.NAME]}"
    bare("-r", nowhere, "-t", "other", "--proxy", f"{twin.server.url};DIRECT", "cat", HELLO, env=dead).expect()
    told = bare("-p", "DIRECT", "printenv", "HTTP_PROXY", env=dead)
    assert told.stdout == b"http://127.0.0.1:1\n"  # the job's own environment is as it was


@shows("tempdir", "cvmfs-alien-cache")
def test_where_caches_are(bare: Bare, home: Path) -> None:
    def objects(place: Path) -> int:
        return sum(path.is_file() and len(path.parent.name) == 2 for path in place.rglob("*"))

    bare("cat", README).expect()
    assert objects(home / "temp") > 0
    bare("-t", "one", "cat", README).expect()
    assert objects(home / "one" / "cvmfs") > 0
    assert (home / "one").stat().st_mode & 0o777 == (0o755 if os.geteuid() == 0 and not places.as_job() else 0o700)
    bare("-t", "two", "--cvmfs-alien-cache", str(home / "shared"), "cat", README).expect()
    assert objects(home / "shared") > 0
    assert not (home / "two" / "cvmfs").exists() or not objects(home / "two" / "cvmfs")
    variable = {"PARROT_CVMFS_ALIEN_CACHE": str(home / "third")}
    bare("cat", README, env=variable).expect()
    assert objects(home / "third") > 0


@shows("timeout")
def test_patience(bare: Bare) -> None:
    def told(*words: str, env: Mapping[str, str] | None = None) -> str:
        lines = bare(*words, "--print-config", env=env).expect().text().splitlines()
        [line] = [line for line in lines if line.startswith("PARROT_TIMEOUT=")]
        return line.partition("=")[2].split()[0]

    assert told() == "60"
    assert told("-T", "5m") == told("--timeout=300s") == "300"
    assert told("-T2h", env={"PARROT_TIMEOUT": "1d"}) == "7200"
    assert told(env={"PARROT_TIMEOUT": "1d"}) == "86400"


def test_patience_ends(bare: Bare, twin: Site) -> None:
    from threading import Event

    from tests.support.httpd import Fault

    held = Event()
    twin.server.fault("*/.cvmfspublished", Fault(hold=held))
    try:
        fails(bare("-T", "2", "-r", twin.entry(tree.NAME), "cat", HELLO), "Input/output error")
    finally:
        held.set()


@shows("mount", "tab-file", "dynamic-mounts")
def test_mounts_accumulate(bare: Bare, home: Path) -> None:
    for name in ("a", "b", "c"):
        (home / name).write_text(f"{name}\n")
        (home / name).chmod(0o644)
    (home / "table").write_text(f"# a comment\n/given {home}/a\n/other {home}/a\n")
    (home / "table").chmod(0o644)
    script = "cat /given /other"
    told = bare("-m", "table", "-M", f"/other={home}/b", "sh", "-c", script)
    assert told.expect().stdout == b"a\nb\n"  # a later one counts more
    assert bare("-M", f"/other={home}/b", "--ftab-file", "table", "sh", "-c", script).expect().stdout == b"a\na\n"
    variables = {"PARROT_MOUNT_FILE": str(home / "table"), "PARROT_MOUNT_STRING": f"/other={home}/c"}
    assert bare("sh", "-c", script, env=variables).expect().stdout == b"a\nc\n"
    assert bare("-M", f"/given={home}/b", "sh", "-c", script, env=variables).expect().stdout == b"b\nc\n"
    mount = companion("main", "mount")
    take_away = ["sh", "-c", '"$@" --unmount /given; test ! -e /given', "sh", *mount]
    assert bare("-M", f"/given={home}/a", *take_away).status == 1
    bare("--dynamic-mounts", "-M", f"/given={home}/a", *take_away).expect()


@shows("work-dir")
def test_where_the_job_starts(bare: Bare, home: Path) -> None:
    places.fresh(home / "work")
    assert bare("-w", "work", "pwd").expect().stdout == f"{home}/work\n".encode()
    assert bare("--work-dir", f"{DEMO}/links", "sh", "-c", "pwd; cat readme").expect().stdout.startswith(
        f"{DEMO}/links\n".encode()
    )
    assert bare("-M", f"/named={home}/work", "-w", "/named", "pwd").expect().stdout == b"/named\n"
    assert bare("-w", DEMO, "./hello.sh").expect().stdout.startswith(b"Hello from ./hello.sh")
    told = bare("-w", "/no/such", "-c", "status", "touch", "started")
    assert told.stderr == b"parrot_run: -w: cannot enter '/no/such': No such file or directory [PP115]\n"
    assert (told.status, (home / "status").read_text()) == (1, "noexec\n0\n")
    bare("-w", f"{DEMO}/data", "-e", "env", "true").expect()
    assert (home / "env").read_bytes().endswith(f"\0PWD={DEMO}/data\n".encode())


@shows("debug", "debug-file", "debug-rotate-max")
def test_the_log(bare: Bare, home: Path) -> None:
    assert b" process: " not in bare("-o", ":stderr", "cat", README).stderr
    told = bare("-d", "process", "cat", README)
    assert b" process: " in told.stderr
    assert b" syscall: " not in told.stderr
    variable = {"PARROT_DEBUG_FLAGS": "process syscall"}
    assert b" syscall: " in bare("cat", README, env=variable).stderr
    told = bare("-d", "cache", "-o", ":stdout", "cat", README, env=variable)  # -d clears what the variable says
    assert b" syscall: " not in told.stdout
    bare("-d", "all", "-o", "log", "-O", "512", "cat", README).expect()
    assert 0 < (home / "log").stat().st_size <= 512
    assert 0 < (home / "log.old").stat().st_size <= 512
    bare("-d", "all", "-o", "whole", "-O", "1G", "cat", README).expect()
    assert (home / "whole").stat().st_size > 512
    assert not (home / "whole.old").exists()


@shows("cvmfs-option", "cvmfs-option-file", "cvmfs-config")
def test_parameters(bare: Bare, home: Path, twin: Site) -> None:
    entry = f"{tree.NAME}:url={twin.url(tree.NAME)},pubkey={twin.keys[tree.NAME]}"
    wrong = "CVMFS_HTTP_PROXY=http://127.0.0.1:1"
    (home / "options").write_text(f"{wrong}\n")
    (home / "options").chmod(0o644)
    variable = {"PARROT_CVMFS_OPTION_FILE": str(home / "options")}
    bare("-r", entry, "-t", "right", "cat", HELLO).expect()
    for number, (words, more) in enumerate(
        ((["--cvmfs-option", wrong], {}), (["--cvmfs-option-file", "options"], {}), ([], variable))
    ):
        told = bare("-r", entry, "-t", f"wrong{number}", *words, "cat", HELLO, env=more)
        fails(told, "Input/output error")
    bare("-r", entry, "-t", "again", "--cvmfs-option", "CVMFS_HTTP_PROXY=DIRECT", "cat", HELLO, env=variable).expect()
    for place, words, more in (
        ("legacy", ["--cvmfs-config", f"cache_directory={home}/legacy"], {}),
        ("variable", [], {"PARROT_CVMFS_CONFIG": f"cache_directory={home}/variable"}),
    ):
        bare(*words, "cat", README, env=more).expect()
        assert any(path.is_file() for path in (home / place).rglob("*"))


@shows("link-environment")
def test_links_that_depend_on_who_looks(bare: Bare) -> None:
    script = f"DEMO_FLAVOUR=fancy cat {DEMO}/links/flavour/label"
    first = bare("sh", "-c", script).expect()
    assert bare("--link-environment", "sh", "-c", script).expect().stdout != first.stdout
    assert bare("sh", "-c", script, env={"PARROT_LINK_ENVIRONMENT": "job"}).expect().stdout != first.stdout


@shows("disable-service")
def test_services_can_be_left_out(bare: Bare, home: Path) -> None:
    (home / "web").mkdir()
    (home / "web" / "page").write_text("page\n")
    with Server({"/web": home / "web"}) as server:
        path = f"/http/{server.url.partition('://')[2]}/web/page"
        assert bare("cat", path).expect().stdout == b"page\n"
        fails(bare("--disable-service", "http", "cat", path), "No such file")
        assert bare("--disable-service", "grow", "cat", path).expect().stdout == b"page\n"


@shows("no-seccomp", "stats", "syscall-table", "stats-file")
def test_counters(bare: Bare, home: Path) -> None:
    def others(*words: str) -> int:
        told = bare("-o", ":stderr", "--stats", *words, "cat", README).stderr.decode()
        [line] = [line for line in told.splitlines() if "stats: other " in line]
        return int(line.split()[-1])

    assert others() == 0
    assert others("--no-seccomp") > 10
    told = bare("-W", "cat", README).expect().text()
    assert "openat" in told
    assert "total" in told
    bare("--stats-file", "counters", "cat", README).expect()
    assert (home / "counters").read_text().startswith("{")


@shows("name-list")
def test_names(bare: Bare, home: Path) -> None:
    bare("-n", "names", "cat", README).expect()
    names = [line.partition("|")[0] for line in (home / "names").read_text().splitlines()]
    assert README in names
    fails(bare("-n", "names", "touch", "started"), "names")
    assert not (home / "started").exists()


@shows("status-file", "env-list", "old-exit-status")
def test_what_is_left_for_the_caller(bare: Bare, home: Path) -> None:
    assert bare("-c", "status", "-e", "env", "sh", "-c", "kill -9 $$").status == -9
    assert (home / "status").read_text() == "abnormal\n9\n"
    assert b"PARROT_ENABLED=TRUE\0" in (home / "env").read_bytes()
    assert bare("--old-exit-status", "sh", "-c", "kill -9 $$").status == 1


@shows("print-config", "doctor", "is-running", "check-driver", "version", "help", "help-all")
def test_what_starts_nothing(bare: Bare) -> None:
    assert "PARROT_TIMEOUT=60 " in bare("--print-config", "touch", "x").text() or bare("--print-config").status == 0
    assert b"a job" in bare("--doctor").stdout
    for driver, status in (("cvmfs", 0), ("http", 0), ("grow", 0), ("local", 0), ("chirp", 1), ("irods", 1)):
        word = "" if status == 0 else "not "
        bare("--check-driver", driver).expect(status, f"{driver} is {word}enabled\n".encode())
    version = bare("-v").expect().stdout
    bare("--is-running").expect(1, b"")
    bare(*places.launcher(), "--is-running").expect(0, version)
    brief, whole = bare("-h").expect().text(), bare("--help-all").expect().text()
    assert len(brief.splitlines()) <= 24 < len(whole.splitlines())
    assert bare().status == bare("-t", "x").status == 1
    assert not (bare.home / "x").exists()


def test_options_end_where_the_command_begins(bare: Bare) -> None:
    assert bare("echo", "-d", "all").expect().stdout == b"-d all\n"
    assert bare("--", "echo", "--", "-t").expect().stdout == b"-- -t\n"
    assert bare("--time-s", "-Usix", "true").stderr.startswith(b"parrot_run: -U: not the number of a user: 'six'")
    assert bare("--time-", "true").stderr.startswith(b"parrot_run: option --time- not a unique prefix")
    assert bare("--hostn=x", "-W", "-U", "3", "sh", "-c", "uname -n; id -u").expect().text().startswith("x\n3\n")

"""What a job is told of itself and of the machine when options ask for it, in each ABI, with and without seccomp."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support import places, tree
from tests.support.options import shows
from tests.support.parrot import Parrot, environment
from tests.support.programs import I386, cannot_run, program
from tests.support.sites import Site

MakeParrot = Callable[..., Parrot]
Ask = Callable[..., list[str]]
DEMO = "/cvmfs/demo.parrot.local"
BEGIN = 978_307_200


@pytest.fixture(params=["x86_64", "i386", "no-seccomp"])
def ask(request: pytest.FixtureRequest, parrot: MakeParrot) -> Ask:
    """What the program tests/programs/guise.c is told under parrot_run with some options."""
    flags = {"i386": I386}.get(request.param, ())
    if reason := cannot_run(*flags):
        pytest.skip(reason)
    run = parrot(options=["--no-seccomp"] if request.param == "no-seccomp" else [])

    def asked(options: list[str], *questions: str, env: dict[str, str] | None = None) -> list[str]:
        told = run.run([str(program("guise", *flags)), *questions], options=options, env=environment(run.home, env))
        return told.expect().text().splitlines()

    return asked


@shows("uid", "gid")
def test_user_and_group(ask: Ask) -> None:
    uid, gid = places.job_uid(), places.job_uid() if places.is_root() else os.getegid()
    assert ask(["-U", "5"], "ids")[0] == f"ids 5 5 {gid} {gid}: 5 5 5, {gid} {gid} {gid}"
    assert ask(["--gid", "7"], "ids")[0] == f"ids {uid} {uid} 7 7: {uid} {uid} {uid}, 7 7 7"
    env = {"PARROT_UID": "3", "PARROT_GID": "4"}
    assert ask([], "ids", env=env) == ["ids 3 3 4 4: 3 3 3, 4 4 4", "auxv 3 3 4 4"]
    assert ask(["-U8", "-G", "9"], "ids", env=env) == ["ids 8 8 9 9: 8 8 8, 9 9 9", "auxv 8 8 9 9"]


@shows("hostname")
def test_host_name(ask: Ask, parrot: MakeParrot) -> None:
    for options, env in ((["-N", "some.host"], {}), ([], {"PARROT_HOST_NAME": "some.host"})):
        told = ask(options, "name", env=env)
        assert told[0] == "name some.host some.host, Linux"
        assert told[1:] in ([], ["old names some.host", "oldest names some.hos"])
    file = parrot(options=["-N", "some.host"]).run(["cat", "/proc/sys/kernel/hostname"])
    assert file.expect().stdout == b"some.host\n"
    assert ask(["-N", "n" * 64], "name")[0] == f"name {'n' * 64} {'n' * 64}, Linux"


@shows("time-stop", "time-warp")
def test_clocks(ask: Ask) -> None:
    stopped = f"clock {BEGIN} {BEGIN}.000000 {BEGIN}.000000000 {BEGIN}.000000000 1"
    assert ask(["--time-stop"], "clock", "clock") == [stopped, "sleeps 0"] * 2
    warped = [f"clock {BEGIN} {BEGIN}.010000 {BEGIN}.020000000 {BEGIN}.030000000 1", "sleeps 0"]
    assert ask(["--time-warp"], "clock") == warped
    assert ask(["--time-stop", "--time-warp"], "clock") == warped  # the last one counts
    told = ask(["--time-warp", "--time-stop"], "clock")
    assert told == [stopped, "sleeps 0"]
    [clock, _] = ask([], "clock")
    assert int(clock.split()[1]) > BEGIN + 86400 * 365 * 20


@shows("pid-fixed", "pid-warp")
def test_process_numbers(ask: Ask) -> None:
    assert ask(["--pid-fixed"], "pids") == ["pids 0 12345 12345"]
    told = ask(["--pid-warp"], "pids", "pids")
    numbers = [int(number) for line in told for number in line.split()[2:]]
    assert numbers == sorted(set(numbers))
    assert 12345 < numbers[0] < numbers[-1] < 12345 + 20
    assert ask([], "pids")[0].startswith("pids 1 ")


@shows("sync-write")
def test_synchronous_writes(ask: Ask) -> None:
    plain = ["opens 0 1 0", "opens 1 2 0", "opens 2 1 0", "opens 3 1 0", "opens 4 0 0", "opens 5 1 0", "missing 1"]
    synced = [line[:-1] + "1" if line.startswith("opens") and line[6] != "4" else line for line in plain]
    assert ask([], "opens")[:7] == plain
    assert ask(["-Y"], "opens")[:7] == synced
    assert ask([], "opens", env={"PARROT_FORCE_SYNC": "1"})[:7] == synced
    assert ask([], "opens", env={"PARROT_FORCE_SYNC": "0"})[:7] == plain


@shows("block-size")
def test_block_size(ask: Ask) -> None:
    def told(size: int) -> list[str]:
        return [f"block{what} {size}" for what in ("", " of link", " of statx", " by fd")]

    ours, native = ("block", f"{DEMO}/README.md"), ("block", "/etc/passwd")
    assert ask(["-b", "1M"], *ours, *ours, *native) == told(1 << 20) * 3
    assert ask(["-B64K"], *ours) == told(65536)
    assert ask([], *ours, *native, env={"PARROT_BLOCK_SIZE": "8192"}) == told(8192) * 2
    assert ask([], *ours) == told(4096)


@shows("no-flock")
def test_no_locks(ask: Ask, home: Path) -> None:
    lock = home / "lock"
    lock.touch()
    lock.chmod(0o644)
    with lock.open("rb") as held:
        subprocess.run(["flock", "--exclusive", str(held.fileno())], pass_fds=[held.fileno()], check=True)
        assert ask([], "flock", str(lock)) == ["flock -1"]
        assert ask(["--no-flock"], "flock", str(lock)) == ["flock 0"]


def test_static_programs_see_the_same(parrot: MakeParrot) -> None:
    questions = ["ids", "name", "pids", "clock"]
    options = ["-U", "5", "-G", "6", "-N", "host", "--pid-fixed", "--time-stop"]
    told = parrot(options=options).run([str(program("guise", "-static")), *questions]).expect().text().splitlines()
    assert told[:4] == ["ids 5 5 6 6: 5 5 5, 6 6 6", "auxv 5 5 6 6", "name host host, Linux", "pids 0 12345 12345"]
    assert told[4] == f"clock {BEGIN} {BEGIN}.000000 {BEGIN}.000000000 {BEGIN}.000000000 1"


def test_who_asks_for_nothing_pays_nothing(parrot: MakeParrot) -> None:
    command = [str(program("guise")), "ids", "name", "clock", "pids", "opens", "flock", "/etc/passwd"]
    plain, asking = (parrot(options=options, name=name) for options, name in (([], "a"), (["-U5", "--pid-warp"], "b")))
    [before, after] = [run.run(command, options=["-W"]).expect().text() for run in (plain, asking)]
    calls = {"getuid", "getresuid", "uname", "clock_gettime", "getpid", "flock"}
    assert not calls & {line.split()[-1] for line in before.splitlines() if line.split()[0].isdigit()}
    assert {"getuid", "getresuid", "getpid"} <= {line.split()[-1] for line in after.splitlines()}


def test_private_calls_are_enosys_without_a_word(parrot: MakeParrot) -> None:
    for flags in ((), I386):
        if reason := cannot_run(*flags):
            pytest.skip(reason)
        run = parrot(options=["-d", "all"], name=f"private{len(flags)}")
        told = run.run([str(program("guise", *flags)), "private"]).expect(stdout=b"private 15\n")
        assert b"10" not in told.log or not any(f"({number}" in told.log.decode() for number in range(1000, 1015))


# -- set*id: the kernel is the oracle

KINDS = {"x86_64": (), "i386": I386, "16 bits": (*I386, "-DNARROW")}


@shows("fake-setuid")
@pytest.mark.parametrize("flags", KINDS.values(), ids=KINDS.keys())
@pytest.mark.parametrize("seed", ["1", "2"])
def test_changed_users_are_as_for_root(parrot: MakeParrot, flags: tuple[str, ...], seed: str) -> None:
    if reason := cannot_run(*flags):
        pytest.skip(reason)
    if os.geteuid() != 0:
        pytest.skip("what root may do is found out by root")
    command = [str(program("setids", *flags)), seed, "30"]
    native = subprocess.run(command, capture_output=True, check=True, timeout=60)
    told = parrot(options=["-U", "0", "-G", "0", "--fake-setuid"]).run(command).expect()
    assert told.stdout.splitlines() == native.stdout.splitlines()
    assert told.stdout.count(b"\n") > 500


def test_without_tracking_only_what_changes_nothing_succeeds(parrot: MakeParrot) -> None:
    script = """
import os
def tell(change, *ids):
    try:
        change(*ids)
        print("done")
    except OSError as error:
        print(error.strerror)
for change, ids in ((os.setuid, [5]), (os.setresuid, [5, -1, 5]), (os.setgid, [6]), (os.setuid, [7]), (os.setegid, [0]),
                    (os.setgroups, [[]])):
    tell(change, *ids)
print(os.getresuid(), os.getresgid())
"""
    told = parrot(options=["-U", "5", "-G", "6"]).run([sys.executable, "-S", "-c", script]).expect()
    no = "Operation not permitted"
    assert told.text().splitlines() == ["done", "done", "done", no, no, no, "(5, 5, 5) (6, 6, 6)"]


def test_threads_and_programs_inherit_who_they_are(parrot: MakeParrot) -> None:
    script = """
import os, subprocess, threading
os.setgid(8); os.setuid(9)
print(subprocess.run(["id", "-u"], capture_output=True, text=True).stdout.strip())
seen = []
thread = threading.Thread(target=lambda: seen.append((os.getuid(), os.getgid())))
thread.start(); thread.join()
print(seen)
for n in range(60):
    if os.fork() == 0:
        os._exit(0 if os.getuid() == 9 else 1)
print({os.wait()[1] for n in range(60)})
"""
    told = parrot(options=["-U", "0", "-G", "0", "--fake-setuid"]).run([sys.executable, "-S", "-c", script])
    assert told.expect().text().splitlines() == ["9", "[(9, 8)]", "{0}"]


# -- programs

CLOCK = """
import threading, time
time.sleep(0.05)
condition = threading.Condition()
with condition:
    print(condition.wait(0.05))
done = threading.Event()
threading.Timer(0.05, done.set).start()
print(done.wait(30), int(time.time()) // 100, time.strftime("%Y", time.gmtime()))
"""


@pytest.mark.parametrize("option", ["--time-stop", "--time-warp"])
def test_waits_last_as_long_as_they_should(parrot: MakeParrot, option: str) -> None:
    told = parrot(options=[option]).run([sys.executable, "-S", "-c", CLOCK]).expect()
    assert told.text().splitlines() == ["False", f"True {BEGIN // 100} 2001"]
    assert parrot(options=[option]).run(["date", "-u", "+%F"]).expect().text() == "2001-01-01\n"


@shows("ld-path")
def test_the_loader_of_all_programs(parrot: MakeParrot, home: Path) -> None:
    own = _loader_of(sys.executable)
    chosen = home / "chosen-ld.so"
    shutil.copyfile(own, chosen)
    chosen.chmod(0o755)
    run = parrot()
    script = "cat /proc/self/maps; exec sh -c 'cat /proc/self/comm; readlink /proc/self/exe'"
    for options, env in ((["-l", str(chosen)], {}), ([], {"PARROT_LDSO_PATH": str(chosen)})):
        told = run.run(["/bin/sh", "-c", script], options=options, env=environment(home, env)).expect().text()
        assert "/chosen-ld.so\n" in told
        assert f"{own}\n" not in told
        assert told.splitlines()[-2] == "cat"
        assert told.splitlines()[-1].endswith("/readlink") or told.splitlines()[-1].endswith("/coreutils")
    assert "/chosen-ld.so" not in run.run(["/bin/sh", "-c", script]).expect().text()
    missing = run.run(["true"], options=["-l", "/no/such/ld.so"])
    assert (missing.status, b"'/no/such/ld.so'" in missing.stderr) == (127, True)
    if not cannot_run(*I386):
        other = run.run([str(program("guise", *I386)), "private"], options=["-l", str(chosen)])
        other.expect(stdout=b"private 15\n")  # a program for another kind of machine has its own loader


def _loader_of(path: str) -> str:
    from parrot_py import elf

    found = elf.interpreter(os.path.realpath(path))
    assert found is not None
    return os.path.realpath(os.fsdecode(found))


@shows("no-follow-symlinks")
def test_links_do_not_lead_out_of_their_service(parrot: MakeParrot, home: Path) -> None:
    (home / "in").symlink_to(DEMO)
    run = parrot()
    inside = f"{DEMO}/links"
    script = f"cat {home}/in/README.md >/dev/null && echo in; cd {inside} && for n in *; do [ -e $n ] && echo $n; done"
    free = run.run(["/bin/sh", "-c", script]).expect().text().splitlines()
    assert free[0] == "in"
    for options, env in ((["-f"], {}), ([], {"PARROT_FOLLOW_SYMLINKS": "0"})):
        told = run.run(["/bin/sh", "-c", script], options=options, env=environment(home, env))
        assert b"No such file" in told.stderr
        assert 0 < len(told.text().splitlines()) < len(free) - 1
    env = environment(home, {"PARROT_FOLLOW_SYMLINKS": "1"})
    assert run.run(["/bin/sh", "-c", script], env=env).expect().text().splitlines() == free


def test_a_loader_in_a_repository(parrot: MakeParrot, twin: Site) -> None:
    loader = f"{tree.TOP}/lib/{os.path.basename(_loader_of(sys.executable))}"
    run = parrot([twin.entry(tree.NAME)], ["-l", loader])
    told = run.run(["/bin/sh", "-c", "cat /proc/self/maps; readlink /proc/self/exe; echo done"]).expect().text()
    assert f" {loader}\n" in told
    assert f"{run.cache}/" not in told  # which is where the kernel has it from
    assert told.endswith("done\n")

"""Waiting is visible: parrot_cvmfs status, SIGUSR1, the line on a terminal, and the same figures in all reports."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support import places, tree
from tests.support.httpd import Fault
from tests.support.parrot import Parrot, environment
from tests.support.processes import eventually
from tests.support.sites import Site
from tests.support.terminal import Terminal

MakeParrot = Callable[..., Parrot]
FILE = f"{tree.TOP}/hello.txt"
CONTENT = "hello, world"
LINE = rf"parrot_run: \d+ s: {FILE}, cat\[\d+\], 0 B from 127.0.0.1:\d+"


class Slow:
    """A run whose server holds back content until :meth:`release`; its catalogs are there already."""

    def __init__(self, run: Parrot, site: Site) -> None:
        self.run, self.site = run, site
        self._held = threading.Event()
        run.run(["ls", tree.TOP]).expect()
        site.server.fault("*/data/*", Fault(hold=self._held))

    def release(self) -> None:
        self._held.set()


@pytest.fixture
def slow(twin: Site, parrot: MakeParrot) -> Iterator[Slow]:
    made = Slow(parrot([twin.entry(tree.NAME)], ["--cvmfs-option", "CVMFS_TIMEOUT_DIRECT=60"]), twin)
    yield made
    made.release()


def status(run: Parrot, *options: str, **user: Any) -> str:
    """What ``parrot_cvmfs status`` prints for the job's user."""
    python = places.launcher()[:-1]
    command = [*python, "parrot_py.tools.main", "status", "-t", str(run.home / "other"), *options]
    env = {**environment(run.home), "PYTHONPATH": os.getcwd()}
    done = subprocess.run(
        command, env=env, cwd=run.home, capture_output=True, timeout=60, check=True, **(user or places.as_job())
    )
    return str(done.stdout.decode())


def instances(run: Parrot, **user: Any) -> list[dict[str, Any]]:
    """The instances that work in the tempdir of *run*: other tests have theirs."""
    found = json.loads(status(run, "--json", **user))["instances"]
    return [one for one in found if one["session"].startswith(f"{run.tempdir}/")]


def answer(run: Parrot) -> dict[str, Any]:
    """What the one instance of *run* answers; on a machine at its limits not each time within a second."""
    while True:
        (one,) = instances(run)
        if one["answers"]:
            return one


def waits(run: Parrot) -> list[dict[str, Any]]:
    return [wait for one in instances(run) if one["answers"] for wait in one["waiting"]]


def test_status_tells_who_waits_for_what_from_where(slow: Slow) -> None:
    with slow.run.running(["cat", FILE], stdout=subprocess.PIPE) as process:
        eventually(lambda: any(wait["transfers"] for wait in waits(slow.run)), 60, "a transfer")
        one = answer(slow.run)
        (wait,) = one["waiting"]
        (waiter,) = wait["waiters"]
        (transfer,) = wait["transfers"]
        assert (one["pid"], one["job"]) == (process.pid, ["cat", FILE])
        assert one["parked"]["now"] == 1
        assert Path(f"/proc/{waiter['pid']}/comm").read_text() == f"{waiter['name']}\n" == "cat\n"
        assert (wait["does"], wait["path"]) == ("fetches", FILE)
        assert transfer["object"] == "object " + slow.site.server.requests[-1].partition(f"{tree.NAME}/")[2]
        assert (transfer["host"], transfer["proxy"], transfer["bytes"]) == (slow.site.url(tree.NAME), "", 0)
        assert wait["seconds"] >= transfer["seconds"] > 0
        eventually(lambda: f"pid {waiter['pid']} cat waits" in status(slow.run), 60, "the same as text")
        slow.release()
        assert process.communicate(timeout=60)[0].decode() == f"{CONTENT}\n"
    assert instances(slow.run) == []


def test_two_who_wait_for_one_object(slow: Slow) -> None:
    with slow.run.running(["sh", "-c", f"cat {FILE} & cat {FILE} & wait"], stdout=subprocess.PIPE) as process:
        eventually(lambda: sum(len(wait["waiters"]) for wait in waits(slow.run)) == 2, 60, "two who wait")
        (wait,) = answer(slow.run)["waiting"]
        assert len({waiter["pid"] for waiter in wait["waiters"]}) == 2
        slow.release()
        assert process.communicate(timeout=60)[0].decode() == 2 * f"{CONTENT}\n"


def test_who_was_called_away_waits_no_longer(slow: Slow) -> None:
    script = f"trap 'echo called >&2' USR2; cat {FILE} & wait; kill $!; sleep 1000"
    with slow.run.running(["sh", "-c", script], stderr=subprocess.PIPE) as process:
        eventually(lambda: len(waits(slow.run)) == 1, 60, "one who waits")
        process.send_signal(signal.SIGUSR2)
        eventually(lambda: not answer(slow.run)["waiting"], 60, "nobody who waits")
        assert answer(slow.run)["parked"]["count"] >= 1


def test_a_stopped_instance_does_not_answer_and_a_killed_one_is_gone(slow: Slow) -> None:
    with slow.run.running(["sleep", "1000"]) as process:
        eventually(lambda: [one["answers"] for one in instances(slow.run)] == [True], 60, "an answer")
        process.send_signal(signal.SIGSTOP)
        (one,) = instances(slow.run)
        assert (one["pid"], one["answers"]) == (process.pid, False)
        assert f"parrot_run {process.pid}: does not answer" in status(slow.run)
        process.send_signal(signal.SIGCONT)
        eventually(lambda: [one["answers"] for one in instances(slow.run)] == [True], 60, "an answer")
        process.kill()
        process.wait(60)
        assert instances(slow.run) == []
        assert any((slow.run.tempdir / "s").iterdir()), "what it left is no instance"


def test_inside_of_the_job(slow: Slow) -> None:
    python = places.launcher()[:-1]
    told = slow.run.run([*python, "parrot_py.tools.main", "status", "--json"]).expect()
    assert str(slow.run.tempdir) in "".join(one["session"] for one in json.loads(told.stdout)["instances"])
    own = [one for one in json.loads(told.stdout)["instances"] if str(slow.run.tempdir) in one["session"]]
    assert [one["answers"] for one in own] == [True], "whoever is asked by the job is not stopped"


@pytest.mark.skipif(not places.is_root(), reason="needs two users")
def test_runs_of_others_are_not_asked(slow: Slow) -> None:
    with slow.run.running(["sleep", "1000"]) as process:
        eventually(lambda: [one["pid"] for one in instances(slow.run)] == [process.pid], 60, "an answer")
        assert instances(slow.run, user=0) == []


def test_outsiders_may_only_look(slow: Slow) -> None:
    code = (
        "import json, socket, sys; s = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1])\n"
        "s.sendall(json.dumps({'version': 1, 'command': 'disable'}).encode() + b'\\n'); print(s.recv(65536).decode())"
    )
    with slow.run.running(["sleep", "1000"]):
        eventually(lambda: len(instances(slow.run)) == 1, 60, "an answer")
        (one,) = instances(slow.run)
        command = ["/usr/bin/python3", "-c", code, f"{one['session']}/control"]
        done = subprocess.run(command, cwd="/", capture_output=True, timeout=60, check=True, **places.as_job())
        assert json.loads(done.stdout)["errno"] == "EPERM"


def test_sigusr1_writes_the_same_into_the_log_and_leaves_the_job_alone(slow: Slow) -> None:
    script = f"trap 'echo disturbed' USR1; cat {FILE}; kill -0 $$ && echo alive"
    with slow.run.running(["sh", "-c", script], stdout=subprocess.PIPE) as process:
        eventually(lambda: any(wait["transfers"] for wait in waits(slow.run)), 60, "a transfer")
        (waiter,) = answer(slow.run)["waiting"][0]["waiters"]
        process.send_signal(signal.SIGUSR1)
        eventually(lambda: b" requests, " in slow.run.log(), 60, "a report")
        assert f"pid {waiter['pid']} cat waits ".encode() in slow.run.log()
        assert slow.site.url(tree.NAME).encode() in slow.run.log()
        slow.release()
        assert process.communicate(timeout=60)[0].decode() == f"{CONTENT}\nalive\n"
        assert process.returncode == 0


def test_sigusr1_of_the_job_to_its_group(parrot: MakeParrot) -> None:
    run = parrot()
    script = "trap 'echo own' USR1; kill -USR1 0; kill -USR1 $PPID; echo done"
    told = run.run(["sh", "-c", script]).expect()
    assert told.stdout == b"own\ndone\n", "once, as natively"
    assert run.log() == b"", "nobody outside has asked"


@pytest.mark.parametrize("ignored", [False, True])
def test_the_job_inherits_the_disposition(parrot: MakeParrot, ignored: bool) -> None:
    """Native: what the caller ignores is ignored, nothing else; and no signal is blocked."""
    look = ["grep", "-E", "^Sig(Ign|Blk)", "/proc/self/status"]
    before = "trap '' USR1 IO; " if ignored else ""
    run = parrot()

    def told(command: list[str | bytes]) -> bytes:
        argv = ["sh", "-c", f'{before}exec "$@"', "sh", *command]
        env = environment(run.home)
        done = subprocess.run(argv, env=env, cwd=run.home, capture_output=True, timeout=60, **places.as_job())
        return bytes(done.stdout)

    plain: list[str | bytes] = [*look]
    assert told(run.command(plain)).splitlines()[:1] == told(plain).splitlines()[:1]
    usr1 = 1 << (signal.SIGUSR1 - 1)
    native, ours = (int(text.splitlines()[1].split()[1], 16) for text in (told(plain), told(run.command(plain))))
    assert (native & usr1 != 0, ours & usr1 != 0) == (ignored, ignored)


def test_all_reports_have_the_same_figures(slow: Slow, home: Path) -> None:
    slow.release()
    script = ["sh", "-c", f"cat {FILE} {FILE} {tree.TOP}/dir/file"]
    slow.run.run(script, options=["--stats", "--stats-file", str(home / "s.json")]).expect()
    told = json.loads((home / "s.json").read_text())
    mount = told["drivers"][tree.TOP]
    assert (mount["cache.n_hits"], mount["cache.n_misses"]) == (0, 2)
    assert told["hit_rates"] == {tree.TOP: 0.0}
    (way,) = told["ways"]
    assert (way["mount"], way["host"], way["proxy"], way["failures"]) == (tree.TOP, slow.site.url(tree.NAME), "", 0)
    assert (way["requests"], way["bytes"]) == (mount["download.n_requests"], mount["download.sz_transferred_bytes"])
    parked = told["parked"]
    assert len(parked["microseconds"]) == 64
    assert parked["count"] == sum(parked["microseconds"]) >= 2
    assert parked["seconds"] > 0
    log = slow.run.log().decode()
    labels = f'{{mount="{tree.TOP}",host="{way["host"]}",proxy="DIRECT"}}'
    assert f"stats: way.bytes{labels} {way['bytes']}\n" in log
    assert f'stats: driver.cache.n_misses{{mount="{tree.TOP}"}} 2\n' in log
    assert f"stats: parked.count {parked['count']}\n" in log

    slow.run.run(script, options=["--stats-file", str(home / "s.prom")]).expect()
    lines = dict(line.rsplit(" ", 1) for line in (home / "s.prom").read_text().splitlines())
    assert lines[f'parrot_driver_cache_n_hits{{mount="{tree.TOP}"}}'] == "2", "two files; the second open is warm"
    assert float(lines[f'parrot_driver_cache_hit_rate{{mount="{tree.TOP}"}}']) == 1.0
    assert lines["# TYPE parrot_way_bytes"] == "counter"
    assert lines["# TYPE parrot_parked_time_seconds"] == "histogram"
    assert lines['parrot_parked_time_seconds_bucket{le="+Inf"}'] == lines["parrot_parked_time_seconds_count"]


def terminal(slow: Slow, *command: str, **variables: str) -> Terminal:
    env = environment(slow.run.home, {"TERM": "xterm", **variables})
    shown = Terminal(slow.run.command(command), env, slow.run.home, **places.as_job())
    shown.resize(24, 132)
    return shown


def test_a_line_on_the_terminal_that_is_erased(slow: Slow) -> None:
    with terminal(slow, "cat", FILE) as shown:
        before = shown.read_until(LINE, 60)
        assert before.startswith("\x1b7\x1b[?7l"), "nothing else was written"
        slow.release()
        rest = shown.rest(60)
        head, erased, tail = rest.rpartition("\x1b8\x1b[K")
        assert erased, rest
        assert tail == f"{CONTENT}\r\n", "erased before the job goes on"
        assert shown.wait() == 0
        assert CONTENT not in head


def _quiet(slow: Slow, script: str, **variables: str) -> str:
    """What a terminal shows of a shell's *script* that waits longer than the line needs to appear."""
    with terminal(slow, "sh", "-c", script, **variables) as shown:
        # What stands in the way of the line is not that nothing is waited for.
        eventually(lambda: any(wait["seconds"] > 5 for wait in waits(slow.run)), 60, "a long wait")
        slow.release()
        return shown.rest(60)


def test_no_line_while_a_program_owns_the_terminal(slow: Slow) -> None:
    assert _quiet(slow, f"stty -icanon; cat {FILE}") == f"{CONTENT}\r\n"


def test_no_line_while_passwords_are_typed(slow: Slow) -> None:
    assert _quiet(slow, f"stty -echo; cat {FILE}; stty echo") == f"{CONTENT}\r\n"


def test_no_line_while_another_group_is_in_the_foreground(slow: Slow) -> None:
    assert _quiet(slow, f"set -m; cat {FILE}") == f"{CONTENT}\r\n"


@pytest.mark.parametrize("kind", ["dumb", ""])
def test_no_line_on_a_terminal_that_cannot_do_it(slow: Slow, kind: str) -> None:
    assert _quiet(slow, f"cat {FILE}", TERM=kind) == f"{CONTENT}\r\n"


def test_nothing_on_stderr_that_is_no_terminal(slow: Slow, home: Path) -> None:
    env = environment(slow.run.home, {"TERM": "xterm"})
    argv = ["sh", "-c", 'exec "$@" 2>stderr', "sh", *slow.run.command(["cat", FILE])]
    with Terminal(argv, env, slow.run.home, **places.as_job()) as shown:
        eventually(lambda: any(wait["seconds"] > 4 for wait in waits(slow.run)), 60, "a long wait")
        slow.release()
        assert shown.rest(60) == f"{CONTENT}\r\n"
    assert (home / "stderr").read_bytes() == b""

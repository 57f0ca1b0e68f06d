"""A slow server: downloads overlap, nobody waits for another's file, one object is fetched once."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from tests.support import tree
from tests.support.httpd import Fault
from tests.support.parrot import Parrot
from tests.support.sites import Site

MakeParrot = Callable[..., Parrot]
DELAY = 0.3
FILES = [f"names/{name}" for name in ("#hash", "@", "a=b", "~", "-dash", "...", "..x", "%41")]

pytestmark = pytest.mark.serial


@pytest.fixture
def slow(twin: Site, parrot: MakeParrot) -> Parrot:
    """All metadata is there already; every file still takes DELAY to come."""
    run = parrot([twin.entry(tree.NAME)])
    run.run(["ls", "-lR", f"{tree.TOP}/names", f"{tree.TOP}/links"]).expect()
    twin.server.fault("*/data/*", Fault(delay=DELAY))
    return run


def test_eight_cold_files_take_one_delay(slow: Parrot, twin: Site) -> None:
    before = twin.server.count("*/data/*")
    # Each reader says when it was done, measured inside, so that the start of parrot_run does not count.
    readers = " ".join(f"(cat '{tree.TOP}/{name}' >/dev/null; date +%s.%N) &" for name in FILES)
    told = slow.run(["/bin/bash", "-c", f"date +%s.%N; {readers} wait"]).expect()
    began, *ends = sorted(float(line) for line in told.stdout.split())
    assert len(ends) == len(FILES)
    assert twin.server.count("*/data/*") - before == len(FILES)
    assert ends[0] - began >= DELAY
    assert ends[-1] - began < 3 * DELAY, "in turn they would take eight delays"


def test_a_local_process_is_not_delayed(slow: Parrot) -> None:
    readers = " ".join(f"cat '{tree.TOP}/{name}' >/dev/null &" for name in FILES)
    local = "s=$(date +%s%N); for i in 1 2 3 4 5; do cat /etc/passwd >/dev/null; done; e=$(date +%s%N); echo $((e-s))"
    told = slow.run(["/bin/bash", "-c", f"{readers} {local}; wait"]).expect()
    assert int(told.stdout) / 1e9 < DELAY, "five local processes come and go within the first download"


def test_many_readers_of_one_file_fetch_it_once(slow: Parrot, twin: Site) -> None:
    before = twin.server.count("*/data/*")
    readers = " ".join(f"cat '{tree.TOP}/{FILES[0]}' &" for _ in range(12))
    told = slow.run(["/bin/bash", "-c", f"{readers} wait"]).expect()
    assert told.stdout == FILES[0][6:].encode() * 12
    assert twin.server.count("*/data/*") - before == 1


def test_two_runs_share_a_cache(slow: Parrot, twin: Site) -> None:
    before = twin.server.count("*/data/*")
    script = f"cat {tree.TOP}/names/[a-z#@~]*"
    both = [slow.start(["/bin/bash", "-c", script], stdout=-1, stderr=-1) for _ in range(2)]
    answers = [each.communicate(timeout=60) for each in both]
    assert [each.returncode for each in both] == [0, 0]
    assert answers[0] == answers[1]
    assert answers[0][1] == b""
    # Each object is fetched once or, where both began at the same moment, by both: never more.
    files = len(set(twin.server.requests[-twin.server.count("*/data/*") + before :]))
    assert twin.server.count("*/data/*") - before <= 2 * files
    twin.server.stop()
    assert slow.run(["/bin/bash", "-c", script]).expect().stdout == answers[0][0]


def test_threads_of_a_waiting_process_go_on(slow: Parrot) -> None:
    code = (
        "import sys, threading, time\n"
        "def read(name): open(name, 'rb').read()\n"
        "t = threading.Thread(target=read, args=(sys.argv[1],)); t.start()\n"
        "n, end = 0, time.monotonic() + 0.15\n"
        "while time.monotonic() < end: open('/etc/passwd').close(); n += 1\n"
        "print(n > 20 and t.is_alive()); t.join()"
    )
    told = slow.run(["python3", "-c", code, f"{tree.TOP}/{FILES[0]}"]).expect()
    assert told.stdout == b"True\n"


def test_a_signal_while_waiting_does_not_fail_the_open(slow: Parrot, twin: Site) -> None:
    twin.server.fault("*/data/*", Fault(delay=1.0))
    code = (
        "import signal, sys\n"
        "seen = []\n"
        "signal.signal(signal.SIGALRM, lambda *a: seen.append(1))\n"
        "signal.setitimer(signal.ITIMER_REAL, 0.2, 0.2)\n"
        "import os; fd = os.open(sys.argv[1], os.O_RDONLY); print(len(os.read(fd, 99)), bool(seen))"
    )
    told = slow.run(["python3", "-c", code, f"{tree.TOP}/{FILES[0]}"]).expect()
    assert told.stdout == b"5 True\n"


KILLED = """import os, signal, sys
signal.signal(signal.SIGINT, signal.SIG_DFL)  # bash ignores it in background jobs
open(sys.argv[1])
"""


@pytest.mark.parametrize(("name", "status"), [("TERM", b"143\n"), ("KILL", b"137\n"), ("INT", b"130\n")])
def test_a_waiting_process_can_be_killed(slow: Parrot, twin: Site, name: str, status: bytes) -> None:
    twin.server.fault("*/data/*", Fault(delay=100.0))
    script = '(python3 -c "$1" "$2" & sleep 1; kill -$0 $!; wait $!; echo $?) 2>/dev/null'
    began = time.monotonic()
    told = slow.run(["/bin/bash", "-c", script, name, KILLED, f"{tree.TOP}/{FILES[0]}"], timeout=90)
    assert told.expect().stdout == status
    # Neither the job nor parrot_run waits for the rest of a download that nobody wants any more.
    assert time.monotonic() - began < 60

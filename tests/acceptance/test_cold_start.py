"""A slow server: downloads overlap, nobody waits for another's file, one object is fetched once."""

from __future__ import annotations

import subprocess
import threading
import time
from collections.abc import Iterator

import pytest

from tests.support import tree
from tests.support.httpd import Fault, Server
from tests.support.parrot import Parrot
from tests.support.processes import eventually
from tests.support.sites import Site

DELAY = 0.3
FILES = [f"names/{name}" for name in ("#hash", "@", "a=b", "~", "-dash", "...", "..x", "%41")]

pytestmark = pytest.mark.serial


@pytest.fixture
def slow(twin: Site, run: Parrot) -> Parrot:
    """All metadata is there already; every file still takes DELAY to come."""
    run.run(["ls", "-lR", f"{tree.TOP}/names", f"{tree.TOP}/links"]).expect()
    twin.server.fault("*/data/*", Fault(delay=DELAY))
    return run


class Held:
    """A server that keeps files back: ``asked`` for how many it was, and ``release`` lets all of them come."""

    def __init__(self, server: Server) -> None:
        self._server, self._before = server, server.count("*/data/*")
        hold = threading.Event()
        server.fault("*/data/*", Fault(hold=hold))
        self.release = hold.set

    @property
    def asked(self) -> int:
        return self._server.count("*/data/*") - self._before


@pytest.fixture
def held(slow: Parrot, twin: Site) -> Iterator[Held]:  # noqa: ARG001 - the metadata is there by then
    held = Held(twin.server)
    yield held
    held.release()


def test_cold_files_come_at_the_same_time(slow: Parrot, held: Held) -> None:
    readers = " ".join(f"cat '{tree.TOP}/{name}' | wc -c &" for name in FILES)
    with slow.running(["/bin/bash", "-c", f"{readers} wait"], stdout=subprocess.PIPE) as process:
        eventually(lambda: held.asked == len(FILES), what="requests for all files, of which none was answered")
        held.release()
        said, _ = process.communicate(timeout=60)
    assert len(said.split()) == len(FILES)
    assert b"0" not in said.split()
    assert held.asked == len(FILES)


def test_a_local_process_is_not_delayed(slow: Parrot, held: Held) -> None:
    readers = " ".join(f"cat '{tree.TOP}/{name}' >/dev/null &" for name in FILES)
    local = "until [ -e go ]; do sleep 0.05; done; for i in 1 2 3 4 5; do cat /etc/passwd >/dev/null; done; touch done"
    with slow.running(["/bin/bash", "-c", f"{readers} {local}; wait"]) as process:
        eventually(lambda: held.asked == len(FILES), what="requests for all files, of which none was answered")
        (slow.home / "go").touch()
        eventually(lambda: (slow.home / "done").exists(), what="five local processes while all files are held back")
        held.release()
        assert process.wait(60) == 0


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


def test_threads_of_a_waiting_process_go_on(slow: Parrot, held: Held) -> None:
    code = (
        "import os, sys, threading, time\n"
        "def read(name): open(name, 'rb').read()\n"
        "t = threading.Thread(target=read, args=(sys.argv[1],)); t.start()\n"
        "while not os.path.exists('go'): time.sleep(0.05)\n"
        "for _ in range(20): open('/etc/passwd').close()\n"
        "open('done', 'w').close(); t.join()"
    )
    with slow.running(["python3", "-c", code, f"{tree.TOP}/{FILES[0]}"]) as process:
        eventually(lambda: held.asked == 1, what="the request of the thread")
        (slow.home / "go").touch()
        eventually(lambda: (slow.home / "done").exists(), what="the other thread while the file is held back")
        held.release()
        assert process.wait(60) == 0


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
    before = twin.server.count("*/data/*")
    script = (
        '(python3 -c "$1" "$2" & until [ -e go ]; do sleep 0.05; done; kill -$0 $!; wait $!; echo $?) 2>/dev/null'
    )
    command = ["/bin/bash", "-c", script, name, KILLED, f"{tree.TOP}/{FILES[0]}"]
    with slow.running(command, stdout=subprocess.PIPE) as process:
        eventually(lambda: twin.server.count("*/data/*") > before, what="the request for the file")
        (slow.home / "go").touch()
        began = time.monotonic()
        said, _ = process.communicate(timeout=90)
    assert (said, process.returncode) == (status, 0)
    # Neither the job nor parrot_run waits for the rest of a download that nobody wants any more.
    assert time.monotonic() - began < 60

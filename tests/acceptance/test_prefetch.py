"""``parrot_run --record-access`` and ``--prefetch``: what a run writes down, the next one need not wait for."""

from __future__ import annotations

import json
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support import tree
from tests.support.httpd import Fault
from tests.support.parrot import Parrot, environment
from tests.support.processes import eventually
from tests.support.sites import Site

MakeParrot = Callable[..., Parrot]
NAMES = [f"names/{name}" for name in ("#hash", "@", "a=b", "~", "...", "..x", "%41")]
FILES = [f"{tree.TOP}/{name}" for name in NAMES]


def lines_of(record: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in record.read_text().splitlines()]


def of_kind(lines: list[dict[str, Any]], kind: str) -> list[str]:
    return [line["path"] for line in lines if line["kind"] == kind]


def elsewhere(twin: Site, parrot: MakeParrot) -> Parrot:
    """A run with a cache of its own."""
    return parrot([twin.entry(tree.NAME)], name="elsewhere")


def recorded(run: Parrot, *argv: str) -> Path:
    """The record of a run of *argv*."""
    record = run.home / "record"
    run.run(argv, options=["--record-access", str(record)]).expect()
    return record


def test_a_record_has_what_was_touched_in_order_each_once(run: Parrot) -> None:
    lines = lines_of(recorded(run, "cat", FILES[2], FILES[0], FILES[2], FILES[1]))
    assert of_kind(lines, "file") == [FILES[2], FILES[0], FILES[1]]
    assert lines[0]["kind"] == "catalog"
    assert lines[0]["path"] == tree.TOP
    [first] = [line for line in lines if line["path"] == FILES[2]]
    assert first["size"] > 0
    assert len(first["hash"]) >= 40
    assert first["compression"] in ("zlib", "none")


def test_what_the_core_answers_by_itself_is_in_the_record_too(run: Parrot) -> None:
    """The warm table opens only what was opened before, so the first open of each file is seen even in a warm cache."""
    script = f"cd {tree.TOP}/names; ls -l >/dev/null; for i in 1 2 3; do cat '#hash' @ >/dev/null; stat -t '~'; done"
    recorded(run, "/bin/sh", "-c", script)
    lines = lines_of(recorded(run, "/bin/sh", "-c", script))
    assert of_kind(lines, "file") == [FILES[0], FILES[1]]
    assert f"{tree.TOP}/names" in of_kind(lines, "dir")


def test_a_run_that_is_killed_leaves_a_record(run: Parrot) -> None:
    record = run.home / "record"
    script = f"cat '{FILES[0]}'; echo; sleep 100"
    options = ["--record-access", str(record)]
    with run.running(["/bin/sh", "-c", script], options=options, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.send_signal(signal.SIGKILL)
        process.wait(60)
    assert of_kind(lines_of(Path(f"{record}.part")), "file") == [FILES[0]]
    assert not record.exists()


def test_what_a_record_lists_is_fetched_while_the_job_does_something_else(
    run: Parrot, twin: Site, parrot: MakeParrot
) -> None:
    record = recorded(run, "cat", *FILES)
    other = elsewhere(twin, parrot)
    asked = len(twin.server.requests)
    job = ["/bin/sh", "-c", f"read go; cat {' '.join(f'{chr(39)}{name}{chr(39)}' for name in FILES)}"]
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with other.running(job, options=["--prefetch", str(record)], **pipes) as process:
        wait_for_files(other, record, len(FILES))
        twin.server.stop()
        out, _ = process.communicate(b"go\n", timeout=60)
    assert out == b"".join(name[6:].encode() for name in NAMES)
    objects = [path for path in twin.server.requests[asked:] if "/data/" in path]
    assert process.returncode == 0
    assert len(set(objects)) == len(objects), "nothing is fetched twice"


def wait_for_files(parrot: Parrot, record: Path, count: int) -> None:
    """Until the first so many files of *record* are in the cache of *parrot*."""
    hashes = [line["hash"] for line in lines_of(record) if line["kind"] == "file"][:count]
    assert len(hashes) == count
    eventually(lambda: all(list(parrot.cache.glob(f"{hash_[:2]}/{hash_[2:]}*")) for hash_ in hashes))


def test_a_plain_list_in_the_environment(run: Parrot, twin: Site, parrot: MakeParrot) -> None:
    record = recorded(elsewhere(twin, parrot), "cat", *FILES)
    first, second = run.home / "first", run.home / "second"
    first.write_text("\n".join(FILES[:3]))
    second.write_text(f"# a comment\n{FILES[3]}\n/etc/passwd\n")
    env = environment(run.home, {"PARROT_PREFETCH": f"{first}:{second}"})
    with run.running(["sleep", "100"], env=env):
        wait_for_files(run, record, 4)
    before = twin.server.count("*/data/*")
    run.run(["cat", *FILES[:4]]).expect()
    assert twin.server.count("*/data/*") == before


def test_the_end_of_the_job_is_the_end_of_the_run(run: Parrot, twin: Site) -> None:
    record = recorded(run, "cat", *FILES)
    hold = threading.Event()
    subprocess.run(["rm", "-r", str(run.cache)], check=True)
    twin.server.fault("*/data/*", Fault(hold=hold))
    for suffix in ("C", "X"):
        twin.server.fault(f"*/data/*{suffix}", Fault())
    began = time.monotonic()
    before = twin.server.count("*/data/*")
    with run.running(["sh", "-c", "read go; exit 7"], options=["--prefetch", str(record)], stdin=-1) as process:
        eventually(lambda: twin.server.count("*/data/*") > before + 3)
        began = time.monotonic()
        process.communicate(b"go\n", timeout=60)
    assert process.returncode == 7
    assert time.monotonic() - began < 40, "the server holds every answer"
    hold.set()


def test_an_open_is_not_held_up_by_what_is_fetched_ahead(run: Parrot, twin: Site) -> None:
    record = recorded(run, "cat", *FILES)
    wanted = [line for line in lines_of(record) if line["kind"] == "file"]
    subprocess.run(["rm", "-r", str(run.cache)], check=True)
    hold = threading.Event()
    for line in wanted:
        twin.server.fault(f"*/{line['hash'][2:]}", Fault(hold=hold))
    other = f"{tree.TOP}/names/-dash"
    told = run.run(["cat", other], options=["--prefetch", str(record)])
    assert told.expect().stdout == b"-dash"
    hold.set()


@pytest.mark.parametrize("option", ["--prefetch", "--record-access"])
def test_a_file_that_cannot_be_used_is_told_before_anything_is_started(run: Parrot, option: str) -> None:
    told = run.run(["echo", "started"], options=[option, str(run.home / "missing" / "file")])
    assert told.status == 1
    assert told.stdout == b""
    assert told.stderr.startswith(f"parrot_run: {option}: cannot ".encode())
    assert told.stderr.count(b"\n") == 1


def test_a_list_of_what_is_not_configured_is_no_trouble(run: Parrot) -> None:
    wanted = run.home / "list"
    wanted.write_text("/cvmfs/other.example.org/a\n/cvmfs/.hidden/x\n")
    told = run.run(["cat", FILES[0]], options=["--prefetch", str(wanted)])
    assert told.expect().stdout == NAMES[0][6:].encode()
    assert told.stderr == b""

"""A new revision in the middle of a run: names are those of the new one, what is open stays, what is pinned stays."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

import pytest

from tests.drivers.cvmfs.forge import DIR, LINK, NAME, NESTED, NESTED_ROOT, Forge, Row
from tests.support import places, sites
from tests.support.parrot import Parrot
from tests.support.sites import Site

MakeParrot = Callable[..., Parrot]
MANY = 3000
AS = pytest.mark.parametrize("root", [False, pytest.param(True, marks=pytest.mark.skipif(
    not places.is_root(), reason="only root can start a job as root"))])  # fmt: skip


@pytest.fixture
def forge(home: Path) -> Forge:
    return Forge(home / "web" / NAME)


@pytest.fixture
def site(forge: Forge) -> Iterator[Site]:
    with sites.made_site(forge.directory.parent, {NAME: forge.key_file}) as site:
        yield site


def job(role: str) -> list[str]:
    """The command of the job; a copy, because the checkout may lie where a job can't read."""

    def copy(place: Path) -> None:
        place.write_bytes((places.CHECKOUT / "tests" / "support" / "update_job.py").read_bytes())
        place.chmod(0o644)

    python = sys.executable if places.launcher()[0] == sys.executable else "/usr/bin/python3"
    return [python, "-I", str(places.once("update_job.py", copy)), role, NAME]


def publish(forge: Forge, number: int) -> str:
    """Revision *number* of the repository of ``keep``; its root hash."""
    text = b"revision %d" % number
    rows = [forge.file(b"/file", text), Row(b"/dir", DIR), forge.file(b"/dir/old", b"x"), Row(b"/many", DIR)]
    rows += [Row(b"/many/%d" % n, DIR) for n in range(MANY if number == 1 else 5)]
    rows += [Row(b"/link", LINK, symlink=b"revision%d" % number)]
    if number == 1:
        rows += [Row(b"/gone", DIR), Row(b"/gone/inner", DIR)]
    else:
        rows += [forge.file(b"/new", b"x"), forge.file(b"/dir/new", b"x")]
    return str(forge.publish(rows, revision=number, properties={"TTL": "1", "revision": str(number)}))


def line(stream: IO[bytes] | None) -> bytes:
    assert stream is not None
    return stream.readline().strip()


def say(process: subprocess.Popen[bytes], text: str) -> None:
    assert process.stdin is not None
    process.stdin.write(text.encode() + b"\n")
    process.stdin.flush()


def answers(process: subprocess.Popen[bytes]) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(line(process.stdout))
    assert process.wait(60) == 0
    return told


PIPES: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}


@AS
@pytest.mark.parametrize("mode", ["seccomp", "no-seccomp"])
def test_what_is_open_stays_and_names_are_new(
    site: Site, forge: Forge, parrot: MakeParrot, root: bool, mode: str
) -> None:
    publish(forge, 1)
    run = parrot([site.entry(NAME)], ["--no-seccomp"] if mode == "no-seccomp" else [])
    with run.running(job("keep"), root=root, **PIPES) as process:
        assert line(process.stdout) == b"ready"
        publish(forge, 2)
        told = answers(process)
    assert told == {
        "kept": True,
        "old content": "revision 1",
        "old listing": ["old"],
        "old scan": MANY,
        "new content": "revision 2",
        "new listing": ["new", "old"],
        "top": ["dir", "file", "link", "many", "new"],
        "cwd": f"/cvmfs/{NAME}/dir",
        "new in cwd": "",
        "new at descriptor": "",
        "gone": "FileNotFoundError",
        "below gone": "FileNotFoundError",
        "link": "revision2",
        "other number": True,
        "again": True,
    }


def test_a_pinned_run_does_not_change(site: Site, forge: Forge, parrot: MakeParrot) -> None:
    run = parrot([site.entry(NAME, root_hash=publish(forge, 1))])
    with run.running(job("keep"), **PIPES) as process:
        assert line(process.stdout) == b"ready"
        asked = site.server.count("*")
        publish(forge, 2)
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(2.5)  # twice the TTL
        say(process, "go on")
        told = answers(process)
    assert site.server.count("*") == asked, "it did not even ask"
    assert (told["new content"], told["link"], told["gone"]) == ("revision 1", "revision1", "")
    assert (told["new in cwd"], told["other number"]) == ("FileNotFoundError", False)


def test_walks_during_a_change_see_the_old_or_the_new(site: Site, forge: Forge, parrot: MakeParrot) -> None:
    def publish(number: int) -> None:
        text = b"%d" % number
        names = [forge.file(b"/n/v%d/number" % number, text), forge.file(b"/n/v%d/other" % number, text)]
        below = [Row(b"/n", NESTED_ROOT), Row(b"/n/v%d" % number, DIR), *names]
        nested = forge.catalog(below, properties={"root_prefix": "/n"})
        rows = [Row(b"/n", NESTED), Row(b"/current", LINK, symlink=b"n/v%d" % number)]
        forge.publish(rows, revision=number, nested={"/n": nested}, properties={"TTL": "1"})

    publish(1)
    run = parrot([site.entry(NAME)])
    with run.running(job("walk"), **PIPES) as process:
        assert line(process.stdout) == b"ready"
        for number in range(2, 6):
            publish(number)
            say(process, str(number))
            assert line(process.stdout) == b"seen"
        assert process.stdin is not None
        process.stdin.close()
        assert line(process.stdout) == b"[0, 0, 0]"
        assert process.wait(60) == 0

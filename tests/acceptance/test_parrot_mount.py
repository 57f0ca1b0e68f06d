"""parrot_mount: mounting and unmounting in a running job."""

from __future__ import annotations

import json
import os
import socket
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support import places, tree
from tests.support.parrot import Parrot
from tests.support.sites import Site

MakeParrot = Callable[..., Parrot]

CLIENT = """
import json, socket, sys
def ask(*lines):
    s = socket.socket(socket.AF_UNIX)
    s.connect("/cvmfs/.parrot")
    s.sendall(b"".join(line.encode() + b"\\n" for line in lines))
    answers = s.makefile("rb")
    return [json.loads(answers.readline()) for _ in lines]
"""


@pytest.fixture
def command(home: Path) -> str:
    """``parrot_mount`` as the job's user can start it."""
    start = [word for word in places.launcher() if word not in ("-m", "parrot_py")]
    script = home / "parrot_mount"
    if start[-2] == "-c":
        start[-1] = start[-1].replace("parrot_py'", "parrot_py.control.mount'")
        words = " ".join(f"'{word}'" if "'" not in word else f'"{word}"' for word in [*start, "-m", "x"])
    else:
        words = " ".join([*start, "-m", "parrot_py.control.mount"])
    script.write_text(f'#!/bin/sh\nexec {words} "$@"\n')
    script.chmod(0o755)
    return str(script)


@pytest.fixture
def area(home: Path) -> Path:
    """Directories ``real`` (with a file) and ``point``."""
    for name in ("real", "point"):
        places.fresh(home / name)
    (home / "real" / "file").write_text("real\n")
    places.give(home / "real" / "file")
    return home


def test_mounting_and_unmounting(area: Path, command: str, parrot: MakeParrot) -> None:
    script = (
        f"set -e; cd {area}; cat point/file 2>/dev/null || echo none; {command} {area}/point real RWX; "
        f"cat point/file {area}/point/file;"
        f"cd point; pwd -P; echo more >>file; ls ..| grep -c real; cd ..; {command} point/file DENY; "
        f"cat point/file 2>/dev/null || echo denied;"
        f"{command} point rx; {command} point/ {area}/real rx; cat point/file; "
        f"echo x 2>/dev/null >point/new || echo readonly;"
        f"{command} --unmount point; {command} --unmount point/file; cat point/file; "
        f"{command} --unmount {area}/point; ls point | wc -l"
    )
    script = script.replace(f"{command} point rx; ", "")
    got = parrot().run(["/bin/bash", "-c", script])
    wanted = f"none\nreal\nreal\n{area}/point\n1\ndenied\nreal\nmore\nreadonly\nreal\nmore\n0\n"
    assert got.expect().stdout.decode() == wanted
    assert (area / "real" / "file").read_text() == "real\nmore\n"


def test_messages_to_what_is_mounted_later(area: Path, command: str, parrot: MakeParrot) -> None:
    """sendmsg with an address, which only a run that may get mounts stops at."""
    code = (
        "import socket; make = lambda: socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM); to, by = make(), make();"
        f"to.bind('{area}/real/sock'); by.sendmsg([b'x'], [], 0, '{area}/point/sock'); print(to.recv(9))"
    )
    script = f"{command} {area}/point {area}/real && python3 -I -c \"{code}\""
    got = parrot().run(["/bin/bash", "-c", script], options=["--dynamic-mounts"])
    assert got.expect().stdout == b"b'x'\n"


def test_what_was_given_stays(area: Path, command: str, parrot: MakeParrot) -> None:
    script = (
        f"{command} --unmount {area}/point; {command} {area}/point/x {area}/real r; {command} --unmount {area}/point/x;"
        f"{command} --unmount {area}/point; {command} --unmount /nothing; {command} /a /no/such/place;"
        f"{command} --disable && {command} /a {area}/real; cat {area}/point/file"
    )
    options = ["-M", f"{area}/point={area}/real"]
    got = parrot().run(["/bin/sh", "-c", script], options=options)
    assert got.stdout == b"real\n"
    lines = got.stderr.decode().splitlines()
    stays = f"parrot_mount: {area}/point: it was mounted by parrot_run (see --dynamic-mounts) [PP503]"
    assert lines == [
        stays,
        stays,
        "parrot_mount: /nothing: Invalid argument [PP503]",
        "parrot_mount: /a: No such file or directory [PP701]",
        "parrot_mount: /a: mounting was disabled [PP503]",
    ]
    script = f"{command} --unmount {area}/point && ls {area}/point && {command} --unmount {area}/point"
    got = parrot().run(["/bin/sh", "-c", script], options=[*options, "--dynamic-mounts"])
    assert (got.stdout, got.stderr.count(b"Invalid argument")) == (b"", 1)


def test_permissions_do_not_grow(area: Path, command: str, parrot: MakeParrot) -> None:
    """What a list refuses cannot be had by another name."""
    (area / "list").write_text(f"{area}/real rx\n{area}/point DENY\n/etc/ssh/* DENY\n")
    script = (
        f"{command} /a {area}/real rwx; cat /a/file; echo x >/a/file; {command} /b {area}/point rwx; "
        f"{command} {area}/point LOCAL;"
        f"{command} {area}/real {area}/real rwx; echo x >{area}/real/file; {command} /c {area} rwx; "
        f"{command} /d /etc rwx;"
        f"{command} '/e' 'resolver:/bin/echo' rwx"
    )
    got = parrot().run(["/bin/sh", "-c", script], options=["-m", str(area / "list")])
    assert got.stdout == b"real\n"
    assert got.stderr.count(b"Permission denied") == 4
    assert got.stderr.count(b"is not permitted") == 2
    assert got.stderr.count(b"only parrot_run itself") == 1
    assert (area / "real" / "file").read_text() == "real\n"


def test_a_repository_in_another_place(twin: Site, area: Path, command: str, parrot: MakeParrot) -> None:
    """The core's table of known names follows, both ways, while the job knows them already."""
    top = tree.TOP
    script = (
        f"set -e; cat {top}/hello.txt; ls {top} >/dev/null; {command} /sw {top}; cat /sw/hello.txt; "
        f"cd /sw/dir; pwd; cd /;"
        f"{command} {top}/hello.txt {area}/real/file; cat {top}/hello.txt; {command} {top}/dir ENOENT; "
        f"ls {top}/dir 2>/dev/null || echo gone;"
        f"{command} --unmount {top}/hello.txt; {command} --unmount {top}/dir; cat {top}/hello.txt; "
        f"ls {top}/dir | head -1"
    )
    got = parrot([twin.entry(tree.NAME)]).run(["/bin/bash", "-c", script])
    hello = "hello, world\n"
    assert got.expect().stdout.decode() == f"{hello}{hello}/sw/dir\nreal\ngone\n{hello}file\n"


def test_two_runs_do_not_meet(area: Path, command: str, parrot: MakeParrot) -> None:
    one, two = parrot(name="one"), parrot(name="two")
    wait = f"until [ -e {area}/go ]; do sleep 0.05; done; ls {area}/point"
    with one.running(["/bin/sh", "-c", wait], stdout=subprocess.PIPE) as waiting:
        inner = two.run(["/bin/sh", "-c", f"{command} {area}/point {area}/real; ls {area}/point"], cwd=area)
        assert inner.expect().stdout == b"file\n"
        places.give(area).joinpath("go").touch()
        assert waiting.communicate(timeout=60)[0] == b""


def test_outside(command: str) -> None:
    told = subprocess.run([command, "/a", "/b", "rwx"], check=False, capture_output=True, **places.as_job())
    assert told.returncode == 1
    assert told.stderr == b"parrot_mount: /a: not inside parrot_run (or inside one that does not answer) [PP501]\n"
    told = subprocess.run([command, "/a"], check=False, capture_output=True, **places.as_job())
    assert (told.returncode, told.stdout) == (2, b"")


def test_the_channel(parrot: MakeParrot) -> None:
    """Lines that are no requests are answered as such, several requests at once in their order; "
    "nothing ends the run."""
    code = CLIENT + (
        "answers = ask('{', '[]', '{}', '{\"version\": 1}', '{\"version\": 1, \"command\": \"mount\"}',"
        ' \'{"version": 1, "command": "unmount", "path": "/x"}\')\n'
        "print(json.dumps([a.get('errno') for a in answers]))\n"
        "s = socket.socket(socket.AF_UNIX); s.connect('/cvmfs/.parrot'); s.sendall(b'x' * 70000)\n"
        "try:\n    print(s.recv(10))\nexcept ConnectionResetError:\n    print(b'')\n"
        'print(ask(\'{"version": 1, "command": "none"}\')[0][\'errno\'])'
    )
    told = parrot().run(["python3", "-I", "-c", code]).expect().stdout.splitlines()
    assert json.loads(told[0]) == ["EINVAL", "EINVAL", "EPROTO", "EOPNOTSUPP", "EINVAL", "EINVAL"]
    assert told[1:] == [b"b''", b"EOPNOTSUPP"]


def test_only_the_job_is_heard(parrot: MakeParrot) -> None:
    """Somebody else's process gets no answer, though it finds the socket."""
    run = parrot()
    code = CLIENT + "ask('{\"version\": 1}'); print('ready', flush=True); input()"
    with run.running(["python3", "-I", "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as job:
        assert job.stdout is not None
        assert job.stdout.readline() == b"ready\n"
        [path] = run.tempdir.glob("s/*/control")
        assert os.stat(path).st_mode & 0o777 == 0o600
        with socket.socket(socket.AF_UNIX) as stranger:
            stranger.connect(os.fspath(path))
            stranger.settimeout(60)
            if os.geteuid() == path.stat().st_uid:  # who may kill the run may ask how it is, and nothing else
                stranger.sendall(b'{"version": 1, "command": "disable"}\n')
                assert json.loads(stranger.recv(4096))["errno"] == "EPERM"
            else:
                assert stranger.recv(10) == b""
        job.communicate(b"\n", timeout=60)

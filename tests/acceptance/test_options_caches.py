"""Options about what is kept, looked at again and unpacked, and about GROW-FS, shown on jobs."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from parrot_py.drivers.grow.export import Options, export
from tests.acceptance.test_companions import companion
from tests.support import places, tree
from tests.support.httpd import Fault, Server
from tests.support.options import shows
from tests.support.parrot import Parrot, environment
from tests.support.processes import eventually
from tests.support.sites import Site

MakeParrot = Callable[..., Parrot]
TEXT = b"what is in it\n" * 1000
PACKED = gzip.compress(TEXT)


class Web:
    """A server with a directory, which is exported as GROW-FS, too."""

    def __init__(self, home: Path) -> None:
        self.top = home / "web"
        self.top.mkdir()
        for name, data in (("plain", b"plain\n"), ("packed.gz", PACKED), ("false.gz", b"not packed\n")):
            (self.top / name).write_bytes(data)
        (self.top / "broken.gz").write_bytes(PACKED[:-20])
        export(os.fsencode(self.top), Options())
        places.give_all(self.top)
        self.server = Server({"/web": self.top}, tags=True)
        self.host = self.server.url.partition("://")[2]
        self.http, self.grow = f"/http/{self.host}/web", f"/grow/{self.host}/web"

    def asked(self, name: str) -> int:
        """How often *name* was sent."""
        return self.server.requests.count(f"/web/{name}")


@pytest.fixture
def web(home: Path) -> Iterator[Web]:
    made = Web(home)
    with made.server:
        yield made


@shows("auto-decompress")
def test_compressed_files_show_what_is_in_them(parrot: MakeParrot, web: Web) -> None:
    run = parrot()
    for top in (web.http, web.grow):
        packed = f"{top}/packed.gz"
        script = f"cat {packed} | sha1sum; stat -c %s {packed}; wc -c <{packed}; tail -c 6 {packed}; cat {top}/false.gz"
        told = run.run(["/bin/sh", "-c", script], options=["-Z"]).expect().text().splitlines()
        size = str(len(TEXT))
        assert told == [f"{hashlib.sha1(TEXT).hexdigest()}  -", size, size, "in it", "not packed"]
        assert run.run(["cat", f"{top}/broken.gz"], options=["--auto-decompress"]).expect().stdout == PACKED[:-20]
        assert gzip.decompress(run.run(["cat", packed]).expect().stdout) == TEXT
    told_sizes = run.run(["/bin/sh", "-c", f"ls {web.grow} >/dev/null; ls -l {web.grow}/packed.gz"], options=["-Z"])
    assert f" {len(TEXT)} " in told_sizes.expect().text()
    digest = run.run([*companion("md5"), f"{web.grow}/packed.gz"], options=["-Z"]).expect().text()
    assert digest.split()[0] == hashlib.md5(TEXT).hexdigest()


@shows("session-caching")
def test_what_was_seen_is_not_looked_at_again(parrot: MakeParrot, web: Web) -> None:
    run = parrot()
    web.server.fault("*/plain", Fault(headers={"Cache-Control": "max-age=1"}))

    def told(script: str, options: list[str], env: dict[str, str] | None = None) -> bytes:
        """What *script* says, whose first look (it touches "seen" then) comes before the file changes."""
        (web.top / "plain").write_bytes(b"plain\n")
        (run.home / "seen").unlink(missing_ok=True)
        with run.running(["/bin/sh", "-c", script], options=options, env=env, stdout=subprocess.PIPE) as job:
            eventually((run.home / "seen").exists)
            (web.top / "plain").write_bytes(b"another text\n")
            places.give_all(web.top)
            (run.home / "go").touch()
            out, _ = job.communicate(timeout=120)
        (run.home / "go").unlink()
        return bytes(out)

    begin = f"cat {web.http}/plain; touch $HOME/seen; until test -e $HOME/go; do sleep 0.1; done;"
    until_new = f"{begin} while cat {web.http}/plain | grep -q plain; do sleep 0.2; done; cat {web.http}/plain"
    for_a_while = f"{begin} for n in 1 2 3 4 5 6 7 8 9 10 11 12; do sleep 0.25; cat {web.http}/plain; done | uniq"
    assert told(until_new, []) == b"plain\nanother text\n"
    assert told(for_a_while, ["-S"]) == b"plain\nplain\n"
    assert told(for_a_while, [], environment(run.home, {"PARROT_SESSION_CACHE": "1"})) == b"plain\nplain\n"
    shown = run.run([], options=["-S", "--print-config"]).expect().text()
    assert "CVMFS_AUTO_UPDATE=no " in shown


@shows("stream-no-cache")
def test_streams_are_not_kept(parrot: MakeParrot, web: Web) -> None:
    run = parrot()
    for options, env, times in (
        ([], None, [1, 1]),
        (["-s"], None, [1, 2]),
        ([], environment(run.home, {"PARROT_FORCE_STREAM": "1"}), [1, 2]),
    ):
        places.remove(run.tempdir)
        web.server.requests.clear()
        for expected in times:
            told = run.run(["cat", f"{web.grow}/plain", f"{web.grow}/plain"], options=options, env=env)
            assert told.expect().stdout == b"plain\nplain\n"
            assert web.asked("plain") == expected
        assert not list(run.tempdir.glob("s/*"))


@shows("no-optimize")
def test_digests_are_read_from_the_file(parrot: MakeParrot, twin: Site) -> None:
    run = parrot([twin.entry(tree.NAME)])
    name = f"{tree.TOP}/hello.txt"
    command = [*companion("md5"), "-a", "sha1", name]
    opened: list[list[str]] = []
    for options in ([], ["-D"]):
        stats = run.home / f"stats{len(opened)}"
        told = run.run(command, options=[*options, "--record-access", str(stats)]).expect()
        assert told.text().split()[0] == hashlib.sha1(run.run(["cat", name]).stdout).hexdigest()
        kinds = [json.loads(line) for line in stats.read_text().splitlines()]
        opened.append([each["path"] for each in kinds if each["kind"] == "file"])
    assert name in opened[1]
    assert len(opened[0]) <= len(opened[1])


@shows("no-checksums", "with-checksums", "root-checksum")
def test_checksums_of_growfs(parrot: MakeParrot, web: Web) -> None:
    (web.top / "plain").write_bytes(b"other\n")  # after the listing was made
    places.give_all(web.top)
    run = parrot(options=["-T", "3"])
    name = f"{web.grow}/plain"
    assert run.run(["cat", name]).status == 1
    assert run.run(["cat", name], options=["-k", "-K"]).status == 1
    assert run.run(["cat", name], options=["--no-checksums"]).expect().stdout == b"other\n"
    right = hashlib.sha1((web.top / ".growfsdir").read_bytes()).hexdigest()
    packed = f"{web.grow}/packed.gz"
    run.run(["cat", packed], options=["-R", right]).expect()
    assert run.run(["cat", packed], options=["-R", "0" * 40]).status == 1
    assert run.run(["cat", packed], env=environment(run.home, {"PARROT_GROW_CHECKSUM": "0" * 40})).status == 1


@shows("record-access", "prefetch")
def test_records_and_what_is_fetched_ahead(parrot: MakeParrot, twin: Site) -> None:
    run = parrot([twin.entry(tree.NAME)])
    record = run.home / "record"
    name = f"{tree.TOP}/hello.txt"
    run.run(["cat", name], options=["--record-access", str(record)]).expect()
    assert name in record.read_text()
    other = parrot([twin.entry(tree.NAME)], name="other")
    for options, env in ((["--prefetch", str(record)], None), ([], {"PARROT_PREFETCH": str(record)})):
        places.remove(other.tempdir)
        twin.server.requests.clear()
        with other.running(
            ["/bin/sh", "-c", "while ! test -e $HOME/go; do sleep 0.1; done"],
            options=options, env=environment(other.home, env),
        ) as job:  # fmt: skip
            eventually(lambda: any("/data/" in path for path in twin.server.requests))
            (other.home / "go").touch()
            assert job.wait(60) == 0
        (other.home / "go").unlink()

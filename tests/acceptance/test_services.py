"""GROW-FS, plain URLs and fsspec file systems as a job sees them, beside repositories and all in one run."""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from parrot_py.drivers.grow.export import Options, export
from tests.drivers.contract import TREE
from tests.support import places, tree
from tests.support.contract_tree import write_tree
from tests.support.httpd import Server
from tests.support.parrot import Parrot, environment
from tests.support.processes import eventually
from tests.support.sites import Site

MakeParrot = Callable[..., Parrot]


class Web:
    """A server with an exported tree at /some/where, and its address without a scheme."""

    def __init__(self, home: Path) -> None:
        self.tree = write_tree(home / "tree")
        export(os.fsencode(self.tree), Options())
        places.give_all(self.tree)
        self.server = Server({"/some/where": self.tree}, tags=True)
        self.host = self.server.url.partition("://")[2]
        self.grow = f"/grow/{self.host}/some/where"
        self.http = f"/http/{self.host}/some/where"


@pytest.fixture
def web(home: Path) -> Iterator[Web]:
    made = Web(home)
    with made.server:
        yield made


def test_a_tree_of_growfs_is_walked(parrot: MakeParrot, web: Web) -> None:
    run = parrot()
    told = run.run(["/bin/sh", "-c", f"cd {web.grow} && find . -printf '%y %p %l\\n' | sort"]).expect()
    native = {f"{kind} {path} {target}".rstrip() for kind, path, target in _walk(web.tree)}
    assert {line.decode(errors="surrogateescape").rstrip() for line in told.stdout.splitlines()} == native
    script = f"cd {web.grow}/dir/deep && pwd && cat leaf ../inner ../../link && ls .."
    told = run.run(["/bin/sh", "-c", script]).expect()
    assert told.stdout == f"{web.grow}/dir/deep\nleafinnerinnerdeep\ninner\n".encode()


def _walk(top: Path) -> Iterator[tuple[str, str, str]]:
    yield "d", ".", ""
    for path in sorted(top.rglob("*")):
        if not path.name.startswith(".growfs"):
            kind = "l" if path.is_symlink() else "d" if path.is_dir() else "f"
            yield kind, f"./{path.relative_to(top)}", os.readlink(path) if kind == "l" else ""


@pytest.mark.parametrize("path", ["", "/none", "/some", "/some/other/file", "/some/where/none", "/some/where/dir/none"])
def test_what_is_not_exported_is_not_there(parrot: MakeParrot, web: Web, path: str) -> None:
    told = parrot().run(["cat", f"/grow/{web.host}{path}"])
    assert told.status == 1
    assert b"No such file" in told.stderr, told


def test_a_growfs_program_runs_and_nothing_is_written(parrot: MakeParrot, web: Web) -> None:
    script = web.tree / "run.sh"
    script.write_text("#!/bin/sh\necho ran $0 $1\n")
    script.chmod(0o755)
    export(os.fsencode(web.tree), Options())
    told = parrot().run([f"{web.grow}/run.sh", "well"]).expect()
    assert told.stdout == f"ran {web.grow}/run.sh well\n".encode()
    told = parrot().run(["/bin/sh", "-c", f"echo x >{web.grow}/new"])
    assert b"Read-only file system" in told.stderr, told


def test_an_outage_is_no_absence(parrot: MakeParrot, web: Web) -> None:
    web.server.stop()
    run = parrot(options=["-T", "3"])
    for path in (f"{web.grow}/file", f"{web.http}/file"):
        told = run.run(["cat", path])
        assert told.status == 1
        assert b"No such file" not in told.stderr, told


def test_the_root_checksum_and_no_checksums(parrot: MakeParrot, web: Web) -> None:
    (web.tree / "dir" / "inner").write_bytes(b"other")
    run = parrot()
    assert run.run(["cat", f"{web.grow}/dir/inner"]).status == 1
    assert run.run(["cat", f"{web.grow}/dir/inner"], options=["-k"]).expect().stdout == b"other"
    assert run.run(["cat", f"{web.grow}/file"], options=["-R", "ab" * 20]).status == 1


def test_a_tree_that_changes_in_the_middle(parrot: MakeParrot, web: Web, home: Path) -> None:
    """The job reads a file, the tree is exported anew, and the next look sees the new one."""
    script = f"cat {web.grow}/file; touch first; while [ ! -e go ]; do sleep 0.05; done; cat {web.grow}/dir/inner"
    with parrot().running(["/bin/sh", "-c", script], stdout=-1) as process:
        eventually(lambda: (home / "first").exists() or process.poll() is not None, what="the first file to be read")
        assert process.poll() is None
        (web.tree / "dir" / "inner").write_bytes(b"something new")
        export(os.fsencode(web.tree), Options())
        (home / "go").touch()
        out, _ = process.communicate(timeout=60)
    assert out == TREE[b"/file"][1] + b"something new"


def test_a_local_growfs(parrot: MakeParrot, web: Web) -> None:
    assert parrot().run(["cat", f"/grow/local{web.tree}/dir/inner"]).expect().stdout == b"inner"


def test_a_file_at_a_url(parrot: MakeParrot, web: Web) -> None:
    run = parrot()
    told = run.run(["cat", f"{web.http}/dir/inner", f"{web.http}/dir/../file"]).expect()
    assert told.stdout == b"inner" + TREE[b"/file"][1]
    told = run.run(["stat", "-c", "%A %s", f"{web.http}/file"]).expect()
    assert told.stdout == b"-r-xr-xr-x 13\n"
    assert b"No such file" in run.run(["cat", f"{web.http}/none"]).stderr


def test_services_can_be_switched_off(parrot: MakeParrot, web: Web) -> None:
    told = parrot().run(["cat", f"{web.http}/file"], options=["--disable-service", "http"])
    assert b"No such file" in told.stderr
    assert parrot().run(["cat", f"{web.grow}/file"], options=["--disable-service", "http"]).status == 0


def test_an_fsspec_mount(parrot: MakeParrot, web: Web, home: Path) -> None:
    pytest.importorskip("fsspec")
    names = {name: what for name, what in TREE.items() if what[0] == stat.S_IFREG and b"\xff" not in name}
    shutil.make_archive(str(home / "data"), "zip", write_tree(home / "zipped", names))
    run = parrot(options=["-M", f"/data=fsspec+zip://::file://{home}/data.zip"])
    script = "cd /data/dir && pwd && cat inner && ls -a /data && cat /data/dir/deep/leaf"
    told = run.run(["/bin/sh", "-c", script]).expect()
    assert told.stdout == b"/data/dir\ninner.\n..\ndir\nempty\nfile\nsame1\nsame2\nleaf"
    told = run.run(["/bin/sh", "-c", "echo x >/data/file"])
    assert b"Read-only file system" in told.stderr
    (home / "mounts").write_text(f"# where what is\n/data fsspec+file://{web.tree} rx\n")
    listed = parrot(options=["-m", str(home / "mounts")])
    assert listed.run(["cat", "/data/dir/inner"]).expect().stdout == b"inner"


def test_an_fsspec_protocol_that_nobody_knows(parrot: MakeParrot) -> None:
    pytest.importorskip("fsspec")
    told = parrot(options=["-M", "/data=fsspec+nonsense://host/path"]).run(["cat", "/data/file"])
    assert b"Input/output error" in told.stderr
    assert b"nonsense" in told.log


def test_everything_in_one_run(parrot: MakeParrot, web: Web, twin: Site, real: Site, home: Path) -> None:
    pytest.importorskip("fsspec")
    shutil.make_archive(str(home / "data"), "zip", write_tree(home / "zipped", {b"/z": (stat.S_IFREG, b"zipped\n")}))
    run = parrot(
        [twin.entry(tree.NAME), real.entry("basic.parrot.test")],
        ["-M", f"/data=fsspec+zip://::{web.server.url}/some/where/data.zip"],
    )
    shutil.copy(home / "data.zip", web.tree / "data.zip")
    names = [f"{tree.TOP}/hello.txt", "/data/z", f"{web.grow}/dir/inner", f"{web.http}/dir/inner"]
    told = run.run(["cat", *names]).expect()
    assert told.stdout == (tree.twin_tree().plain / "hello.txt").read_bytes() + b"zipped\ninnerinner"
    assert run.run(["ls", "/cvmfs/basic.parrot.test"], env=environment(home)).expect().stdout

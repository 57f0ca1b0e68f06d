"""How mounts are written: -M, and the lines of mountlist files."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from parrot_py import config
from parrot_py.config import RunConfig, mountlist
from parrot_py.config.model import DENY, ENOENT, LCACHE, LOCAL, RESOLVER, Mount
from parrot_py.errors import ConfigError

R, W, X = 4, 2, 1


@pytest.mark.parametrize(
    ("text", "mount"),
    [
        ("/a=/b", Mount(b"/a", b"/b")),
        ("//a//b/=/c/./d/", Mount(b"/a/b", b"/c/d")),
        ("/a=/b=c", Mount(b"/a", b"/b=c")),
        ("/=/b", Mount(b"/", b"/b")),
        ("/a=/a", Mount(b"/a", b"/a")),
        ("/cvmfs/x.org/local=/site", Mount(b"/cvmfs/x.org/local", b"/site")),
        ("/\udcff=/b", Mount(b"/\xff", b"/b")),
        ("/a=DENY", Mount(b"/a", b"", DENY)),
        ("/a*=ENOENT", Mount(b"/a*", b"", ENOENT)),
        ("/cvmfs/x.org=LOCAL", Mount(b"/cvmfs/x.org", b"", LOCAL)),
        ("/a=resolver:/bin/x y", Mount(b"/a", b"/bin/x y", RESOLVER)),
        ("/a=lcache:/b|/c", Mount(b"/a", b"/b", LCACHE, remote=b"/c")),
        ("/a=cvmfs:/x.org/b", Mount(b"/a", b"/cvmfs/x.org/b")),
        ("/a=local:/b", Mount(b"/a", b"/b")),
        ("/a=buffer:/b", Mount(b"/a", b"/b")),
    ],
)
def test_redirections(text: str, mount: Mount) -> None:
    assert mountlist.redirection(text, "-M") == mount


def test_relative_destination(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert mountlist.redirection("/tmp=scratch", "-M").destination == os.fsencode(tmp_path / "scratch")


@pytest.mark.parametrize(
    "text", ["", "/a", "a=/b", "/a=", "=/b", "/a=resolver:", "/a=lcache:/b", "/a=chirp:/x", "/a=lcache:|/b"]
)
def test_no_redirections(text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        mountlist.redirection(text, "-M")
    assert str(caught.value).startswith("-M: ")
    assert repr(text) in str(caught.value)


LIST = """\
# a comment
/tmp\t/scratch/tmp

   /indented   /b   \r
/etc rx
/data/*.key DENY
/soft /cvmfs/soft.org  RX
/one /two r
/three /four W # why
/same wxr
"""


def test_lines(tmp_path: Path) -> None:
    file = tmp_path / "list"
    file.write_text(LIST)
    assert mountlist.read(file, "-m") == [
        Mount(b"/tmp", b"/scratch/tmp"),
        Mount(b"/indented", b"/b"),
        Mount(b"/etc", b"/etc", allowed=R | X),
        Mount(b"/data/*.key", b"", DENY),
        Mount(b"/soft", b"/cvmfs/soft.org", allowed=R | X),
        Mount(b"/one", b"/two", allowed=R),
        Mount(b"/three", b"/four", allowed=W),
        Mount(b"/same", b"/same"),
    ]


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("/alone", "stands alone"),
        ("/a /b rq", "not a permission: 'rq'"),
        ("/a /b rw more", "more than three fields"),
        ("relative /b", "not an absolute name: 'relative'"),
        ("/a resolver:", "without a command"),
        ("/a ftp:/x", "no service 'ftp'"),
    ],
)
def test_mistakes_name_file_and_line(tmp_path: Path, line: str, why: str) -> None:
    file = tmp_path / "list"
    file.write_text(f"# first\n/x /y\n{line}\n")
    with pytest.raises(ConfigError) as caught:
        mountlist.read(file, "-m")
    assert str(caught.value).startswith(f"{file}:3: ")
    assert why in str(caught.value)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"^-m: cannot read .*No such file"):
        mountlist.read(tmp_path / "none", "-m")
    with pytest.raises(ConfigError, match=r"^-m: cannot read .*directory"):
        mountlist.read(tmp_path, "-m")


def test_the_order_is_environment_then_options_as_they_stand(tmp_path: Path) -> None:
    for name in ("one", "two", "env"):
        (tmp_path / name).write_text(f"/{name} /list\n")
    argv = ("-M", "/a=/1", "-m", f"{tmp_path}/one", "-M", "/b=/2", "--tab-file", f"{tmp_path}/two", "ls")
    environ = {"PARROT_MOUNT_STRING": "/s=/3", "PARROT_MOUNT_FILE": f"{tmp_path}/env"}
    wanted = config.read(argv, environ)
    assert isinstance(wanted, RunConfig)
    assert [mount.prefix for mount in wanted.mounts] == [b"/env", b"/s", b"/a", b"/one", b"/b", b"/two"]
    assert not wanted.dynamic_mounts
    dynamic = config.read(("--dynamic-mounts", "--ftab-file", f"{tmp_path}/one", "ls"), {})
    assert isinstance(dynamic, RunConfig)
    assert dynamic.dynamic_mounts
    assert [mount.prefix for mount in dynamic.mounts] == [b"/one"]

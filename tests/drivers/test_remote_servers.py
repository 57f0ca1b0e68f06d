"""The driver contract over real servers of many protocols, by their fsspec packages."""

from __future__ import annotations

import errno
import os
import shutil
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from parrot_py.drivers.base import Driver
from tests.drivers.contract import DriverContract, expect_errno
from tests.drivers.test_remote import PLAIN, fsspec_driver
from tests.support import places
from tests.support.contract_tree import write_tree
from tests.support.httpd import Server
from tests.support.ports import free_port
from tests.support.processes import eventually

BLANK = b"/with blank \xff"
TEXT = {name: what for name, what in PLAIN.items() if name != BLANK}


def wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    """Until somebody listens on *port*."""

    def answered() -> bool:
        assert process.poll() is None, "the server ended"
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) == 0

    eventually(answered, what=f"somebody who listens on port {port}")


@contextmanager
def serving(command: Sequence[str], port: int, where: Path) -> Iterator[None]:
    """*command*, which listens on *port*, for as long as it is needed."""
    with subprocess.Popen(command, cwd=where, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
        try:
            wait_for(port, server)
            yield
        finally:
            server.kill()


def python(module: str, *arguments: str) -> list[str]:
    return [sys.executable, "-W", "ignore", "-m", module, *arguments]


@pytest.fixture(scope="module")
def ftp(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of an FTP server."""
    pytest.importorskip("pyftpdlib")
    tree, port = write_tree(tmp_path_factory.mktemp("served") / "tree", TEXT), free_port()
    with serving(python("pyftpdlib", "-i", "127.0.0.1", "-p", str(port), "-d", str(tree)), port, tree.parent):
        yield f"ftp://127.0.0.1:{port}/"


@pytest.fixture(scope="module")
def s3() -> Iterator[str]:
    """The address of an S3 server."""
    pytest.importorskip("s3fs")
    pytest.importorskip("moto.server")
    port = free_port()
    with serving(python("moto.server", "-H", "127.0.0.1", "-p", str(port)), port, Path("/")):
        yield f"http://127.0.0.1:{port}"


@pytest.fixture(scope="module")
def webdav(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a WebDAV server."""
    pytest.importorskip("webdav4")
    pytest.importorskip("wsgidav")
    pytest.importorskip("cheroot")  # what serves it
    tree, port = write_tree(tmp_path_factory.mktemp("served") / "tree", TEXT), free_port()
    options = ["--host", "127.0.0.1", "--port", str(port), "--root", str(tree), "--auth", "anonymous", "-q"]
    with serving(python("wsgidav.server.server_cli", *options), port, tree.parent):
        yield f"http://127.0.0.1:{port}"


@pytest.fixture(scope="module")
def xrootd() -> Iterator[str]:
    """The address of the tree on an xrootd server."""
    pytest.importorskip("fsspec_xrootd")
    if shutil.which("xrootd") is None:
        pytest.skip("xrootd is not installed")
    base, port = places.fresh(places.base() / "work" / f"xrootd-{os.getpid()}"), free_port()
    for path in (write_tree(base / "tree", TEXT), base / "run"):
        path.mkdir(exist_ok=True)
        places.give(path)
    (base / "xrootd.cfg").write_text(
        f"xrd.port {port}\nall.export /tree r/o\noss.localroot {base}\n"
        f"all.adminpath {base}/run\nall.pidpath {base}/run\n"
    )
    user = ["-R", "nobody"] if os.geteuid() == 0 else []
    with serving(["xrootd", "-c", str(base / "xrootd.cfg"), *user], port, base / "run"):
        yield f"root://127.0.0.1:{port}//tree"


class ServedTree(DriverContract):
    """What hardly any protocol has, and names that it would have to spell in UTF-8."""

    HARD_LINKS = ATTRIBUTES = LINKS = False
    ABSENT = frozenset({BLANK})


class TestFtp(ServedTree):
    @pytest.fixture
    def driver(self, ftp: str, tmp_path: Path) -> Driver:
        return fsspec_driver(ftp, tmp_path / "cache")


class TestWebDav(ServedTree):
    @pytest.fixture
    def driver(self, webdav: str, tmp_path: Path) -> Driver:
        return fsspec_driver("webdav://", tmp_path / "cache", base_url=webdav)


# The client starts threads, again in each child that is forked: no company for tests whose tracer is such a child.
@pytest.mark.serial
class TestXrootd(ServedTree):
    @pytest.fixture
    def driver(self, xrootd: str, tmp_path: Path) -> Driver:
        return fsspec_driver(xrootd, tmp_path / "cache")


class TestS3(ServedTree):
    ABSENT = frozenset({BLANK, b"/hollow"})

    @pytest.fixture
    def driver(self, s3: str, tmp_path: Path) -> Driver:
        import fsspec

        options = {"key": "k", "secret": "s", "client_kwargs": {"endpoint_url": s3}}
        bucket = f"bucket-{abs(hash(tmp_path))}"
        fs = fsspec.filesystem("s3", **options)
        fs.mkdir(bucket)
        for name, (kind, data) in TEXT.items():
            if kind == stat.S_IFREG:
                fs.pipe_file(f"{bucket}/prefix{name.decode()}", data)
        return fsspec_driver(f"s3://{bucket}/prefix", tmp_path / "cache", **options)


class TestGit(ServedTree):
    ABSENT = frozenset({BLANK, b"/hollow"})

    @pytest.fixture
    def driver(self, tmp_path: Path) -> Driver:
        pytest.importorskip("pygit2")
        if shutil.which("git") is None:
            pytest.skip("git is not installed")
        tree = write_tree(tmp_path / "tree", TEXT)
        who = ["-c", "user.name=t", "-c", "user.email=t@example.org"]
        for command in (["init", "-q"], ["add", "-A"], [*who, "commit", "-q", "-m", "tree"]):
            subprocess.run(["git", *command], cwd=tree, check=True, env={**os.environ, "HOME": str(tmp_path)})
        return fsspec_driver(f"git://{tree}:", tmp_path / "cache")


def test_http_by_fsspec_reads_what_is_named(tmp_path: Path) -> None:
    pytest.importorskip("aiohttp")
    with Server(write_tree(tmp_path / "tree"), tags=True) as server:
        driver = fsspec_driver(server.url, tmp_path / "cache")
        assert Path(driver.materialise(driver.lookup(b"/dir/inner"))).read_bytes() == b"inner"
        expect_errno(errno.ENOENT, lambda: driver.lookup(b"/none"))
        driver.close()

"""Files at plain URLs, against a web server that fails in the ways that servers do."""

from __future__ import annotations

import errno
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from parrot_py.drivers.remote.driver import RemoteDriver
from parrot_py.drivers.remote.http_facts import errno_of
from parrot_py.drivers.remote.http_source import HttpSource
from tests.drivers.contract import TREE, expect_errno
from tests.drivers.test_remote import config
from tests.support.contract_tree import write_tree
from tests.support.httpd import Fault, Server


class Web:
    """A web server with a tree, and drivers that reach it."""

    def __init__(self, base: Path) -> None:
        self.base, self.tree = base, write_tree(base / "tree")
        self.server = Server(self.tree, tags=True)
        self.driver = RemoteDriver(HttpSource("http", timeout=30.0, patience=60.0), config(base / "cache"))

    @property
    def top(self) -> bytes:
        return b"/" + self.server.url.partition("://")[2].encode()


@pytest.fixture
def web(tmp_path: Path) -> Iterator[Web]:
    made = Web(tmp_path)
    with made.server:
        yield made
        made.driver.close()


def test_files_at_urls(web: Web) -> None:
    inode = web.driver.lookup(web.top + b"/dir/inner")
    assert (inode.mode, inode.size) == (stat.S_IFREG | 0o555, 5)
    assert Path(web.driver.materialise(inode)).read_bytes() == b"inner"
    expect_errno(errno.ENOENT, lambda: web.driver.lookup(web.top + b"/none"))
    assert web.driver.lookup(web.top).is_dir
    assert web.driver.listdir(web.driver.lookup(web.top)) == []
    expect_errno(errno.ENOENT, lambda: web.driver.lookup(b"/not a host"))


def test_names_are_quoted_as_little_as_possible(web: Web) -> None:
    assert web.driver.lookup(web.top + b"/with blank \xff").size == 5
    assert web.driver.lookup(web.top + b"/with%20blank%20%ff").size == 5


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (304, errno.EBUSY), (400, errno.EINVAL), (401, errno.EACCES), (403, errno.EACCES), (404, errno.ENOENT),
        (405, errno.EINVAL), (406, errno.EINVAL), (407, errno.EACCES), (408, errno.ETIMEDOUT), (409, errno.ENOENT),
        (410, errno.ENOENT), (411, errno.EINVAL), (414, errno.ENAMETOOLONG), (416, errno.EINVAL), (429, errno.EBUSY),
        (500, errno.EIO), (502, errno.EIO), (503, errno.EIO), (504, errno.EIO),
    ],
)  # fmt: skip
def test_answers_and_their_errno(web: Web, status: int, code: int) -> None:
    assert errno_of(status) == code
    web.server.fault("*/dir/inner", Fault(status=status))
    expect_errno(code, lambda: web.driver.lookup(web.top + b"/dir/inner"))


def test_nobody_there(tmp_path: Path) -> None:
    driver = RemoteDriver(HttpSource("http", timeout=30.0), config(tmp_path))
    expect_errno(errno.ECONNRESET, lambda: driver.lookup(b"/127.0.0.1:1/file"))
    expect_errno(errno.ECONNRESET, lambda: driver.lookup(b"/no.such.host.invalid/file"))


def test_silence_is_a_time_out(web: Web, tmp_path: Path) -> None:
    web.server.fault("*", Fault(delay=60.0))
    driver = RemoteDriver(HttpSource("http", timeout=1.0, patience=2.0), config(tmp_path))
    expect_errno(errno.ETIMEDOUT, lambda: driver.lookup(web.top + b"/file"))
    driver.close()


def test_redirections_are_followed_a_few_times(web: Web) -> None:
    web.server.fault("/old", Fault(status=302, headers={"Location": "/file"}))
    assert Path(web.driver.materialise(web.driver.lookup(web.top + b"/old"))).read_bytes() == TREE[b"/file"][1]
    web.server.fault("/round", Fault(status=302, headers={"Location": "/round"}))
    expect_errno(errno.ELOOP, lambda: web.driver.lookup(web.top + b"/round"))
    web.server.fault("/out", Fault(status=302, headers={"Location": "file:///etc/passwd"}))
    expect_errno(errno.EIO, lambda: web.driver.lookup(web.top + b"/out"))


def test_a_download_that_breaks_goes_on(web: Web) -> None:
    (web.tree / "big").write_bytes(bytes(range(256)) * 4096)
    web.server.fault("/big", Fault(truncate=300_000), times=2)
    inode = web.driver.lookup(web.top + b"/big")
    assert Path(web.driver.materialise(inode)).read_bytes() == bytes(range(256)) * 4096


def test_a_file_that_changes_in_the_middle_is_stale(web: Web) -> None:
    inode = web.driver.lookup(web.top + b"/dir/inner")
    (web.tree / "dir" / "inner").write_bytes(b"other, longer")
    expect_errno(errno.ESTALE, lambda: web.driver.materialise(inode))
    web.driver.expire()
    assert Path(web.driver.materialise(web.driver.lookup(web.top + b"/dir/inner"))).read_bytes() == b"other, longer"


def test_a_proxy_that_is_dead_is_passed_by(web: Web) -> None:
    source = HttpSource("http", (("http://127.0.0.1:1",), ("DIRECT",)), timeout=2.0)
    driver = RemoteDriver(source, config(web.base / "other"))
    assert driver.lookup(web.top + b"/file").size == 13


def test_what_is_cached_is_asked_for_but_not_fetched(web: Web) -> None:
    for _ in range(2):
        web.driver.materialise(web.driver.lookup(web.top + b"/file"))
        web.driver.expire()
    assert web.server.methods == ["HEAD", "GET", "HEAD"]
    assert "If-None-Match" in web.server.headers[2]

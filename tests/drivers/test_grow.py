"""GROW-FS: the format in both forms, and the client against a real server."""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from parrot_py.config.model import RepositoryConfig
from parrot_py.drivers import registry
from parrot_py.drivers.base import Driver
from parrot_py.drivers.grow.driver import GrowDriver
from parrot_py.drivers.grow.export import Options, export
from parrot_py.drivers.grow.format import GROW_EPOCH, GrowError, Line, parse
from tests.drivers.contract import NEXT, TREE, DriverContract, expect_errno
from tests.support.contract_tree import materialise_all, write_tree
from tests.support.httpd import Fault, Server

SUM = b"2aae6c35c94fcfb415dbe95f408b9ce91ee846ed"
TOP = b"D root\t16877 4096 0 0\n"


class Site:
    """A web server with one exported tree, and drivers for it with caches of their own."""

    def __init__(self, base: Path) -> None:
        self.base, self.tree = base, write_tree(base / "tree")
        export(os.fsencode(self.tree), Options())
        self.server = Server({"/sw": self.tree})

    def config(self) -> RepositoryConfig:
        config = RepositoryConfig("grow site", (f"{self.server.url}/sw",), (), self.base / "cache")
        return config._replace(timeout=30.0, timeout_direct=30.0, deadline=60.0, backoff_init=0.1, backoff_max=0.2)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    made = Site(tmp_path)
    with made.server:
        yield made


class TestGrowDriver(DriverContract):
    HARD_LINKS = ATTRIBUTES = False

    @pytest.fixture
    def driver(self, site: Site) -> Driver:
        return registry.make("grow", site.config())


class TestGrowDriverThatChanges(DriverContract):
    HARD_LINKS = ATTRIBUTES = False

    @pytest.fixture
    def driver(self, site: Site) -> Driver:
        driver = GrowDriver(site.config())
        materialise_all(driver)
        return driver

    @pytest.fixture
    def publish(self, site: Site) -> Callable[[Driver], None]:
        def publish(driver: Driver) -> None:
            assert isinstance(driver, GrowDriver)
            write_tree(site.tree, NEXT)
            export(os.fsencode(site.tree), Options())
            driver.look_for_news()

        return publish


# -- the format


def test_the_compact_form() -> None:
    text = TOP + b"F a b\t33188 5 -7 " + SUM + b"\nD d\t16877 1 2 0\nL l\t41471 99 3 0 ../x y\nE\nE anything\n"
    assert list(parse(text)) == [
        Line(b"", 0o40755, 4096, GROW_EPOCH),
        Line(b"/a b", 0o100644, 5, GROW_EPOCH - 7, bytes.fromhex(SUM.decode())),
        Line(b"/d", 0o40755, 1, GROW_EPOCH + 2),
        Line(b"/d/l", 0o120777, 6, GROW_EPOCH + 3, None, b"../x y"),
    ]


def test_the_old_form() -> None:
    top = b"D root\t40755 2 4096 0 0 1300000000 0 0\n"
    text = top + b"F f\t100644 1 5 0 0 1300000001 0 " + SUM + b"\nL l\t120777 1 1 0 0 1300000002 0 0 f\nE\n"
    assert list(parse(text)) == [
        Line(b"", 0o40755, 4096, 1300000000),
        Line(b"/f", 0o100644, 5, 1300000001, bytes.fromhex(SUM.decode())),
        Line(b"/l", 0o120777, 1, 1300000002, None, b"f"),
    ]


def test_a_compact_link_to_numbers_is_no_old_link() -> None:
    line = b"L l\t41471 9 100 0 7 8 9 0 0\n"
    assert list(parse(TOP + line + b"E\n"))[1].target == b"7 8 9 0 0"


def test_an_absolute_link_begins_at_the_top() -> None:
    text = b"L a\t41471 2 0 0 /x/y\nD d\t16877 0 0 0\nL b\t41471 1 0 0 /\nL c\t41471 1 0 0 /x\nE\nE\n"
    lines = list(parse(TOP + text))
    assert [line.target for line in lines if line.target] == [b"x/y", b"../.", b"../x"]


@pytest.mark.parametrize(
    "text",
    [
        b"", b"E\n", TOP, TOP + b"E", TOP + b"E\nE\n", TOP + b"E\n" + TOP, b"F a\t33188 0 0 0\n", b"\n" + TOP + b"E\n",
        *(TOP + line + b"\nE\n" for line in (
            b"F a/b\t33188 0 0 0", b"F ..\t33188 0 0 0", b"F .\t33188 0 0 0", b"F \t33188 0 0 0", b"F a\0\t33188 0 0 0",
            b"F " + b"n" * 256 + b"\t33188 0 0 0", b"F a\t33188 -1 0 0", b"F a\t33188 0 0 12", b"F a\t16877 0 0 0",
            b"F a\t33188 99999999999999999999 0 0", b"F a\t33188 0 99999999999999 0", b"F a\t33188 0 0",
            b"F a 33188 0 0 0", b"X a\t33188 0 0 0", b"Fa\t33188 0 0 0", b"L a\t41471 0 0 0", b"L a\t41471 0 0 0 ",
            b"D d\t16877 0 0 0", b"F a\t-1 0 0 0", b"L a\t41471 0 0 0 " + b"t" * 4096,
        )),
        TOP + (b"D " + b"d" * 250 + b"\t16877 0 0 0\n") * 20 + b"E\n" * 21,
    ],
)  # fmt: skip
def test_what_is_no_listing(text: bytes) -> None:
    with pytest.raises(GrowError):
        list(parse(text))


# -- the client


def serve(site: Site, text: bytes, digest: bytes | None = None) -> None:
    (site.tree / ".growfsdir").write_bytes(text)
    stated = digest or hashlib.sha1(text).hexdigest().encode()
    (site.tree / ".growfschecksum").write_bytes(stated + b"  -\n")


def test_a_hostile_listing_is_an_error_and_a_line(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    serve(site, TOP + b"F ../../etc/passwd\t33188 0 0 0\nE\n")
    driver = GrowDriver(site.config())
    for _ in range(3):
        expect_errno(errno.EIO, lambda: driver.lookup(b"/x"))
    assert [record.message for record in caplog.records if record.levelname == "ERROR"] == [
        "grow site: file .growfsdir: line 2: an impossible name, '../../etc/passwd'"
    ]
    driver.close()


def test_a_name_that_is_there_twice(site: Site) -> None:
    serve(site, TOP + b"F a\t33188 0 0 0\nF a\t33188 0 0 0\nE\n")
    driver = GrowDriver(site.config())
    expect_errno(errno.EIO, lambda: driver.lookup(b"/a"))
    driver.close()


@pytest.mark.parametrize("stated", [b"0" * 40, b"", b"nonsense", b"ab"])
def test_a_listing_that_does_not_fit_its_checksum(site: Site, stated: bytes) -> None:
    serve(site, TOP + b"E\n", stated or b" ")
    driver = GrowDriver(site.config())
    expect_errno(errno.EIO, lambda: driver.lookup(b""))
    driver.close()


def test_the_root_checksum(site: Site) -> None:
    good = hashlib.sha1((site.tree / ".growfsdir").read_bytes()).hexdigest()
    (site.tree / ".growfschecksum").unlink()
    for root, works in ((good, True), ("ab" * 20, False)):
        driver = GrowDriver(site.config(), root=root)
        if works:
            assert driver.lookup(b"/file").size == 13
        else:
            expect_errno(errno.EIO, lambda driver=driver: driver.lookup(b"/file"))  # type: ignore[misc]
        driver.close()


def test_content_is_checked(site: Site) -> None:
    (site.tree / "dir" / "inner").write_bytes(b"outer")
    checked, unchecked = GrowDriver(site.config()), GrowDriver(site.config(), checksums=False)
    expect_errno(errno.EIO, lambda: checked.materialise(checked.lookup(b"/dir/inner")))
    assert Path(unchecked.materialise(unchecked.lookup(b"/dir/inner"))).read_bytes() == b"outer"
    checked.close()
    unchecked.close()


def test_content_without_a_checksum_has_the_right_length(site: Site) -> None:
    export(os.fsencode(site.tree), Options(checksums=False))
    driver = GrowDriver(site.config())
    assert Path(driver.materialise(driver.lookup(b"/file"))).read_bytes() == TREE[b"/file"][1]
    (site.tree / "dir" / "inner").write_bytes(b"in")
    expect_errno(errno.EIO, lambda: driver.materialise(driver.lookup(b"/dir/inner")))
    driver.close()


def test_a_tree_that_was_exported_anew_is_noticed(site: Site) -> None:
    driver = GrowDriver(site.config())
    driver.watch(lambda: None)
    old = driver.lookup(b"/file")
    write_tree(site.tree, NEXT)
    export(os.fsencode(site.tree), Options())
    expect_errno(errno.ESTALE, lambda: driver.materialise(old))
    assert driver.settle()
    assert Path(driver.materialise(driver.lookup(b"/file"))).read_bytes() == NEXT[b"/file"][1]
    driver.close()


def test_no_tree_and_no_server_are_not_the_same(site: Site) -> None:
    shutil.rmtree(site.tree)
    site.tree.mkdir()
    driver = GrowDriver(site.config())
    assert not driver.exists()
    driver.close()
    site.server.fault("*", Fault(status=503))
    driver = GrowDriver(site.config())
    expect_errno(errno.EIO, driver.exists)
    driver.close()


def test_what_is_cached_is_not_fetched_again(site: Site) -> None:
    for _ in range(2):
        driver = GrowDriver(site.config())
        driver.materialise(driver.lookup(b"/file"))
        driver.close()
    asked = [request.rpartition("/")[2] for request in site.server.requests]
    assert asked == [".growfschecksum", ".growfsdir", "file", ".growfschecksum"]


def test_a_local_directory(site: Site) -> None:
    driver = GrowDriver(site.config()._replace(urls=(f"file://{site.tree}",)))
    assert Path(driver.materialise(driver.lookup(b"/dir/inner"))).read_bytes() == b"inner"
    driver.close()

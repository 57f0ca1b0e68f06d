"""GROW-FS: the exporter, and Debian's make_growfs."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
from pathlib import Path

import pytest

from parrot_py.drivers.grow.cli import main
from parrot_py.drivers.grow.driver import GrowDriver
from parrot_py.drivers.grow.export import ExportError, Follow, Options, export
from parrot_py.drivers.grow.format import parse
from tests.drivers.contract import TREE
from tests.drivers.test_grow import Site, site
from tests.support.contract_tree import write_tree

__all__ = ["site"]


def test_links(tmp_path: Path) -> None:
    top = write_tree(tmp_path / "tree")
    os.symlink(top / "dir" / "inner", top / "dir" / "absolute")
    os.symlink("/dev/null/none", top / "broken")
    (tmp_path / "outside").write_text("outside")
    os.symlink("../outside", top / "leaving")

    def seen(follow: Follow) -> dict[bytes, bytes | None]:
        export(os.fsencode(top), Options(follow=follow))
        lines = {line.path: line.target for line in parse((top / ".growfsdir").read_bytes())}
        return {name: lines[name] for name in (b"/link", b"/dir/absolute", b"/broken", b"/leaving")}

    absolute = os.fsencode(top / "dir" / "inner")
    assert seen(Follow.LEAVING) == {
        b"/link": b"dir/inner", b"/dir/absolute": b"../dir/inner", b"/broken": b"dev/null/none", b"/leaving": None
    }  # fmt: skip
    assert seen(Follow.NONE) == {
        b"/link": b"dir/inner", b"/dir/absolute": b".." + absolute, b"/broken": b"dev/null/none",
        b"/leaving": b"../outside",
    }  # fmt: skip
    assert seen(Follow.ALL) == dict.fromkeys(seen(Follow.ALL), None) | {b"/broken": b"dev/null/none"}


def test_following_in_a_circle_is_refused(tmp_path: Path) -> None:
    top = write_tree(tmp_path / "tree")
    os.symlink("..", top / "dir" / "up")
    with pytest.raises(ExportError, match="leads into a directory that it is in"):
        export(os.fsencode(top), Options(follow=Follow.ALL))
    assert not (top / ".growfsdir").exists()


def test_checksums_are_computed_once(tmp_path: Path) -> None:
    top = write_tree(tmp_path / "tree")
    assert export(os.fsencode(top), Options()).checksums == 7
    assert export(os.fsencode(top), Options()).checksums == 0
    (top / "file").write_bytes(b"something else")
    assert export(os.fsencode(top), Options()).checksums == 1


@pytest.mark.parametrize("name", [b"tab\there", b"new\nline"])
def test_a_name_that_cannot_be_written(tmp_path: Path, name: bytes, capsys: pytest.CaptureFixture[str]) -> None:
    top = write_tree(tmp_path / "tree")
    Path(os.fsdecode(os.fsencode(top) + b"/" + name)).touch()
    assert main([str(top)]) == 1
    assert "has no way to write such a name" in capsys.readouterr().err


@pytest.mark.skipif(shutil.which("make_growfs") is None, reason="Debian's coop-computing-tools is not installed")
def test_debian_and_we_understand_each_other(site: Site) -> None:
    command = ["/usr/bin/make_growfs", "."]
    ours = (site.tree / ".growfsdir").read_bytes()
    subprocess.run(command, cwd=site.tree, check=True, capture_output=True)
    theirs = (site.tree / ".growfsdir").read_bytes()
    # Theirs is not sorted, reads names with blanks again, and so does not depend on what we had written.
    assert set(parse(theirs)) == set(parse(ours))
    driver = GrowDriver(site.config())
    for path, (kind, data) in TREE.items():
        if kind == stat.S_IFREG:
            assert Path(driver.materialise(driver.lookup(path))).read_bytes() == data
    driver.close()
    assert export(os.fsencode(site.tree), Options()).checksums == 0

"""``.cvmfsdirtab``: nested catalogs by patterns."""

from __future__ import annotations

from pathlib import Path

import pytest

from parrot_py.drivers.cvmfs.publish.dirtab import read_dirtab
from parrot_py.drivers.cvmfs.publish.keys import RepositoryKeys
from parrot_py.drivers.cvmfs.publish.objects import PublishError
from parrot_py.drivers.cvmfs.publish.publication import PublishOptions, publish
from tests.drivers.publish_trees import assert_same
from tests.drivers.test_publish import NOW, read

TAB = b"""
# every version of every program
/soft/*/[0-9]*
/data/\xff?/
  ! /soft/old/*
! 2.0/tests
/soft/*/*/tests
! */.hidden
/.conf/*
"""


@pytest.mark.parametrize(
    ("path", "begins"),
    [
        (b"/soft/gcc/1.0", True),
        (b"/soft/gcc/current", False),
        (b"/soft/gcc", False),
        (b"/soft/gcc/1.0/bin", False),
        (b"/soft/old/1.0", False),
        (b"/soft/gcc/1.0/tests", True),
        (b"/soft/gcc/2.0/tests", False),
        (b"/soft/.gcc/1.0", False),
        (b"/data/\xff1", True),
        (b"/data/\xff", False),
        (b"/.conf/x", True),
        (b"/.conf/.hidden", False),
        (b"/other/soft/gcc/1.0", False),
    ],
)
def test_patterns(tmp_path: Path, path: bytes, begins: bool) -> None:
    tmp_path.joinpath(".cvmfsdirtab").write_bytes(TAB)
    assert read_dirtab(tmp_path).matches(path) is begins


@pytest.mark.parametrize("line", ["soft/*", "*", "!", "/"])
def test_a_line_that_is_no_pattern(tmp_path: Path, line: str) -> None:
    tmp_path.joinpath(".cvmfsdirtab").write_text(f"# comment\n{line}\n")
    with pytest.raises(PublishError, match=r"\.cvmfsdirtab, line 2: .* is no pattern"):
        read_dirtab(tmp_path)


def test_directories_that_match_are_nested_catalogs(tmp_path: Path, repository_keys: RepositoryKeys) -> None:
    source = tmp_path / "source"
    for place in ("a/1/deep", "a/2", "b/1"):
        source.joinpath(place).mkdir(parents=True)
        source.joinpath(place, "file").write_text(place)
    source.joinpath("b/1/.cvmfscatalog").touch()
    source.joinpath(".cvmfsdirtab").write_text("/a/*\n/b/*\n/*/*/file\n")
    options = PublishOptions(now=NOW)
    tree = read(publish(source, tmp_path / "web", repository_keys, options))
    assert set(tree.catalogs) == {b"", b"/a/1", b"/a/2", b"/b/1"}
    assert_same(tree, source)
    source.joinpath(".cvmfsdirtab").write_text("/a/1\n")
    tree = read(publish(source, tmp_path / "web", repository_keys, options))
    assert set(tree.catalogs) == {b"", b"/a/1", b"/b/1"}
    assert_same(tree, source)

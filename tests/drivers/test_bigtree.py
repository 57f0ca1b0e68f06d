"""The big repositories of measurements have the shape that was asked for."""

from __future__ import annotations

from pathlib import Path

from bench.bigtree import Shape, publish_big
from parrot_py.drivers.cvmfs.publish.publication import PublishOptions
from tests.drivers.publish_trees import assert_same
from tests.drivers.test_publish import NOW, read


def test_entries_and_catalogs_are_as_many_as_asked_for(tmp_path: Path) -> None:
    done = publish_big(
        tmp_path, "odd.parrot.test", Shape(entries=521, catalogs=4, contents=100), PublishOptions(now=NOW)
    )
    tree = read(done)
    assert len(tree.entries) == 521 + 1
    assert len(tree.catalogs) == 4 + 1
    assert_same(tree, tmp_path / "tree")
    assert all(seen.row["hardlinks"] >> 32 == 0 for seen in tree.entries.values())
